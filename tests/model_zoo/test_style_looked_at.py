"""What is found out by looking at the images of a style: sizes, the case of its letters, wrong labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from labelled import write_images
from styled import quickly, untrained, write_style

from model_zoo.charset import Charset
from model_zoo.generators.styles.style import SMALL
from model_zoo.split import LabelledFile, labelled_files
from model_zoo.style.backbone import Case
from model_zoo.style.looked_at import Inputs, best_case, draw_bank, input_width, read_inputs
from model_zoo.style.reading import read_with
from model_zoo.style.suspicion import find_suspects, looked_at
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


def test_wrong_labels_are_suspected_in_both_parts_surest_first(digits: list[LabelledFile]) -> None:
    tuned = untrained(digits[:30], digits[30:])
    able = [it.file for it in read_with(tuned, digits) if it.text == it.file.label and it.probability > 0.99]
    assert len(able) >= 20, "generic reads what is planted upon"
    planted = {able[3].path: "0000", able[-1].path: "9999"}
    files = [replace(file, label=planted.get(file.path, file.label)) for file in able]

    suspects = find_suspects(
        tuned.network, read_inputs(files[:-2], files[-2:], None, tuned.start), tuned.normalise
    )

    assert {it.file.path: it.file.label for it in suspects} == planted
    assert all(it.reading == it.file.path.stem.partition("_")[0] for it in suspects)
    assert suspects[0].probability >= suspects[1].probability >= 0.9


def test_of_many_training_images_a_part_is_looked_at_for_wrong_labels(
    digits: list[LabelledFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = untrained(digits, [])
    able = [it.file for it in read_with(tuned, digits) if it.text == it.file.label and it.probability > 0.99]
    first, *_, last = sorted(able, key=lambda file: file.sha256)
    files = [replace(file, label="0000") if file in (first, last) else file for file in able]
    monkeypatch.setattr("model_zoo.style.suspicion.MOST_TRAINING", len(files) - 1)

    inputs = read_inputs(files, [], None, tuned.start)

    suspects = find_suspects(tuned.network, inputs, tuned.normalise)
    assert [it.file.path for it in suspects] == [first.path]
    assert looked_at(inputs) == len(files) - 1


def test_a_network_that_reads_too_little_accuses_nobody(start: Start, tmp_path: Path) -> None:
    files = labelled_files(write_images(tmp_path / "noise"))
    tuned = untrained(files, [])

    assert find_suspects(tuned.network, read_inputs(files, [], None, start), tuned.normalise) == ()
