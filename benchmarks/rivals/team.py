"""Several processes of one reader, among which the files are shared."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle, islice
from types import TracebackType
from typing import IO, Any

from decoders.environments import BENCHMARKS, python_of

from rivals.sides import Rival, Setting

# Whose threads are not the network's: none of these may have more than one of its own beside it.
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
# Files that each process reads first, and again to see how many it reads in the time that is given.
FEW = 4


class ReaderFailedError(Exception):
    """A reader's process ended; the text says why."""


class Team:
    """A reader in its setting, ready to read; as a context manager.

    Attributes:
        versions: of its libraries.

    Raises:
        ReaderFailedError: on entering, where a process does not start.
    """

    def __init__(self, rival: Rival, setting: Setting) -> None:
        self.versions: dict[str, str] = {}
        self._rival = rival
        self._setting = setting
        self._members: list[_Member] = []

    def __enter__(self) -> Team:
        try:
            for _ in range(self._setting.processes):
                self._members.append(_Member(self._rival, self._setting.threads))
            for member in self._members:
                self.versions = member.answer()["versions"]
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, files: Sequence[str]) -> list[str]:
        """The text of each file, in order; each process reads its share, all at once.

        Raises:
            ReaderFailedError: a process ended.
        """
        count = len(self._members)
        for place, member in enumerate(self._members):
            member.ask({"files": list(files[place::count])})
        texts = [""] * len(files)
        for place, member in enumerate(self._members):
            texts[place::count] = member.answer()["texts"]
        return texts

    def rate(self, files: Sequence[str], seconds: float) -> float:
        """Files read a second of wall time, by all processes together, after a few that do not count.

        Args:
            files: to read, again from the first one where there are not enough.
            seconds: that it takes about; a reader that is slower than a few files gets those all the same.
        """
        few = FEW * len(self._members)
        self._timed(files, few)
        return self._timed(files, max(few, int(seconds * self._timed(files, few))))

    def _timed(self, files: Sequence[str], count: int) -> float:
        chosen = list(islice(cycle(files), count))
        began = time.perf_counter()
        self.read(chosen)
        return count / (time.perf_counter() - began)

    def close(self) -> None:
        """End the processes."""
        for member in self._members:
            member.close()
        self._members = []


class _Member:
    """One process of a reader."""

    def __init__(self, rival: Rival, threads: int | None) -> None:
        self._name = rival.name
        self._errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process
        own = "default" if threads is None else str(threads)
        env = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
        if threads is not None:
            env |= dict.fromkeys(_VARIABLES, own)
        env["PYTHONPATH"] = os.pathsep.join([str(BENCHMARKS), str(BENCHMARKS.parent)])
        self._process = subprocess.Popen(
            [str(python_of(rival.environment)), "-m", "rivals.serve", rival.module, rival.variant, own],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request; `answer` waits for what comes back."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: the answer says why
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The next line. Raises ReaderFailedError where none comes."""
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            return answer
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        raise ReaderFailedError(
            f"{self._name} failed: {said[-1][:300] if said else 'it ended without a word'}"
        )

    def close(self) -> None:
        """End the process: its input ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()
