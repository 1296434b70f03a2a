"""`producer report`: a run folder measured again, from its files alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from producer.cli import main
from producer.images import FoundImage, Skipped
from producer.manifest import Request, append_line, write_manifest
from producer.results import Journal, ResultLine
from worker.contract import AnswerError, JobOptions

pytestmark = pytest.mark.usefixtures("untouched")

LINES = [
    ResultLine(0, "2b827.png", "2b827", 0.9, worker="cpu-1@here", attempt=1),
    ResultLine(1, "3C938.png", "3c938", 0.8, worker="cpu-2@there", attempt=1),
    ResultLine(2, "empty.png", error=AnswerError("empty_file", "the file has no bytes")),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The run folder of a job of three images, read by two workers in 2.5 seconds."""
    path = tmp_path / "run"
    path.mkdir()
    options = JobOptions(length="5")
    request = Request("the-job", str(tmp_path / "imgs"), None, options, notes=("synthetic",))
    found = [*(FoundImage(line.file, 10) for line in LINES), Skipped("notes.txt", "not an image")]
    list(write_manifest(path / "manifest.jsonl", request, found))
    manifest = path / "manifest.jsonl"
    append_line(manifest, "model", name="crnn", fingerprint="f" * 16, card={"charset": "23456789bc"})
    append_line(manifest, "session", number=0, time=1.0, startup_seconds=7.5, workers={"cpu-1@here": "cpu"})
    append_line(manifest, "session_end", number=0, seconds=2.5, workers={"cpu-2@there": "cuda:0"})
    with Journal(path / "results.jsonl") as journal:
        journal.append(LINES)
    return path


def report(folder: Path, *arguments: str, **env: str) -> Result:
    return CliRunner().invoke(main, ["report", str(folder), *arguments], env=env)


def test_a_report_is_made_from_the_files_alone(folder: Path) -> None:
    result = report(folder, "--json")

    assert result.exit_code == 1, result.output  # one image of it could not be read
    said = json.loads(result.stdout)
    assert said == json.loads((folder / "report.json").read_text())
    assert (said["images"], said["answered"], said["errors"]) == (3, 2, {"empty_file": 1})
    assert (said["exact_match"]["n"], said["exact_match"]["value"]) == (3, pytest.approx(1 / 3))
    assert (said["seconds"], said["startup_seconds"]) == (2.5, 7.5)
    assert [(each["name"], each["device"], each["answered"]) for each in said["workers"]] == [
        ("cpu-1@here", "cpu", 1),
        ("cpu-2@there", "cuda:0", 1),
    ]
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_without_json_a_table_is_printed(folder: Path) -> None:
    result = report(folder)

    assert result.exit_code == 1
    assert "Exact match" in result.stdout
    assert result.stderr == ""


def test_labels_and_case_can_be_chosen_anew(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "truth.csv"
    table.write_text("file,label\n2b827.png,22222\n")

    def exact(*arguments: str, **env: str) -> object:
        return json.loads(report(folder, "--json", *arguments, **env).stdout)["exact_match"]

    assert exact("--ignore-case")["value"] == pytest.approx(2 / 3)  # type: ignore[index]
    assert exact(CAPTCHAFLEET_IGNORE_CASE="1")["value"] == pytest.approx(2 / 3)  # type: ignore[index]
    assert exact("--match-case")["value"] == pytest.approx(1 / 3)  # type: ignore[index]
    assert exact("--labels", str(table))["n"] == 1  # type: ignore[index]
    assert exact("--labels", "none") is None


def test_a_job_that_is_not_complete_is_reported_as_far_as_it_is(folder: Path) -> None:
    (folder / "results.jsonl").unlink()

    result = report(folder, "--json")

    assert result.exit_code == 4
    assert (json.loads(result.stdout)["images"], json.loads(result.stdout)["answered"]) == (3, 0)


def test_a_folder_without_a_job_is_refused(tmp_path: Path) -> None:
    result = report(tmp_path / "nothing")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"Error: {tmp_path / 'nothing'} holds no manifest.jsonl; name a run folder of `producer submit`\n"
    )


def test_a_scan_that_was_cut_short_is_refused(folder: Path) -> None:
    manifest = folder / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes().partition(b'{"type": "end"')[0])

    result = report(folder)

    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: the scan of {folder} was cut short and nothing was sent; "
        "`producer resume` begins it again\n",
    )


def test_a_journal_that_is_damaged_is_refused_with_its_line(folder: Path) -> None:
    with (folder / "results.jsonl").open("a") as stream:
        stream.write("hello\n")

    result = report(folder)

    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {folder / 'results.jsonl'}, line 4 is not a result: "
        "Expecting value: line 1 column 1 (char 0)\n"
    )
