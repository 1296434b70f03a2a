"""A worker that tells what its solving costs: `python -P -m speed.timed -A worker.celery_app worker ...`.

It is the real worker; only the processor time of `Solver.solve` is added up, and left in a file after every
batch with the processor time of the whole process until then. So what the same process spends beside
solving is known to a batch, and not as a difference of two measurements.

Celery starts the worker's child afresh (spawn), and a fresh child imports this module first, as
`__mp_main__`; so the loader is replaced there as well, before `worker.tasks` takes it.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import worker.celery_app  # before Celery looks for it in the working directory, as in worker.node
import worker.solving
from worker.settings import Settings

if TYPE_CHECKING:
    from model_zoo.solver import Solver

# The file that takes the tally.
TALLY_VARIABLE = "SPEED_TALLY_FILE"
_FORM = struct.Struct("<qdd")


@dataclass(frozen=True)
class Tally:
    """What a worker's child has done.

    Attributes:
        images: solved.
        solving_s: processor seconds of `Solver.solve`, all its threads together.
        total_s: processor seconds of the process until the last solving ended.
    """

    images: int = 0
    solving_s: float = 0.0
    total_s: float = 0.0

    def __sub__(self, earlier: Tally) -> Tally:
        return Tally(
            self.images - earlier.images, self.solving_s - earlier.solving_s, self.total_s - earlier.total_s
        )

    @classmethod
    def read(cls, path: Path) -> Tally:
        """The last one of a file; nothing done where there is none yet."""
        try:
            return cls(*_FORM.unpack(path.read_bytes()))
        except FileNotFoundError:
            return cls()


def keep(solver: Solver, path: Path) -> Solver:
    """The solver, whose every `solve` renews the tally in a file."""
    plain = solver.solve
    images, solving_s = 0, 0.0
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)

    def solve(batch: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal images, solving_s
        began = time.process_time()
        try:
            return plain(batch, *arguments, **options)
        finally:
            total_s = time.process_time()
            images, solving_s = images + len(batch), solving_s + total_s - began
            os.pwrite(file, _FORM.pack(images, solving_s, total_s), 0)

    solver.solve = solve  # type: ignore[method-assign, assignment]
    return solver


_load = worker.solving.load


def load(settings: Settings) -> Solver:
    """In the place of `worker.solving.load`."""
    return keep(_load(settings), Path(os.environ[TALLY_VARIABLE]))


if TALLY_VARIABLE in os.environ:  # not where somebody imports `Tally` alone
    worker.solving.load = load

if __name__ == "__main__":
    from celery.__main__ import main

    sys.exit(main())
