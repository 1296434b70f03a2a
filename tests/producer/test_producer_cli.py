"""The `producer` command: what its options become, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from producer import job, overview
from producer.accuracy import measure
from producer.cli import main
from producer.labels import StemLabels
from producer.manifest import BatchLimits
from producer.report.summary import ModelFacts, RunSummary
from producer.request import SubmitRequest, Transport
from producer.results import ResultLine
from worker.contract import JobOptions

pytestmark = pytest.mark.usefixtures("untouched")

ANSWERED = ResultLine(0, "2b827.png", "2b827", 0.9)


def summary(*lines: ResultLine) -> RunSummary:
    """The summary of a job with these lines."""
    model = ModelFacts("crnn", "0123456789abcdef")
    return RunSummary(measure(lines, StemLabels()), "the-job", "/imgs", len(lines), model, JobOptions())


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What `submit` and `resume` were asked for; each is answered by one right image."""
    asked: list[tuple[Any, ...]] = []

    def carry_out(what: Any, transport: Transport, display: Any) -> RunSummary:
        asked.append((what, transport, display._quiet))
        display.run_dir = Path("runs/the-job")
        return summary(ANSWERED)

    monkeypatch.setattr(job, "submit", carry_out)
    monkeypatch.setattr(job, "resume", carry_out)
    return asked


def run(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(main, arguments, env=env)


def test_without_options_a_job_has_the_defaults(jobs: list[tuple[Any, ...]]) -> None:
    assert run("submit", "imgs").exit_code == 0

    assert jobs == [(SubmitRequest(Path("imgs")), Transport(), False)]
    assert jobs[0][0].options == JobOptions("exact", 10, 1, max_image_bytes=10 * 2**20)
    assert jobs[0][0].limits == BatchLimits(None, 8 * 2**20)
    assert jobs[0][1] == Transport(None, 60.0, 64 * 2**20, 7 * 86400)


ALL_OPTIONS = {
    "--model": "crnn-small@0123456789abcdef",
    "--labels": "truth.csv",
    "--from-list": "list.txt",
    "--length": "4-6",
    "--charset": ":digits:",
    "--pattern": "LLDDD",
    "--regex": "[a-f]+",
    "--lexicon": "words.txt",
    "--decoder": "alignment-beam",
    "--beam-width": "20",
    "--n-best": "3",
    "--batch-size": "64",
    "--max-batch-mb": "0.5",
    "--run-dir": "here",
    "--broker": "redis://host:6380/2",
    "--job-ttl": "3600",
    "--max-image-mb": "2",
    "--max-in-flight-mb": "16",
    "--min-probability": "0.9",
    "--priority": "low",
    "--wait": "5",
}
ALL_ASKED = (
    SubmitRequest(
        Path("imgs"),
        Path("here"),
        "list.txt",
        "crnn-small@0123456789abcdef",
        "truth.csv",
        True,
        JobOptions("alignment-beam", 20, 3, ":digits:", "4-6", "LLDDD", "[a-f]+", max_image_bytes=2 * 2**20),
        Path("words.txt"),
        True,
        BatchLimits(64, 2**19),
        0.9,
        "low",
    ),
    Transport("redis://host:6380/2", 5.0, 16 * 2**20, 3600),
    True,
)


def test_every_option_reaches_the_job(jobs: list[tuple[Any, ...]]) -> None:
    arguments = [word for pair in ALL_OPTIONS.items() for word in pair]

    result = run("submit", "imgs", *arguments, "--ignore-case", "--unconstrained", "--quiet")

    assert result.exit_code == 0, result.output
    assert jobs == [ALL_ASKED]


def test_every_option_reaches_the_job_from_the_environment_too(jobs: list[tuple[Any, ...]]) -> None:
    env = {f"CAPTCHAFLEET_{k[2:].replace('-', '_').upper()}": v for k, v in ALL_OPTIONS.items()}

    flags = {f"CAPTCHAFLEET_{flag}": "1" for flag in ("IGNORE_CASE", "UNCONSTRAINED", "QUIET")}

    result = run("submit", "imgs", **flags, **env)

    assert result.exit_code == 0, result.output
    assert jobs == [ALL_ASKED]


def test_resume_goes_on_with_a_run_folder(jobs: list[tuple[Any, ...]]) -> None:
    result = run("resume", "runs/the-job", "--broker", "redis://host", "--wait", "5")

    assert result.exit_code == 0, result.output
    assert jobs == [(Path("runs/the-job"), Transport("redis://host", 5.0), False)]


def test_a_report_ends_with_the_run_folder(jobs: list[tuple[Any, ...]]) -> None:
    result = run("submit", "imgs")

    assert "Exact match" in result.stdout
    assert result.stdout.endswith("\nRun folder: runs/the-job\n")
    assert result.stderr == ""


@pytest.mark.parametrize("command", ["submit", "resume"])
def test_json_prints_the_report_alone(command: str, jobs: list[tuple[Any, ...]]) -> None:
    result = run(command, "somewhere", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["images"] == 1
    assert result.stderr == ""
    assert jobs[0][2], "progress would be in the way"


def test_a_password_on_the_command_line_is_refused_before_anything(jobs: list[tuple[Any, ...]]) -> None:
    for command in (["submit", "imgs"], ["resume", "run"], ["status"], ["cancel", "job"]):
        result = run(*command, "--broker", "redis://:hunter2@host")

        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == (
            "Error: a password on the command line is seen by everyone on this machine; put the URL into "
            "CAPTCHAFLEET_BROKER, or only the password into CAPTCHAFLEET_BROKER_PASSWORD or a file "
            "for --broker-password-file\n"
        )
    assert jobs == []


@pytest.mark.parametrize("command", [["status"], ["cancel", "the-job"]], ids=["status", "cancel"])
def test_what_asks_a_broker_needs_its_name(command: list[str]) -> None:
    result = run(*command)

    assert (result.exit_code, result.stderr) == (
        2,
        "Error: name the broker with --broker or CAPTCHAFLEET_BROKER; a private one ends with its job\n",
    )


def test_status_shows_a_broker_in_words_and_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    def look(url: str, job_id: str | None) -> overview.Overview:
        asked.append((url, job_id))
        return overview.Overview((), (), ())

    monkeypatch.setattr(overview, "look", look)

    assert (
        run("status", "--broker", "redis://host").stdout
        == "Workers:\n  none\nQueues:\n  none\nJobs:\n  none\n"
    )
    words = run("status", "the-job", "--json", CAPTCHAFLEET_BROKER="redis://host").stdout
    assert json.loads(words) == {"workers": [], "queues": [], "jobs": []}
    assert asked == [("redis://host", None), ("redis://host", "the-job")]


def test_cancel_says_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(overview, "cancel", lambda url, job_id: asked.append((url, job_id)))

    result = run("cancel", "the-job", "--broker", "redis://host")

    assert result.stdout == "job the-job is cancelled; what was answered stays in its run folder\n"
    assert asked == [("redis://host", "the-job")]
