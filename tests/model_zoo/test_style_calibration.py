"""The temperature that a training fits, and how the card says what it is worth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from styled import untrained, write_style

from model_zoo.cards import find_card
from model_zoo.errors import DataError
from model_zoo.split import LabelledFile, labelled_files
from model_zoo.style.reading import Reading
from model_zoo.style.temperature import LEAST_IMAGES, tempering
from model_zoo.style.train import _measured
from model_zoo.style.tuned import Suspect


@pytest.fixture(scope="module")
def blurred(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledFile]:
    """Images of which generic reads most, not all."""
    folder = write_style(tmp_path_factory.mktemp("blurred") / "images", LEAST_IMAGES + 2)
    for path in folder.iterdir():
        Image.open(path).filter(ImageFilter.GaussianBlur(2)).save(path)
    return labelled_files(folder)


def test_wrong_labels_do_not_move_the_temperature(blurred: list[LabelledFile]) -> None:
    files = blurred
    wrong = [replace(files[n], label=files[n + 50].label) for n in (10, 20)]
    validation = [next((it for it in wrong if it.path == file.path), file) for file in files]
    right = [file for file in files if file.path not in {it.path for it in wrong}]
    suspects = tuple(Suspect(file, "", 0.99) for file in wrong)

    told = tempering(untrained(validation, [], suspects=suspects), validation)
    without = tempering(untrained(right, []), right)
    spoilt = tempering(untrained(validation, []), validation)

    assert told.temperature is not None
    assert spoilt.temperature is not None
    assert told.temperature == without.temperature < spoilt.temperature
    assert told.told == (
        f"calibrated on 100 validation images without a doubtful label (temperature {told.temperature:.3g})"
    )
    assert without.told == f"calibrated on 100 validation images (temperature {without.temperature:.3g})"


@pytest.mark.parametrize(
    ("n", "suspected", "reason"),
    [
        (0, 0, "0 validation images are too few, expected at least 100"),
        (1, 0, "1 validation image is too few, expected at least 100"),
        (99, 0, "99 validation images are too few, expected at least 100"),
        (101, 2, "99 validation images without a doubtful label are too few, expected at least 100"),
    ],
)
def test_few_images_make_no_temperature(
    n: int, suspected: int, reason: str, blurred: list[LabelledFile]
) -> None:
    suspects = tuple(Suspect(file, "", 0.99) for file in blurred[:suspected])

    told = tempering(untrained(blurred, [], suspects=suspects), blurred[:n])

    assert (told.temperature, told.told) == (None, f"not calibrated: {reason}")


@pytest.mark.parametrize(
    ("right", "reason"),
    [
        (0, "0 of 100 validation images were read right, expected at least 10 and 1 in 10"),
        (1, "1 of 100 validation images was read right, expected at least 10 and 1 in 10"),
        (9, "9 of 100 validation images were read right, expected at least 10 and 1 in 10"),
        (100, "all 100 validation images were read right, so that nothing tells how sure to be"),
    ],
)
def test_nearly_none_or_all_of_them_right_make_none_either(
    right: int, reason: str, blurred: list[LabelledFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_zoo.style.temperature.frames_of", lambda *_: None)
    monkeypatch.setattr(
        "model_zoo.style.temperature.read_frames",
        lambda _, files, __: [
            Reading(file, file.label if n < right else "", 0.5) for n, file in enumerate(files)
        ],
    )

    told = tempering(untrained(blurred, []), blurred[:100])

    assert (told.temperature, told.told) == (None, f"not calibrated: {reason}")


def test_labels_that_no_temperature_suits_make_none(
    blurred: list[LabelledFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> float:
        raise DataError("no temperature between 0.05 and 20 fits")

    monkeypatch.setattr("model_zoo.style.temperature.fit_temperature", refuse)

    told = tempering(untrained(blurred, []), blurred[:100])

    assert (told.temperature, told.told) == (
        None,
        "not calibrated: no temperature fits 100 validation images",
    )


def test_the_temperature_is_judged_by_the_answers_of_its_own_side() -> None:
    """Where it changes an answer, the one before is right or wrong by itself."""
    file = LabelledFile(Path("ab.png"), "ab", "0")
    card = find_card("nano").card

    measured = _measured(card, [Reading(file, "aa", 0.9)], [Reading(file, "ab", 0.9)])

    (row,) = measured.calibration
    assert row.before.equal_width == pytest.approx(0.9), "sure and wrong"
    assert row.after.equal_width == pytest.approx(0.1)
    assert measured.accuracy[-1].value == 1
