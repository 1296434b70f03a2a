"""Images that the model was trained on: counted apart, and said wherever a figure could mislead."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from model_zoo.figures import Share
from producer.accuracy import measure
from producer.labels import LabelSource, NoLabels, StemLabels
from producer.report import ModelFacts, RunSummary, json_text, render_terminal, wording
from producer.report.page import html_text
from producer.results import ResultLine
from worker.contract import AnswerError, JobOptions

ALL = "2 of 2 images were in this model's training data; these figures say nothing about new images"
SOME = (
    "2 of 6 images were in this model's training data; only how the other 4 were read says something about "
    "new images"
)
BROKEN = AnswerError("truncated", "the image ends before its data does")
SEEN = [
    ResultLine(0, "ab.png", "ab", 0.9, seen=True),
    ResultLine(1, "cd.png", "cd", 0.9, seen=True),
]
NEW = [
    ResultLine(2, "ef.png", "ef", 0.9, seen=False),
    ResultLine(3, "gh.png", "gx", 0.9, seen=False),
    ResultLine(4, "ij.png", error=BROKEN, seen=False),
    ResultLine(
        5, "kl.png", error=AnswerError("vanished", "it is gone")
    ),  # the producer knows no model's list
]
UNKNOWN = [replace(line, seen=None) for line in SEEN]


def summary_of(lines: list[ResultLine], labels: LabelSource | None = None) -> RunSummary:
    """A job of these lines."""
    accuracy = measure(lines, labels or StemLabels())
    return RunSummary(accuracy, "job-1", "imgs", len(lines), ModelFacts("crnn", "0123"), JobOptions())


def test_where_all_images_were_trained_on_the_figures_say_nothing() -> None:
    summary = summary_of(SEEN)

    assert summary.notes[0] == ALL
    assert summary.accuracy.seen.exact_match_unseen is None
    assert json.loads(json_text(summary))["seen_in_training"] == {
        "images": 2,
        "compared": 2,
        "exact_match_unseen": None,
    }
    assert "Exact match of the unseen" not in [figure.name for figure in wording.figures(summary.accuracy)]


def test_where_some_were_the_others_are_measured_alone_and_errors_count_as_wrong() -> None:
    summary = summary_of([*NEW, *SEEN])

    assert summary.notes[0] == SOME
    assert summary.accuracy.exact_match == Share(3, 6)
    assert summary.accuracy.seen.exact_match_unseen == Share(1, 4)
    low, high = Share(1, 4).interval
    told = json.loads(json_text(summary))["seen_in_training"]
    assert told == {
        "images": 2,
        "compared": 5,
        "exact_match_unseen": {"value": 0.25, "low": low, "high": high, "n": 4, "right": 1},
    }
    (figure,) = [it for it in wording.figures(summary.accuracy) if it.name == "Exact match of the unseen"]
    assert (figure.value, figure.of) == (
        "25.0 %",
        "1 of 4 that were not in the training data, 4.6 to 69.9 %",
    )


def test_where_none_was_there_is_nothing_to_warn_of() -> None:
    summary = summary_of(NEW)

    assert not any("training data" in note for note in summary.notes)
    told = json.loads(json_text(summary))["seen_in_training"]
    assert (told["images"], told["compared"]) == (0, 3)
    assert "Exact match of the unseen" not in [figure.name for figure in wording.figures(summary.accuracy)]


def test_where_nobody_knows_the_report_says_null_and_nothing_else() -> None:
    summary = summary_of(UNKNOWN)

    assert not any("training data" in note for note in summary.notes)
    assert json.loads(json_text(summary))["seen_in_training"] is None


NONE = [
    (
        [replace(NEW[0], id=number) for number in range(1_200)],
        "none of the 1,200 images is in the model's list of training images",
    ),
    (NEW[:1], "the one image is not in the model's list of training images"),
    (
        NEW,
        "none of the 3 images that were compared is in the model's list of training images; "
        "1 was not compared",
    ),
    (
        [NEW[0], *UNKNOWN],
        "the one image that was compared is not in the model's list of training images; 2 were not compared",
    ),
]


@pytest.mark.parametrize(("lines", "told"), NONE, ids=["all", "one", "most", "one of some"])
def test_where_none_was_text_and_page_say_so_outright(lines: list[ResultLine], told: str) -> None:
    summary, out = summary_of(lines), StringIO()

    render_terminal(summary, Console(file=out, width=300))
    page = html_text(summary, lines, Path("nowhere"))

    assert [
        line.strip().split("  ") for line in out.getvalue().splitlines() if "Seen in training" in line
    ] == [["Seen in training", told]]
    cell = told.replace("'", "&#39;")
    assert f'<tr><th scope="row">Seen in training</th><td>{cell}</td></tr>' in page
    assert page.count("<dt>Seen in training</dt>") == 1


@pytest.mark.parametrize("lines", [[], UNKNOWN, SEEN, [*SEEN, *NEW]], ids=["no", "unknown", "all", "some"])
def test_a_report_says_that_none_was_seen_only_where_that_is_known(lines: list[ResultLine]) -> None:
    summary, out = summary_of(lines), StringIO()

    render_terminal(summary, Console(file=out, width=300))

    for text in (out.getvalue(), html_text(summary, lines, Path("nowhere"))):
        assert "Seen in training" not in text


def test_one_image_is_one() -> None:
    assert summary_of(SEEN[:1]).notes[0] == (
        "1 of 1 image was in this model's training data; these figures say nothing about new images"
    )


def test_without_labels_the_warning_stands_and_nothing_is_measured() -> None:
    summary = summary_of([*SEEN, *NEW], NoLabels())

    assert summary.notes[0] == SOME
    assert summary.accuracy.seen.exact_match_unseen is None


@pytest.mark.parametrize(("lines", "warning"), [(SEEN, ALL), ([*SEEN, *NEW], SOME)], ids=["all", "some"])
def test_terminal_and_page_show_the_warning_and_the_figure(lines: list[ResultLine], warning: str) -> None:
    summary, out = summary_of(lines), StringIO()

    render_terminal(summary, Console(file=out, width=300))
    page = html_text(summary, lines, Path("nowhere"))

    assert f"Note  {warning}" in out.getvalue()
    assert f"<strong>Note</strong> {warning.replace(chr(39), '&#39;')}</p>" in page
    for text in (out.getvalue(), page):
        assert ("Exact match of the unseen" in text) == (warning is SOME)


def test_the_order_of_the_lines_changes_nothing() -> None:
    lines = [*SEEN, *NEW, *(replace(line, id=line.id + 10) for line in UNKNOWN)]

    assert measure(lines, StemLabels()) == measure(lines[::-1], StemLabels())
