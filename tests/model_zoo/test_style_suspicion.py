"""Which labels are doubted, and when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from labelled import write_images
from styled import untrained

from model_zoo.charset import Charset
from model_zoo.split import LabelledFile, labelled_files
from model_zoo.style import suspicion
from model_zoo.style.looked_at import Inputs, read_inputs
from model_zoo.style.reading import read_with
from model_zoo.style.suspicion import find_suspects, is_to_look, looked_at
from model_zoo.training.data import LabelledImages, Normalisation
from model_zoo.training.start import Start, load_start


@pytest.fixture(scope="module")
def start() -> Start:
    """The generic model, whichever it is."""
    return load_start("generic")


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


@pytest.mark.parametrize(
    ("n", "size", "looks"), [(40, 80, [0, 2, 3, 5, 6, 8]), (1_000, 384, [0, 8]), (10, 400, list(range(9)))]
)
def test_looking_for_wrong_labels_takes_a_share_of_the_time(n: int, size: int, looks: list[int]) -> None:
    files = tuple(LabelledFile(Path(f"{number}.png"), "1", f"{number:x}") for number in range(n))
    images = LabelledImages(torch.zeros(n, 1, 1, 1, dtype=torch.uint8), ("1",) * n)
    inputs = Inputs(files, images, (), None, Charset("1"), 1, 8, (1, 1), 1.0)

    assert [epoch for epoch in range(9) if is_to_look(epoch, size, inputs)] == looks


CHARSET = Charset("0123456789")


def suspected(
    read: list[tuple[str, str, float]], monkeypatch: pytest.MonkeyPatch, *, early: bool = False
) -> dict[str, str]:
    """Label and reading of what is doubted; an image is (label, what is read, probability of a character)."""
    n, T, C = len(read), 9, CHARSET.n_classes
    frames = torch.full((n, T, C), 1e-9)
    for number, (_, text, sure) in enumerate(read):
        for place, class_id in enumerate(CHARSET.encode(text)):
            frames[number, 2 * place, 0] = 1.0  # a blank between two characters
            frames[number, 2 * place + 1, 1:] = (1 - sure) / (C - 2) + 1e-9
            frames[number, 2 * place + 1, class_id] = sure
        frames[number, 2 * len(text) :, 0] = 1.0
    files = tuple(LabelledFile(Path(f"{it[0]}_{n}.png"), it[0], f"{n:03x}") for n, it in enumerate(read))
    pixels = torch.zeros(n, 1, 1, 1, dtype=torch.uint8)
    inputs = Inputs(
        files, LabelledImages(pixels, tuple(it[0] for it in read)), (), None, CHARSET, 1, 8, (4, 4), 1.0
    )
    monkeypatch.setattr(suspicion, "log_probs", lambda *_: frames.clamp(max=1).log())
    found = find_suspects(torch.nn.Identity(), inputs, Normalisation(0.5, 0.5), early=early)
    return {it.file.label: it.reading for it in found}


READ = [(label, label, 0.999) for label in ("0123", "4567", "8901", "2345", "6789") * 8]


@pytest.mark.parametrize(
    ("sure", "early", "doubted"), [(0.999, False, True), (0.9, False, False), (0.999, True, True)]
)
def test_a_character_that_is_surely_read_otherwise_is_doubted(
    sure: float, early: bool, doubted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = suspected([*READ, ("0120", "0123", sure)], monkeypatch, early=early)

    assert found == ({"0120": "0123"} if doubted else {})


def test_a_character_is_not_doubted_early_while_much_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its own characters are read everywhere; others are not yet.
    missed = [("4567", "4561", 0.6)] * 5

    assert suspected([*READ, *missed, ("0120", "0123", 0.999)], monkeypatch) == {"0120": "0123"}
    assert suspected([*READ, *missed, ("0120", "0123", 0.999)], monkeypatch, early=True) == {}


def test_a_character_that_is_often_missed_is_not_known_well_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader takes every 9 for a 4, and is sure of it."""
    read = [it for it in READ if "9" not in it[0]]

    assert suspected([*read, ("1239", "1234", 0.999), ("9123", "4123", 0.999)], monkeypatch) == {}
    assert suspected([*READ, ("1239", "1234", 0.999)], monkeypatch) == {"1239": "1234"}


@pytest.mark.parametrize("early", [False, True])
def test_an_altogether_other_text_need_not_be_sure(early: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    missed = [("4567", "4561", 0.6)] * 5
    other = [("0123", "8967", 0.8), ("4567", "4512", 0.8), ("8901", "8902", 0.8)]

    found = suspected([*READ, *missed, *other], monkeypatch, early=early)

    assert found == {"0123": "8967", "4567": "4512"}, "not the one with a single other character"


def test_an_altogether_other_text_that_is_hardly_more_probable_is_not_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert suspected([*READ, ("0123", "8967", 0.2)], monkeypatch) == {}
