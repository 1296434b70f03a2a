"""The summary, its words, and report.json: every key documented, every rounding honest."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from json_keys import documented, key_paths

from model_zoo.figures import Confusion, Share
from model_zoo.words import DroppedWords
from producer.accuracy import measure
from producer.decoding import DecodingFacts, HeldConstraint, LexiconFacts
from producer.labels import LabelSource, NoLabels, StemLabels
from producer.report import (
    ModelFacts,
    RunSummary,
    Skipped,
    SkippedFile,
    WorkerFacts,
    json_text,
    to_json,
    wording,
)
from producer.results import ResultLine
from worker.contract import AnswerError, Candidate, JobOptions

DOCS = Path(__file__).parents[2] / "docs" / "report.md"
CARD = {
    "charset": "abcd",
    "time_steps": 50,
    "height": 50,
    "width": 200,
    "parameters": 412_345,
    "accuracy": [{"part": "test", "decoder": "greedy", "value": 0.99, "low": 0.97, "high": 1, "n": 265}],
    "recipe": {"epochs": 60},
}
MODEL = ModelFacts.from_card("crnn-small", "9f86d081884c7d65", CARD)
BROKEN = AnswerError("truncated", "the image ends before its data does")
DECODING = DecodingFacts(
    (HeldConstraint("length", "4", from_card=True), HeldConstraint("lexicon", "/words.txt")),
    LexiconFacts("/words.txt", 7, DroppedWords(excluded=1)),
    proven=1,
    unproven=1,
    massed=2,
    mean_allowed_mass=0.75,
)
LINES = [
    ResultLine(0, "abcd.png", "abcd", 0.75, (Candidate("abcd", 0.75),), worker="a", attempt=1),
    ResultLine(1, "abcd_2.png", "abdd", 0.5, (Candidate("abdd", 0.5),), worker="b", attempt=1),
    ResultLine(2, "x\udce9.png", None, error=BROKEN, worker="a", attempt=1),
]


def summary_of(
    lines: list[ResultLine], labels: LabelSource | None = None, images: int | None = None, **facts: Any
) -> RunSummary:
    """A job of these lines, answered in 2 seconds."""
    accuracy = measure(lines, labels or StemLabels(), charset=MODEL.charset)
    given = {"seconds": 2.0, "startup_seconds": 9.25, **facts}
    return RunSummary(
        accuracy, "job-1", "imgs", len(lines) if images is None else images, MODEL, JobOptions(), **given
    )


def full() -> RunSummary:
    """A job with something under every key."""
    return summary_of(
        [replace(LINES[0], seen=True), *LINES[1:]],
        workers=(WorkerFacts("a", "cuda:0", 1), WorkerFacts("b", "cpu", 1)),
        skipped=Skipped({"hidden": 1, "no image": 2}, (SkippedFile("README.md", "no image"),)),
        note=("synthetic images",),
        versions={"captchafleet": "0.1.0"},
        finished_at="2026-01-04T12:03:11+00:00",
        decoding=DECODING,
    )


def test_report_json_holds_what_programs_read() -> None:
    report = to_json(full())

    low, high = Share(1, 3).interval
    assert report["exact_match"] == {"value": 1 / 3, "low": low, "high": high, "n": 3, "right": 1}
    assert report["answered_exact_match"]["value"] == 0.5
    assert (report["images"], report["answered"], report["unanswered"]) == (3, 2, 0)
    assert report["errors"] == {"truncated": 1}
    assert (report["character_accuracy"], report["character_error_rate"]) == (7 / 10, 3 / 10)
    assert (report["seconds"], report["startup_seconds"], report["images_per_second"]) == (2.0, 9.25, 1.0)
    assert (report["skipped"], report["skipped_by_reason"]) == (3, {"hidden": 1, "no image": 2})
    assert report["model"]["fingerprint"] == "9f86d081884c7d65"
    assert report["workers"][1] == {"name": "b", "device": "cpu", "answered": 1}
    assert report["notes"][0] == "synthetic images"
    assert report["wrong_answers"] == [
        {"id": 1, "file": "abcd_2.png", "label": "abcd", "text": "abdd", "probability": 0.5}
    ]


def test_report_json_is_ascii_and_gives_names_of_any_bytes_back() -> None:
    lines = [ResultLine(0, os.fsdecode(b"caf\xe9_\xf0\x9f\x98\x80.png"), "abcd", 0.5)]
    text = json_text(summary_of(lines))

    assert text.isascii()
    assert text.endswith("}\n")
    (wrong,) = json.loads(text)["wrong_answers"]
    assert os.fsencode(wrong["file"]) == b"caf\xe9_\xf0\x9f\x98\x80.png"


NULLABLE = ("exact_match", "answered_exact_match", "seen_in_training", "seen_in_training.exact_match_unseen")
NULLABLE += ("unsure", "unsure.precision", "unsure.coverage")


# Of these the keys are data.
DATA = ("errors", "skipped_by_reason", "versions")


def test_the_docs_explain_every_key_of_report_json_and_no_other() -> None:
    table = DOCS.read_text(encoding="utf-8").split("## report.json")[1].split("## report.html")[0]
    told = documented(table)

    assert len(told) == len(set(told))
    sure = measure(LINES, StemLabels(), min_probability=0.25).sure
    summary = replace(full(), accuracy=replace(full().accuracy, sure=sure))
    assert set(told) == set(key_paths(to_json(summary), data=DATA, nullable=NULLABLE))


EMPTY = {
    "an empty directory": summary_of([], seconds=None, startup_seconds=None),
    "errors only": summary_of([LINES[2]]),
    "no labels": summary_of(LINES, NoLabels()),
    "nothing answered yet": summary_of([], images=3),
}


@pytest.mark.parametrize("summary", EMPTY.values(), ids=EMPTY.keys())
def test_a_report_of_little_still_has_every_key(summary: RunSummary) -> None:
    report = json.loads(json_text(summary))

    assert report.keys() == to_json(full()).keys()


def test_what_does_not_exist_is_null() -> None:
    empty, errors, unlabelled = (to_json(EMPTY[name]) for name in list(EMPTY)[:3])

    assert (empty["complete"], empty["images"], empty["images_per_second"]) == (True, 0, None)
    assert (errors["exact_match"]["value"], errors["answered_exact_match"]) == (0.0, None)
    assert errors["images_per_second"] is None
    assert (unlabelled["exact_match"], unlabelled["character_accuracy"]) == (None, None)
    assert (unlabelled["answered"], unlabelled["images_per_second"]) == (2, 1.0)


def test_an_interrupted_job_says_how_many_images_are_missing() -> None:
    summary = summary_of(LINES, images=10)

    assert (summary.complete, summary.unanswered) == (False, 7)
    assert wording.partial(summary) == (
        "Partial report: 7 of 10 images have no answer yet. All figures are about the other 3; "
        "'producer resume' sends the rest."
    )
    assert wording.partial(summary_of(LINES, images=4)).startswith("Partial report: 1 of 4 images has no")


PERCENTS = [
    (1.0, "100.0 %", "all"),
    (0.0, "0.0 %", "nothing"),
    (0.975, "97.5 %", "the usual"),
    (0.9999, "99.99 %", "not all is not 100"),
    (9_999_999 / 10_000_000, "99.99999 %", "however little is missing"),
    (0.0001, "0.01 %", "a little is not nothing"),
    (1e-10, "< 0.1 %", "nor is what no digits show"),
    (1 - 1e-10, "> 99.9 %", "which missing is not all either"),
    (3.0, "300.0 %", "an error rate beyond 1"),
]


@pytest.mark.parametrize(("value", "text", "reason"), PERCENTS, ids=[reason for *_, reason in PERCENTS])
def test_a_percentage_never_flatters(value: float, text: str, reason: str) -> None:
    assert wording.percent(value) == text


def test_a_probability_is_certain_only_if_it_is_one() -> None:
    values = (1.0, 0.9999, 0.5, 0.0001, 0.0, None)
    assert [wording.probability(value) for value in values] == [
        "1.000",
        "> 0.999",
        "0.500",
        "< 0.001",
        "0.000",
        "",
    ]


def test_times_and_rates_have_units_a_person_reads() -> None:
    times = (0.714, 12.34, 250, 11_100)
    assert [wording.seconds(value) for value in times] == ["0.71 s", "12.3 s", "4 min 10 s", "3 h 5 min"]
    assert [wording.rate(value) for value in (3.44, 1234.5)] == ["3.4 images/s", "1,234 images/s"]
    assert [wording.count(number, "image") for number in (0, 1, 1234)] == [
        "0 images",
        "1 image",
        "1,234 images",
    ]


def test_confusions_are_told_in_words() -> None:
    edits = [
        Confusion("replaced", "n", "m", 12, 310),
        Confusion("deleted", " ", "", 1, 2),
        Confusion("inserted", "", "\n", 1_000, 0),
    ]
    told = [f"{edit.in_words}: {edit.times}" for edit in edits]
    assert told == ["n read as m: 12 of 310", "space left out: 1 of 2", "\\n added: 1,000"]


UNMEASURED = [
    (summary_of([]), "not measured: there are no images"),
    (summary_of([], images=3), "not measured: no image has an answer yet"),
    (summary_of(LINES, NoLabels()), "not measured: there are no labels (--labels none)"),
    (summary_of([ResultLine(0, "_.png", "a")]), "not measured: no image has a label (--labels stem)"),
]


@pytest.mark.parametrize(("summary", "reason"), UNMEASURED, ids=[reason for _, reason in UNMEASURED])
def test_a_report_without_accuracy_says_why(summary: RunSummary, reason: str) -> None:
    assert wording.unmeasured(summary) == reason


def facts(summary: RunSummary) -> dict[str, str]:
    return {fact.name: fact.value for fact in wording.run_facts(summary)}


def test_the_facts_of_a_run_are_told_line_by_line() -> None:
    assert facts(full()) == {
        "Directory": "imgs",
        "Images": "3 (2 answered, 1 could not be answered); 3 other files skipped",
        "Speed": "1.0 images/s (2 answered in 2.00 s; start-up took 9.25 s more)",
        "Model": "crnn-small@9f86d081884c7d65, 200 x 50 px, 50 time steps, 412,345 parameters",
        "Model reads": "4 characters: abcd",
        "Model's card": "99.0 % exact match (97.0 to 100.0 %, n = 265) on its test images, greedy",
        "Workers": "a (cuda:0): 1 answered, b (cpu): 1 answered",
        "Decoding": "exact, 1 best; length 4 (the model's card), lexicon /words.txt (7 words)",
        "Proven": (
            "1 of 2 answers is certainly the most probable allowed text to the model, "
            "which may still be wrong"
        ),
        "Allowed mass": "the model gives the allowed texts 75.0 % on average",
        "Labels": "from the file names, matched exactly",
        "Job": "job-1",
        "Finished": "2026-01-04T12:03:11+00:00",
        "Versions": "captchafleet 0.1.0",
    }


def test_facts_that_are_unknown_are_not_made_up() -> None:
    nothing = RunSummary(
        measure([], NoLabels()), "job-1", "imgs", 2, ModelFacts("none yet", ""), JobOptions()
    )

    assert facts(nothing) == {
        "Directory": "imgs",
        "Images": "2 (0 answered, 2 have no answer yet)",
        "Speed": "nothing was answered",
        "Model": "none yet",
        "Workers": "none",
        "Decoding": "exact, 1 best; any text of the model's characters",
        "Labels": "none",
        "Job": "job-1",
    }
    assert facts(summary_of(LINES, seconds=None))["Speed"] == (
        "unknown, because a run of this job was killed; start-up took 9.25 s"
    )


def test_options_and_many_workers_are_told() -> None:
    workers = tuple(WorkerFacts(f"w{n}", "cpu", n) for n in range(25))
    accuracy = measure(LINES, StemLabels(), ignore_case=True)
    options = JobOptions("beam", n_best=3, charset=":digits:", length="4-6")
    held = (HeldConstraint("charset", ":digits:"), HeldConstraint("length", "4-6"))
    decoding = DecodingFacts(held)

    told = facts(RunSummary(accuracy, "job-1", "imgs", 3, MODEL, options, workers=workers, decoding=decoding))

    assert told["Decoding"] == "beam, width 10, 3 best; charset :digits:, length 4-6"
    assert told["Labels"] == "from the file names, upper and lower case alike"
    assert told["Workers"].endswith("w19 (cpu): 19 answered, and 5 more")
