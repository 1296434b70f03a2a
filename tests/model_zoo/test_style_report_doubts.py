"""Test images whose label may be what is wrong, in the report of a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from auditing import some_samples
from test_style_figures import Read
from test_style_report import Page, report

from model_zoo.figures import Share
from model_zoo.style.figures import measure
from model_zoo.style.report.limits import limits
from model_zoo.style.report.training import _document, _page
from model_zoo.style.samples import Samples
from model_zoo.style.tuned import Suspect


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return some_samples(tmp_path_factory.mktemp("report") / "images")


def test_test_labels_that_are_surely_read_otherwise_are_listed_first_and_still_judged(
    samples: Samples, tmp_path: Path
) -> None:
    made = report(samples, tmp_path, wrong=0, suspects=(Suspect(samples.files[0], "bbbb", 0.999),))
    surely, slightly, wholly, hardly = made.test[:4]
    read = {
        surely: (surely.label[:3] + "x", 0.95),
        slightly: (slightly.label[:3] + "x", 0.85),
        wholly: ("xxxx", 0.55),
        hardly: ("xxxx", 0.45),
    }
    readings = [Read(it.file, *read.get(it.file, (it.text, it.probability))) for it in made.readings]

    made = replace(made, readings=readings, figures=measure(readings))

    assert made.suspects == [
        (surely, *read[surely]), (wholly, *read[wholly]), (samples.files[0], "bbbb", 0.999)
    ]  # fmt: skip
    n = len(made.test)
    assert made.lines()[0].startswith(f"mine: {100 * (n - 4) / n:.1f} % of {n} test images")
    assert made.lines()[2] == "3 labels may be wrong; the report shows them"
    assert (
        "A reading counts as wrong where it differs from the label, also where the label is what is wrong; 2 "
        "of the 4 wrong answers may be such."
    ) in limits(made)
    text = Page(_page(made)).text
    assert "Labels to look at3that may be wrong" in text
    assert (
        "1 image of the 79 of the training and validation parts, and 2 test images, which come first" in text
    )


def test_a_reader_of_few_test_images_accuses_no_label(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, wrong=0)
    few = [Read(it.file, "xxxx", 0.99) for it in made.readings[: len(made.readings) // 2]]
    readings = [*few, *made.readings[len(few) :]]

    assert replace(made, readings=readings, figures=measure(readings)).suspects == []


def test_what_the_start_reads_without_training_stands_beside_it(samples: Samples, tmp_path: Path) -> None:
    made = replace(report(samples, tmp_path), zero_shot=Share(30, 41))

    assert made.lines()[0] == (
        "mine: 95.1 % of 41 test images read exactly right (83.9 to 98.7 %, 95 % Wilson); "
        "73.2 % without training"
    )
    assert "Without training73.2 %by generic, told characters and length" in Page(_page(made)).text
    assert _document(made)["test"]["zero_shot"]["right"] == 30
    assert "Without training" not in Page(_page(replace(made, zero_shot=None))).text
