"""How the `producer` command ends: its exit codes, its last words, signals."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from producer import job
from producer.accuracy import measure
from producer.cli import main
from producer.errors import BrokerUnreachable, Interrupted, UsageError
from producer.labels import StemLabels
from producer.report.summary import ModelFacts, RunSummary
from producer.request import Transport
from producer.results import ResultLine
from worker.contract import AnswerError, JobOptions
from worker.settings import SettingsError

GO_ON = "What was answered is kept. Go on with: producer resume runs/the-job\n"

pytestmark = pytest.mark.usefixtures("untouched")

ANSWERED = ResultLine(0, "2b827.png", "2b827", 0.9)
BROKEN = ResultLine(1, "3c938.png", error=AnswerError("truncated", "it ends before its data does"))


def summary(*lines: ResultLine) -> RunSummary:
    """The summary of a job with these lines."""
    model = ModelFacts("crnn", "0123456789abcdef")
    return RunSummary(measure(lines, StemLabels()), "the-job", "/imgs", len(lines), model, JobOptions())


def ending(monkeypatch: pytest.MonkeyPatch, end: Callable[[], RunSummary], begun: bool = True) -> None:
    """Have `submit` end like this, with a run folder or before there is one."""

    def carry_out(what: Any, transport: Transport, display: Any) -> RunSummary:
        display.run_dir = Path("runs/the-job") if begun else None
        return end()

    monkeypatch.setattr(job, "submit", carry_out)


def run(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(main, arguments, env=env)


ENDS: list[tuple[BaseException, int, str, str]] = [
    (UsageError("imgs is empty"), 2, "Error: imgs is empty\n", "what was asked cannot be done"),
    (
        BrokerUnreachable("nobody is there"),
        3,
        "Error: nobody is there\n" + GO_ON,
        "nobody serves the model",
    ),
    (
        Interrupted("the job was cancelled"),
        4,
        "Error: the job was cancelled\n" + GO_ON,
        "stopped before the end",
    ),
    (
        KeyboardInterrupt(),
        130,
        "Stopped by Ctrl-C.\n" + GO_ON,
        "Ctrl-C",
    ),
]


@pytest.mark.parametrize(("error", "code", "said", "reason"), ENDS, ids=[reason for *_, reason in ENDS])
def test_an_end_has_its_exit_code_and_one_sentence(
    error: BaseException, code: int, said: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end() -> RunSummary:
        raise error

    ending(monkeypatch, end)

    result = run("submit", "imgs")

    assert (result.exit_code, result.stdout, result.stderr) == (code, "", said)


def test_before_there_is_a_run_folder_nothing_can_be_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def end() -> RunSummary:
        raise BrokerUnreachable("nobody is there")

    ending(monkeypatch, end, begun=False)

    assert run("submit", "imgs").stderr == "Error: nobody is there\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_stop_leaves_a_job_that_can_be_resumed(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end() -> RunSummary:
        signal.raise_signal(number)
        raise AssertionError("the signal was not heard")

    ending(monkeypatch, end)

    result = run("submit", "imgs")

    assert result.exit_code == 4
    assert result.stderr == f"Error: stopped by {number.name}\n{GO_ON}"


def test_under_nohup_the_end_of_a_terminal_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def end() -> RunSummary:
        signal.raise_signal(signal.SIGHUP)
        return summary(ANSWERED)

    ending(monkeypatch, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    assert run("submit", "imgs").exit_code == 0


def test_what_a_job_writes_is_its_owners_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def end() -> RunSummary:
        (tmp_path / "results.jsonl").touch()
        return summary(ANSWERED)

    ending(monkeypatch, end)
    run("submit", "imgs")

    assert (tmp_path / "results.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_broken_variable_is_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    def end() -> RunSummary:
        raise SettingsError("CAPTCHAFLEET_X is 'soon', expected a number above 0")

    ending(monkeypatch, end)
    result = run("submit", "imgs")

    assert result.exit_code == 2
    assert result.stderr == "Error: CAPTCHAFLEET_X is 'soon', expected a number above 0\n"


def test_an_image_without_an_answer_is_exit_code_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ending(monkeypatch, lambda: summary(ANSWERED, BROKEN))

    assert run("submit", "imgs").exit_code == 1
    assert run("submit", "imgs", "--json").exit_code == 1


def test_an_answer_that_is_wrong_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ending(monkeypatch, lambda: summary(ResultLine(0, "2b827.png", "wrong", 0.9)))

    assert run("submit", "imgs").exit_code == 0


def test_an_unknown_option_is_usage() -> None:
    assert run("submit", "imgs", "--colour", "red").exit_code == 2
    assert run("submit").exit_code == 2
    assert run("paint").exit_code == 2
