"""Answers below `--min-probability`: judged once in the journal, and anew in every report."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from model_zoo.figures import Share
from model_zoo.sure import is_unsure
from producer.accuracy import measure
from producer.cli import main
from producer.figures import LengthRow, SureFigures
from producer.images import FoundImage
from producer.labels import LabelSource, NoLabels, StemLabels
from producer.manifest import Request, append_line, read_facts, write_manifest
from producer.report import ModelFacts, RunSummary, html_text, render_terminal, to_json
from producer.results import Journal, ResultLine, read_results
from producer.run_folder import RunFolder
from producer.summary import summarise, write_reports
from worker.contract import AnswerError, JobOptions

# Right and sure, right and unsure, wrong and sure, wrong and unsure, unknown, no image, no label.
LINES = [
    ResultLine(0, "abcd.png", "abcd", 0.99),
    ResultLine(1, "abcd_1.png", "abcd", 0.89),
    ResultLine(2, "abcd_2.png", "abca", 0.9),
    ResultLine(3, "abc.png", "abd", 0.1),
    ResultLine(4, "abc_1.png", "abc", None),
    ResultLine(5, "abc_2.png", error=AnswerError("truncated", "the image ends before its data does")),
    ResultLine(6, "_1.png", "abc", 0.95),
]


@pytest.mark.parametrize(
    ("probability", "least", "unsure", "reason"),
    [
        (0.9, 0.9, False, "at P it is sure"),
        (0.8999, 0.9, True, "below"),
        (0.0, None, False, "nobody asked"),
        (None, None, False, "nobody asked"),
        (None, 0.0, True, "a probability that is unknown is not at least 0"),
        (math.nan, 0.0, True, "nor is one that is no number"),
        (0.0, 0.0, False, "0 makes every answer sure"),
        (1.0, 1.0, False, "a certain answer"),
    ],
)
def test_an_answer_below_the_probability_is_unsure(
    probability: float | None, least: float | None, unsure: bool, reason: str
) -> None:
    assert is_unsure(probability, least) is unsure


def test_unsure_answers_are_neither_right_nor_wrong() -> None:
    report = measure(LINES, StemLabels(), min_probability=0.9)

    assert report.exact_match == Share(1, 6)
    assert report.answered_exact_match == Share(1, 5)
    assert report.by_length == (LengthRow(3, Share(0, 3)), LengthRow(4, Share(1, 3)))
    assert [wrong.id for wrong in report.wrong] == [2]
    assert report.wrong_total == 1
    assert report.sure == SureFigures(0.9, answers=3, right=2, precision=Share(1, 2), coverage=Share(3, 7))
    # right + wrong + unsure + errors are the images with a label
    assert 1 + report.wrong_total + report.sure.answers + report.errors["truncated"] == 6


def test_texts_and_probabilities_are_compared_as_they_are() -> None:
    plain, sure = (measure(LINES, StemLabels(), min_probability=it) for it in (None, 0.9))

    assert plain.sure is None
    assert plain.exact_match == Share(3, 6)
    for figure in ("character_accuracy", "character_error_rate", "confusions", "by_character", "answered"):
        assert getattr(sure, figure) == getattr(plain, figure)
    assert sure.mean_probability_right == plain.mean_probability_right


def test_without_labels_and_without_images_there_is_what_can_be_told() -> None:
    unlabelled = measure(LINES, NoLabels(), min_probability=0.9)

    assert unlabelled.sure == SureFigures(0.9, answers=3, right=None, precision=None, coverage=Share(3, 7))
    nothing = measure([], StemLabels(), min_probability=0.9)
    assert nothing.sure == SureFigures(0.9, answers=0, right=None, precision=None, coverage=None)


def test_all_unsure_is_no_precision() -> None:
    report = measure(LINES[:2], StemLabels(), min_probability=1.0)

    assert report.sure == SureFigures(1.0, answers=2, right=2, precision=None, coverage=Share(0, 2))
    assert report.exact_match == Share(0, 2)


def run_folder(path: Path, min_probability: float | None) -> RunFolder:
    """A finished job over `LINES`."""
    folder = RunFolder(path)
    request = Request("the-job", str(path / "imgs"), None, JobOptions(), min_probability=min_probability)
    list(write_manifest(folder.manifest, request, [FoundImage(line.file, 10) for line in LINES]))
    append_line(folder.manifest, "model", name="crnn", fingerprint="f" * 16, card={"charset": "abcd"})
    with Journal(folder.results, min_probability) as journal:
        journal.append(LINES)
    return folder


def test_the_journal_marks_unsure_answers_and_keeps_their_texts(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, 0.9)

    lines = [json.loads(line) for line in folder.results.read_text().splitlines()]

    assert [line.get("unsure") for line in lines] == [None, True, None, True, True, None, None]
    assert all("unsure" not in lines[number] for number in (0, 2, 5, 6))
    assert (lines[1]["text"], lines[1]["probability"]) == ("abcd", 0.89)
    assert [line.unsure for line in read_results(folder.results)] == [line.get("unsure") for line in lines]


def test_a_probability_close_to_1_is_never_told_as_1() -> None:
    summary = summary_of(0.9999999)

    assert "0 of 7 images; 6 unsure answers" in terminal(summary)
    assert "answers below 0.9999999 are unsure" in terminal(summary)
    assert "their probability is below 0.9999999," in html_text(summary, LINES)


def test_the_means_in_the_page_say_whose_they_are() -> None:
    plain, sure = (html_text(summary_of(least), LINES) for least in (None, 0.9))

    assert "Mean probability of right answers 0.940, of wrong answers 0.500." in plain
    told = "of all answers, unsure ones among them, with the right text 0.940, with a wrong one 0.500."
    assert f"Mean probability {told}" in sure


def test_an_answer_whose_probability_is_no_number_comes_first(tmp_path: Path) -> None:
    lines = [*LINES, ResultLine(7, "abc_7.png", "abq", math.nan)]
    accuracy = measure(lines, StemLabels(), min_probability=0.9)
    page = html_text(RunSummary(accuracy, "job-1", "imgs", 8, ModelFacts("m", "f"), JobOptions()), lines)

    listed = page[page.index("Unsure answers") :]
    order = [listed.index(name) for name in ("abc_1.png", "abc_7.png", "abc.png", "abcd_1.png")]
    assert order == sorted(order)


@pytest.mark.parametrize("labels", [StemLabels(), NoLabels()], ids=["labelled", "unlabelled"])
@pytest.mark.parametrize("least", [None, 0.0, 0.9])
def test_the_page_in_the_run_folder_is_that_of_all_lines(
    labels: LabelSource, least: float | None, tmp_path: Path
) -> None:
    folder = run_folder(tmp_path, least)
    summary = summarise(folder, labels)

    write_reports(folder, summary)

    whole = html_text(summary, read_results(folder.results), Path(summary.directory))
    assert folder.report_html.read_text(encoding="utf-8") == whole


def test_without_a_probability_the_journal_is_as_ever(tmp_path: Path) -> None:
    assert "unsure" not in run_folder(tmp_path, None).results.read_text()


def test_a_resumed_job_keeps_its_probability(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, 0.9)

    assert read_facts(folder.manifest).request.min_probability == 0.9
    sure = summarise(folder, StemLabels()).accuracy.sure
    assert sure is not None
    assert sure.min_probability == 0.9


def test_a_report_may_judge_anew_and_leaves_the_journal_alone(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, 0.9)
    before = folder.results.read_bytes()

    def told(*arguments: str) -> Any:
        result = CliRunner().invoke(main, ["report", str(tmp_path), "--json", *arguments])
        assert result.exit_code == 1, result.output  # one image could not be read
        report = json.loads(result.stdout)
        return report["options"]["min_probability"], report["unsure"], report["exact_match"]["right"]

    assert told()[1]["answers"] == 3
    assert told()[2] == 1
    low = told("--min-probability", "0.5")
    assert (low[0], low[1]["answers"], low[1]["right"], low[2]) == (0.5, 2, 1, 2)
    assert told("--min-probability", "0")[1]["answers"] == 1
    assert folder.results.read_bytes() == before


def test_a_job_of_before_has_no_such_probability(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, None)
    lines = folder.manifest.read_text().splitlines(keepends=True)
    job = json.loads(lines[0])
    del job["min_probability"]
    folder.manifest.write_text(json.dumps(job) + "\n" + "".join(lines[1:]))

    summary = summarise(folder, StemLabels())

    assert summary.accuracy.sure is None
    assert to_json(summary)["unsure"] is None
    assert to_json(summary)["options"]["min_probability"] is None


@pytest.mark.parametrize("value", ["1.01", "-0.1", "nan", "sure"])
def test_what_is_no_probability_is_refused(value: str) -> None:
    result = CliRunner().invoke(main, ["submit", "imgs", "--min-probability", value])

    assert result.exit_code == 2
    assert "Invalid value for '--min-probability'" in result.stderr


def summary_of(least: float | None, labelled: bool = True) -> RunSummary:
    """The job as a summary."""
    labels = StemLabels() if labelled else NoLabels()
    accuracy = measure(LINES, labels, min_probability=least)
    return RunSummary(accuracy, "job-1", "imgs", 7, ModelFacts("m", "f"), JobOptions())


def terminal(summary: RunSummary) -> str:
    """The report as text, its spaces and line breaks as one space."""
    stream = io.StringIO()
    render_terminal(summary, Console(file=stream, width=200))
    return " ".join(stream.getvalue().split())


def test_the_terminal_tells_precision_coverage_and_how_many_are_unsure() -> None:
    text = terminal(summary_of(0.9))

    low, high = Share(1, 2).interval
    interval = f"{100 * low:.1f} to {100 * high:.1f} %"
    assert f"50.0 % Precision of sure answers 1 of 2 labelled answers with P >= 0.9, {interval}" in text
    assert "42.9 % Coverage 3 of 7 images; 3 unsure answers, 2 of them with the right text" in text
    below = "answers below 0.9 are unsure and count as not right"
    assert f"Least probability {below}: 3 unsure answers, 2 of them with the right text" in text
    assert "unsure" not in terminal(summary_of(None))


def test_the_page_shows_unsure_answers_apart() -> None:
    page, plain = html_text(summary_of(0.9), LINES), html_text(summary_of(None), LINES)

    section = page.split("<h2>Unsure answers</h2>")[1].split("</section>")[0]
    assert "3 unsure answers, 2 of them with the right text: their probability is below 0.9" in section
    rows = section.split("<tbody>")[1]
    assert [rows.index(name) for name in ("abc_1.png", "abc.png", "abcd_1.png")] == sorted(
        rows.index(name) for name in ("abc_1.png", "abc.png", "abcd_1.png")
    )
    assert "abcd.png" not in rows
    assert "<dt>Unsure</dt>" in page
    assert "Unsure" not in plain
    assert "Least certain answers" in html_text(summary_of(None, labelled=False), LINES)
    assert "Unsure answers" in html_text(summary_of(0.9, labelled=False), LINES)
