"""The sentences that a reader must not miss: those of the caller, of the options, of the measurement."""

from __future__ import annotations

import pytest

from producer.accuracy import measure
from producer.labels import NoLabels, StemLabels
from producer.report import ModelFacts, RunSummary
from producer.results import ResultLine
from worker.contract import JobOptions

MODEL = ModelFacts("crnn-small", "9f86d081884c7d65", charset="abcd")


def test_the_notes_of_the_caller_come_first() -> None:
    accuracy = measure([ResultLine(0, "abcd.png", "abcd", 0.75)], StemLabels(), charset="abcd")

    summary = RunSummary(accuracy, "job-1", "imgs", 1, MODEL, JobOptions(), note=("synthetic images",))

    assert summary.notes == (
        "synthetic images",
        "exact match rests on 1 label: trust its interval, not the figure alone",
    )


CHARSETS = [
    (None, None, "no --charset"),
    ("abc", None, "narrower than the model's"),
    ("abx", "--charset allows x, which this model cannot answer", "one"),
    ("0a1", "--charset allows 0 and 1, which this model cannot answer", "two"),
    ("xa1 \n", "--charset allows x, 1, space and \\n, which this model cannot answer", "some to be named"),
    (
        "A-Z",
        "--charset allows A, - and Z, which this model cannot answer; ranges like A-Z are not known, give "
        ":upper:",
        "a range that is none",
    ),
    ("-a", "--charset allows -, which this model cannot answer", "a hyphen alone"),
    (
        ":digits::upper:",
        "--charset allows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, A, B, C, D, E, F, G, H, I, J and 16 more, "
        "which this model cannot answer",
        "classes, cut",
    ),
]


@pytest.mark.parametrize(("charset", "note", "reason"), CHARSETS, ids=[reason for *_, reason in CHARSETS])
def test_characters_of_the_options_that_the_model_lacks_are_noted(
    charset: str | None, note: str | None, reason: str
) -> None:
    accuracy, options = measure([], NoLabels()), JobOptions(charset=charset)

    summary = RunSummary(accuracy, "job-1", "imgs", 0, MODEL, options, note=("synthetic images",))

    assert summary.notes == ("synthetic images", *([] if note is None else [note]))
    unknown = RunSummary(accuracy, "job-1", "imgs", 0, ModelFacts("m", "f"), options)
    assert unknown.notes == ()
