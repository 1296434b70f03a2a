"""The temperature that a training fits, and how the card says what it is worth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from styled import untrained, write_style

from model_zoo.cards import find_card
from model_zoo.split import LabelledFile, labelled_files
from model_zoo.style.reading import Reading
from model_zoo.style.train import _measured, _temperature
from model_zoo.style.tuned import Suspect


def test_wrong_labels_do_not_move_the_temperature(tmp_path: Path) -> None:
    folder = write_style(tmp_path / "hard", 100)
    for path in folder.iterdir():  # so that generic reads most of them, not all
        Image.open(path).filter(ImageFilter.GaussianBlur(2)).save(path)
    files = labelled_files(folder)
    wrong = [replace(files[n], label=files[n + 50].label) for n in (10, 20)]
    validation = [next((it for it in wrong if it.path == file.path), file) for file in files]
    right = [file for file in files if file.path not in {it.path for it in wrong}]
    suspects = tuple(Suspect(file, "", 0.99) for file in wrong)

    told = _temperature(untrained(validation, [], suspects=suspects), validation)
    without = _temperature(untrained(right, []), right)
    spoilt = _temperature(untrained(validation, []), validation)

    assert told is not None
    assert spoilt is not None
    assert told == without < spoilt


def test_the_temperature_is_judged_by_the_answers_of_its_own_side() -> None:
    """Where it changes an answer, the one before is right or wrong by itself."""
    file = LabelledFile(Path("ab.png"), "ab", "0")
    card = find_card("nano").card

    measured = _measured(card, [Reading(file, "aa", 0.9)], [Reading(file, "ab", 0.9)])

    (row,) = measured.calibration
    assert row.before.equal_width == pytest.approx(0.9), "sure and wrong"
    assert row.after.equal_width == pytest.approx(0.1)
    assert measured.accuracy[-1].value == 1
