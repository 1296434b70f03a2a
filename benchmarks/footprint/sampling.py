"""Memory of processes from outside, sample by sample, and what the samples say. Linux's /proc."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

import psutil
from fleet.processes import peak_bytes

MEGABYTE = 2**20


class Peak:
    """The most memory that a process had resident, as a context manager around its life.

    Asked from outside until the process has ended, not of `wait4` afterwards: a process inherits the peak of
    whoever started it, and with it the peak of the benchmark.

    Args:
        pid: of the process.
        every_s: seconds between two looks; what comes on top after the last look is missed.
    """

    def __init__(self, pid: int, every_s: float = 0.02) -> None:
        self.bytes = 0
        self._pid = pid
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        with suppress(FileNotFoundError, ProcessLookupError):
            while True:
                self.bytes = max(self.bytes, peak_bytes(self._pid))
                if self._ended.wait(self._every_s):
                    return


@dataclass(frozen=True)
class Series:
    """Memory of one process over time.

    Attributes:
        seconds: of each sample, from the first on.
        values: bytes resident.
    """

    seconds: tuple[float, ...]
    values: tuple[int, ...]

    @property
    def first_third(self) -> float:
        """Mean bytes over the first third of the samples."""
        return statistics.fmean(self.values[: max(1, len(self.values) // 3)])

    @property
    def last_third(self) -> float:
        """Mean bytes over the last third of the samples."""
        return statistics.fmean(self.values[-max(1, len(self.values) // 3) :])

    @property
    def slope(self) -> float:
        """Bytes a second, by least squares over all samples."""
        return slope(self.seconds, self.values)


def slope(across: Sequence[float], up: Sequence[float]) -> float:
    """By least squares; 0 where all stand at one place."""
    if len(set(across)) < 2:
        return 0.0
    return statistics.linear_regression(across, up).slope


def watch(pids: Sequence[int], seconds: float, every_s: float, keep_busy: Callable[[], None]) -> list[Series]:
    """Sample processes while something keeps them busy, again and again.

    Args:
        pids: of the processes; all must live to the end.
        seconds: how long.
        every_s: seconds between two samples.
        keep_busy: what they are given to do; called anew until the time is over.

    Returns:
        One series a process, in the order of `pids`.

    Raises:
        psutil.NoSuchProcess: one of them ended.
    """
    began, over = time.monotonic(), threading.Event()
    times: list[float] = []
    values: list[list[int]] = [[] for _ in pids]
    gone: list[psutil.NoSuchProcess] = []

    def sample() -> None:
        processes = [psutil.Process(pid) for pid in pids]
        while not over.is_set():
            times.append(time.monotonic() - began)
            for process, of_it in zip(processes, values, strict=True):
                of_it.append(process.memory_info().rss)
            over.wait(every_s)

    def sample_all() -> None:
        try:
            sample()
        except psutil.NoSuchProcess as error:
            gone.append(error)

    thread = threading.Thread(target=sample_all, daemon=True)
    thread.start()
    try:
        while time.monotonic() - began < seconds and not gone:
            keep_busy()
    finally:
        over.set()
        thread.join()
    if gone:
        raise gone[0]
    return [Series(tuple(times), tuple(of_it)) for of_it in values]
