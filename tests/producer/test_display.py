"""What a user sees while a job runs: little in a log, a moving line on a terminal, warnings everywhere."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from producer import display
from producer.display import Display
from producer.errors import Interrupted
from producer.results import ResultLine

LINES = [ResultLine(number, f"{number}.png", "a") for number in range(3)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still."""
    now = SimpleNamespace(now=100.0)
    monkeypatch.setattr(display, "time", SimpleNamespace(monotonic=lambda: now.now))
    return now


def on_terminal(shown: Display) -> io.StringIO:
    """Have a display write to a terminal of 100 columns."""
    stream = io.StringIO()
    shown.console = Console(file=stream, force_terminal=True, width=100, highlight=False, color_system=None)
    return stream


def words(stream: io.StringIO) -> str:
    """What a terminal was sent, without the codes that move its cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def test_notes_and_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Display(quiet=False)

    shown.note("job [1]: 5 images")
    shown.say("batch [red] went missing")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "job [1]: 5 images\nnote: batch [red] went missing\n"


def test_long_lines_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    # A broken line could neither be copied nor searched for.
    Display(quiet=False).note("x " * 200)

    assert capsys.readouterr().err == "x " * 200 + "\n"


def test_quiet_leaves_warnings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Display(quiet=True)

    shown.note("job 1")
    shown.say("no worker serves crnn")

    assert capsys.readouterr().err == "note: no worker serves crnn\n"


def test_the_same_warning_comes_again_after_half_a_minute_at_the_earliest(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Display(quiet=False)

    for now in (100.0, 100.5, 129.0, 131.0, 132.0):
        clock.now = now
        shown.say("one")
    shown.say("two")

    assert capsys.readouterr().err == "note: one\nnote: one\nnote: two\n"


def test_warnings_of_long_ago_are_not_kept(clock: SimpleNamespace) -> None:
    shown = Display(quiet=False)

    for number in range(100):
        clock.now += 20.0
        shown.say(f"batch {number} went missing; sending it again")

    assert list(shown._said) == [f"batch {number} went missing; sending it again" for number in (98, 99)]


def test_a_log_gets_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Display(quiet=False)

    with shown.busy("scanning") as update:
        update("scanning: 1,000 images")
    with shown.progress(3, 0):
        shown.answered(LINES)

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_terminal_shows_how_far_the_answers_are(clock: SimpleNamespace) -> None:
    shown = Display(quiet=False)
    stream = on_terminal(shown)

    with shown.progress(10, 2):
        clock.now += 2.0
        shown.answered(LINES)
        assert shown._progress is not None
        shown._progress.refresh()
        assert "reading" in words(stream)
        assert "5/10" in words(stream)
        assert "2 images/s" in words(stream), "three in two seconds; what an earlier run answered is left out"

    before = stream.getvalue()
    shown.answered(LINES)
    assert stream.getvalue() == before, "the line is gone"


def test_a_quiet_terminal_shows_no_progress() -> None:
    shown = Display(quiet=True)
    stream = on_terminal(shown)

    with shown.busy("scanning") as update, shown.progress(3, 0):
        update("more")
        shown.answered(LINES)

    assert stream.getvalue() == ""


def test_a_terminal_shows_what_keeps_it_busy() -> None:
    shown = Display(quiet=False)
    stream = on_terminal(shown)

    with shown.busy("scanning") as update:
        update("scanning: 1,000 images")

    assert "scanning" in words(stream)


def test_a_check_decides_whether_the_job_goes_on() -> None:
    shown = Display(quiet=False)
    shown.check()

    def refuse() -> None:
        raise Interrupted("the local worker ended")

    shown.check_with(refuse)
    with pytest.raises(Interrupted, match="the local worker ended"):
        shown.check()
