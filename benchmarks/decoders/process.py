"""The parent's end of a side's process."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import suppress
from typing import Any

from decoders.environments import BENCHMARKS, python_of
from decoders.sides import Side


class SideFailedError(Exception):
    """A side's process ended; the text says why."""


class SideProcess:
    """One side in its environment, with so many threads."""

    def __init__(self, side: Side, threads: int) -> None:
        """Start the process and wait until its library is imported.

        Raises:
            SideFailedError: it was not.
        """
        self.side = side
        # A side that is split over processes has one thread in each.
        own = str(threads if side.split == "own" else 1)
        variables = {"OMP_NUM_THREADS": own, "MKL_NUM_THREADS": own, "NUMBA_NUM_THREADS": own}
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [str(python_of(side.environment)), "-m", "decoders.serve", side.name, "--threads", str(threads)],
            env=os.environ | variables | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(BENCHMARKS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.versions = self._answer()

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send one request and wait for its answer.

        Raises:
            SideFailedError: the process ended instead.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: the answer says why
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process: its input ends, so that it ends its own children first."""
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

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        self.close()
        raise SideFailedError(f"failed: {said[-1][:300] if said else 'it ended without a word'}")
