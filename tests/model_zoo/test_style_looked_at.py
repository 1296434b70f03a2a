"""What is found out by looking at the images of a style: sizes, the case of its letters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from styled import quickly, write_style

from model_zoo.charset import Charset
from model_zoo.generators.styles.style import SMALL
from model_zoo.split import LabelledFile, labelled_files
from model_zoo.style.backbone import Case
from model_zoo.style.looked_at import Inputs, best_case, draw_bank, input_width, read_inputs
from model_zoo.training.data import Normalisation
from model_zoo.training.start import Start, load_start


@pytest.fixture(scope="module")
def start() -> Start:
    """The generic model, whichever it is."""
    return load_start("generic")


def inputs_of(files: list[LabelledFile], start: Start, charset: str | None = None) -> Inputs:
    return read_inputs(files[:30], files[30:], charset, start)


def test_images_and_labels_are_read_in_their_order(digits: list[LabelledFile], start: Start) -> None:
    inputs = inputs_of(digits, start)

    assert inputs.files == tuple(digits)
    assert inputs.training.labels == tuple(file.label for file in digits[:30])
    assert inputs.training.pixels.shape == (30, 1, start.card.height, start.card.width)
    assert inputs.validation is not None
    assert inputs.validation.labels == tuple(file.label for file in digits[30:])
    assert (inputs.charset.chars, inputs.length, inputs.time_steps) == ("0123456789", (4, 4), 24)
    assert read_inputs(digits[:5], [], "0123456789x", start).charset.chars == "0123456789x"
    assert read_inputs(digits[:5], [], None, start).validation is None


@pytest.mark.parametrize(
    ("longest", "width"), [(1, 192), (8, 192), (9, 216), (12, 288), (32, 768), (100, 768)]
)
def test_longer_labels_get_a_wider_input_with_three_frames_a_character(longest: int, width: int) -> None:
    assert input_width(longest, 192) == width


@pytest.mark.parametrize(
    ("capitals", "case"), [pytest.param(False, "labelled", id="small"), pytest.param(True, "other", id="big")]
)
def test_the_start_tells_which_case_the_images_show(
    capitals: bool, case: Case, start: Start, tmp_path: Path
) -> None:
    letters = "abdeghnqrt"  # which look another way as capitals
    files = labelled_files(write_style(tmp_path / "letters", 24, charset=letters, capitals=capitals))

    inputs = inputs_of(files, start)

    assert set(inputs.charset.chars) <= set(SMALL)
    assert best_case(inputs, start, Normalisation(start.card.mean, start.card.std)) == case


@pytest.mark.parametrize("charset", ["0123456789", "0123456789aA"])
def test_without_letters_or_with_both_cases_the_labels_are_taken_at_their_word(
    charset: str, digits: list[LabelledFile], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_zoo.style.looked_at.style_network", lambda *_: pytest.fail("it looked"))

    assert best_case(inputs_of(digits, start, charset), start, Normalisation(0.0, 1.0)) == "labelled"


def test_the_bank_has_the_styles_characters_and_lengths_and_the_seed_decides_it(
    digits: list[LabelledFile], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickly(monkeypatch)
    inputs = replace(inputs_of(digits, start), charset=Charset("abß"), length=(2, 3))

    first, same, other, capitals = (
        draw_bank(inputs, "labelled", 0), draw_bank(inputs, "labelled", 0), draw_bank(inputs, "labelled", 1),
        draw_bank(inputs, "other", 0),
    )  # fmt: skip

    assert first is not None
    assert same is not None
    assert other is not None
    assert capitals is not None
    assert first.pixels.shape == (32, 1, 48, 192)
    assert set("".join(first.labels)) == {"a", "b"}, "no font of ours has the third"
    assert {len(label) for label in first.labels} == {2, 3}
    assert first.labels == same.labels != other.labels
    assert torch.equal(first.pixels, same.pixels)
    assert capitals.labels == first.labels, "of the style, whatever is drawn"
    assert not torch.equal(capitals.pixels, first.pixels)


def test_there_is_no_bank_where_no_font_has_a_character(digits: list[LabelledFile], start: Start) -> None:
    assert draw_bank(replace(inputs_of(digits, start), charset=Charset("ßж")), "labelled", 0) is None
