"""Ctrl-C while libraries are imported: each command ends as it does at any other time.

The library is a stand-in that sends the signal to its own process while it is imported.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from model_zoo.interrupts import interrupts_after_imports

INTERRUPT = "import os, signal\n\ndef interrupt():\n    os.kill(os.getpid(), signal.SIGINT)\n\n"

# What libraries make of an interrupt: some C code drops it, other code fails at what is missing by then.
HABITS = {
    "swallows it": "try:\n    interrupt()\nexcept KeyboardInterrupt:\n    pass\n",
    "fails otherwise": (
        "try:\n    interrupt()\nexcept KeyboardInterrupt:\n"
        "    raise AttributeError('there is no matrix') from None\n"
    ),
    "lets it through": "interrupt()\n",
    "is not there": "interrupt()\nraise ModuleNotFoundError('no such module', name='torch')\n",
}

STOPPED = "Stopped by Ctrl-C.\n"
NOTHING_DONE = (
    "Stopped before the first epoch was done; nothing is kept, so start again with the same command\n"
)

COMMANDS = [
    ("model_zoo.cli", ["solve", "a.png"], "numpy", STOPPED),
    ("model_zoo.cli", ["train", "--data", "imgs", "--name", "mine"], "numpy", NOTHING_DONE),
    ("model_zoo.cli", ["audit", "--data", "imgs"], "numpy", STOPPED),
    ("producer.cli", ["submit", "imgs"], "redis", STOPPED),
    ("producer.cli", ["report", "runs/job"], "rapidfuzz", STOPPED),
]


def run(
    module: str, arguments: list[str], library: str, source: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command with a stand-in for a library."""
    (folder / "stand-ins").mkdir()
    (folder / "stand-ins" / f"{library}.py").write_text(INTERRUPT + source)
    return subprocess.run(
        [sys.executable, "-P", "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "stand-ins")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "arguments", "library", "said"),
    COMMANDS,
    ids=[f"{module.partition('.')[0]} {arguments[0]}" for module, arguments, *_ in COMMANDS],
)
def test_an_interrupt_in_an_import_ends_a_command_like_any_other(
    module: str, arguments: list[str], library: str, said: str, tmp_path: Path
) -> None:
    done = run(module, arguments, library, HABITS["swallows it"], tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", said)


@pytest.mark.parametrize("habit", [habit for habit in HABITS if habit != "swallows it"])
def test_whatever_a_library_makes_of_an_interrupt_the_command_ends_so(habit: str, tmp_path: Path) -> None:
    done = run("model_zoo.cli", ["solve", "a.png"], "numpy", HABITS[habit], tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", STOPPED)


def test_a_second_interrupt_does_not_wait_for_the_import(tmp_path: Path) -> None:
    twice = "interrupt()\nprint('goes on', flush=True)\ninterrupt()\nprint('does not', flush=True)\n"

    done = run("model_zoo.cli", ["solve", "a.png"], "numpy", twice, tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (130, "goes on\n", STOPPED)


def test_an_interrupt_elsewhere_comes_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    reached: list[object] = []

    def work() -> None:
        with interrupts_after_imports(__name__):
            reached.append(signal.getsignal(signal.SIGINT))
            signal.raise_signal(signal.SIGINT)
            reached.append("the next line")

    with pytest.raises(KeyboardInterrupt):
        work()

    assert len(reached) == 1
    assert reached != [before]
    assert signal.getsignal(signal.SIGINT) == before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as under nohup
    try:
        with interrupts_after_imports(__name__):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_changes_no_signal() -> None:
    entered: list[object] = []

    def enter() -> None:
        with interrupts_after_imports(__name__):
            entered.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()

    assert entered == [signal.getsignal(signal.SIGINT)]
