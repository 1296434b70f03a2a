"""A style whose characters the start does not know is learnt, wrong labels or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from styled import quickly, write_style

from model_zoo.split import LabelledFile, labelled_files, of_parts
from model_zoo.style.reading import read_with
from model_zoo.style.tuned import Tuned
from model_zoo.style.tuning import tune

pytestmark = pytest.mark.slow

# The images show digits, but nothing says so: what the start knows of digits is of no use.
GREEK = str.maketrans("0123456789", "αβγδεζηθικ")

Learnt = tuple[Tuned, dict[str, list[LabelledFile]], dict[Path, str]]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    """What came out, the files by part, and two training images (one in thirty) with their true labels."""
    files = labelled_files(write_style(tmp_path_factory.mktemp("greek") / "images", 100))
    files = [replace(file, label=file.label.translate(GREEK)) for file in files]
    parts = {part: of_parts(files, [part]) for part in ("train", "validation", "test")}
    truth = {file.path: file.label for file in parts["train"][10:12]}
    parts["train"] = [replace(file, label="ικαζ") if file.path in truth else file for file in parts["train"]]
    with pytest.MonkeyPatch.context() as patch:
        quickly(patch)
        patch.setattr("model_zoo.style.rounds.FIRST_ROUND", 1_600)
        patch.setattr("model_zoo.style.rounds.FEWEST_ROUNDS", 1)
        patch.setattr("model_zoo.style.rounds.MOST_ROUNDS", 1)
        # Far more than it takes; where the machine is busy with other things as well.
        return tune(parts["train"], parts["validation"], seconds=200, device="cpu"), parts, truth


def test_images_that_it_never_saw_are_read(learnt: Learnt) -> None:
    tuned, parts, _ = learnt

    readings = read_with(tuned, parts["test"])

    assert set(tuned.charset.chars) == set("αβγδεζηθικ")
    assert sum(it.text == it.file.label for it in readings) >= 0.8 * len(readings)


def test_wrong_labels_are_not_learnt_by_heart(learnt: Learnt) -> None:
    tuned, parts, truth = learnt

    readings = read_with(tuned, [file for file in parts["train"] if file.path in truth])

    assert {it.file.path: it.text for it in readings} == truth
