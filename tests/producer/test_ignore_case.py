"""`--ignore-case` in a job: what is asked of workers, what reports count and say, and old run folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from model_zoo.lexicon import Lexicon
from producer.cli import main
from producer.images import FoundImage
from producer.labels import StemLabels
from producer.manifest import LexiconFile, Request, append_line, read_facts, write_manifest
from producer.reading import Reading, check_feasible, resolve
from producer.report import to_json
from producer.report.wording import run_facts
from producer.request import SubmitRequest, Transport, check
from producer.results import Journal, ResultLine
from producer.run_folder import RunFolder
from producer.summary import summarise
from worker.contract import JobOptions

pytestmark = pytest.mark.usefixtures("untouched")

CARD = {"charset": "abAB12", "time_steps": 9}


def test_what_compares_without_case_is_read_without_case(tmp_path: Path) -> None:
    for ignore_case in (False, True):
        checked = check(SubmitRequest(tmp_path, ignore_case=ignore_case), Transport())

        assert checked.request.options == JobOptions(ignore_case=ignore_case)


def test_the_cards_constraints_are_added_and_case_stays_ignored() -> None:
    card = {**CARD, "constraints": {"length": "2"}}

    reading = resolve(JobOptions(ignore_case=True), "m", card, False)

    assert reading == Reading(JobOptions(length="2", ignore_case=True), ("length",))


def test_what_only_another_case_allows_is_feasible_without_case() -> None:
    words = Lexicon.from_words(["aB", "AB", "a2", "x"])
    blind = JobOptions(pattern="Ul", ignore_case=True)

    dropped = check_feasible(Reading(blind), words, "m", {**CARD, "charset": "AB12"})

    assert (dropped.unreadable, dropped.excluded) == (1, 1)


NAMES = ("AB", "ab", "Ba", "a1", "abA")


def written(folder: Path, options: JobOptions, ignore_case: bool = True) -> RunFolder:
    """The run folder of a job over NAMES, all of them read as `ab`."""
    run = RunFolder(folder)
    lexicon = None
    if options.lexicon is not None:
        run.lexicon.write_text("AB\nbA\n")
        lexicon = LexiconFile("/words.txt", 2)
    request = Request("the-job", str(folder), None, options, ignore_case=ignore_case, lexicon=lexicon)
    files = [f"{number}/{name}.png" for number, name in enumerate(NAMES)]
    list(write_manifest(run.manifest, request, [FoundImage(file, 1) for file in files]))
    append_line(run.manifest, "model", name="m", fingerprint="f" * 16, card=CARD)
    with Journal(run.results) as journal:
        journal.append([ResultLine(n, file, "ab", 0.5) for n, file in enumerate(files)])
    return run


RULED_OUT = [
    (JobOptions(length="2"), 1, 0, "a length"),
    (JobOptions(pattern="UU"), 2, 0, "a pattern"),
    (JobOptions(charset="AB1", length="1-2"), 1, 0, "a charset in one case, and a length"),
    (JobOptions(charset="aB", length="2"), 1, 1, "a charset that leaves 1 out"),
    (JobOptions(lexicon=Lexicon.from_words(["AB", "bA"]).digest), 2, 0, "words"),
    (JobOptions(regex="[AB]+", length="2"), 2, 0, "several"),
]


@pytest.mark.parametrize(
    ("options", "ruled_out", "outside", "reason"), RULED_OUT, ids=[reason for *_, reason in RULED_OUT]
)
def test_labels_that_are_ruled_out_in_every_case_are_counted(
    options: JobOptions, ruled_out: int, outside: int, reason: str, tmp_path: Path
) -> None:
    run = written(tmp_path, replace(options, ignore_case=True))

    report = to_json(summarise(run, StemLabels()))

    assert (report["labels_ruled_out"], report["labels_outside_charset"]) == (ruled_out, outside)
    assert report["exact_match"]["right"] == 2
    assert report["decoding"]["ignore_case"] is True


def test_the_report_says_that_case_was_ignored(tmp_path: Path) -> None:
    summary = summarise(written(tmp_path, JobOptions(charset="ABX", ignore_case=True)), StemLabels())

    facts = {fact.name: fact.value for fact in run_facts(summary)}
    assert facts["Decoding"] == "exact, 1 best; charset ABX; case ignored, answers in lower case"
    assert facts["Labels"] == "from the file names, upper and lower case alike"
    assert "--charset allows x, which this model cannot answer" in summary.notes


def report(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", str(folder), *arguments])


def test_answers_without_case_cannot_be_compared_with_it(tmp_path: Path) -> None:
    written(tmp_path, JobOptions(ignore_case=True))

    result = report(tmp_path, "--match-case")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: this job was submitted with --ignore-case, so its answers are all in lower case and cannot "
        "be compared with the case of the labels; leave --match-case out, or submit it anew\n"
    )


def test_a_job_of_before_only_compared_so(tmp_path: Path) -> None:
    run = written(tmp_path, JobOptions(length="2"))

    said = to_json(summarise(run, StemLabels()))

    assert read_facts(run.manifest).request.options.ignore_case is False
    assert (said["decoding"]["ignore_case"], said["options"]["ignore_case"]) == (False, True)
    assert said["labels_ruled_out"] == 0  # a label stands for texts of which the model knows some
    assert report(tmp_path, "--match-case").exit_code == 0
