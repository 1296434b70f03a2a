"""Processes of a benchmark: started so that none outlives it, and measured from outside."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
_PR_SET_PDEATHSIG = 1


def environment(**more: str) -> dict[str, str]:
    """This process's environment with our packages first, without CAPTCHAFLEET_ settings; plus `more`.

    CAPTCHAFLEET_ZOO and CAPTCHAFLEET_DATA stay: they say where things lie, not what to do.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("CAPTCHAFLEET_ZOO", "CAPTCHAFLEET_DATA") or not name.startswith("CAPTCHAFLEET_")
    }
    path = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])
    return {**kept, "PYTHONPATH": path, **more}


def _die_with_parent() -> None:
    # For a benchmark that is killed and cannot tidy up.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(
    command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that a Ctrl-C reaches it by way of us alone.

    Args:
        command: program and arguments.
        log: takes what it prints.
        env: its whole environment.
        cwd: where it works; None: here.
    """
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def kill(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """End processes and what they started, now; returns once they are gone."""
    processes = list(processes)
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for process in processes:
        process.wait()


@dataclass(frozen=True)
class CpuSeconds:
    """Seconds of processor time, user and system.

    Attributes:
        redis: of the server.
        parents: of all workers' main processes, Celery's consumers.
        children: of all processes that hold a model.
    """

    redis: float
    parents: float
    children: float

    def __sub__(self, earlier: CpuSeconds) -> CpuSeconds:
        return CpuSeconds(
            self.redis - earlier.redis, self.parents - earlier.parents, self.children - earlier.children
        )

    @property
    def total(self) -> float:
        """Of all of them."""
        return self.redis + self.parents + self.children


def cpu_seconds(pid: int) -> float:
    """Of one process so far, user and system; 0 once it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def descendants(pid: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def peak_bytes(pid: int) -> int:
    """The most memory that a living process had resident so far (VmHWM). Linux only.

    Raises:
        FileNotFoundError: no such process.
    """
    for line in Path(f"/proc/{pid}/status").read_text("ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise FileNotFoundError(f"process {pid} has ended")
