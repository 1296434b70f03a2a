"""A worker that reads a batch when it is let: `python -P -m stepped -A worker.celery_app worker ...`.

All of it is the real worker's, Celery's two processes included; only the forward pass is left out, as in the
benchmarks' `fleet.pretend`. A test lets it read so many batches in all and sees which it read, so that the
order of the queue can be told whatever the speed of the machine.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from fleet.pretend import load  # before Celery looks for `worker` in the working directory

import worker.solving

# A folder with two files: `allowed`, how many batches may be read in all, and `read`, the ids of those read.
FOLDER_VARIABLE = "STEPPED_FOLDER"
_LOOK_EVERY_S = 0.005

solve_at_once = worker.solving.solve_batch


def solve_batch(batch: Any, *rest: Any) -> Any:
    """In the place of `worker.solving.solve_batch`."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    with (folder / "read").open("a+", encoding="ascii") as read:
        read.seek(0)
        before = len(read.readlines())
        while int((folder / "allowed").read_text("ascii")) <= before:
            time.sleep(_LOOK_EVERY_S)
        read.write(batch.id + "\n")
    return solve_at_once(batch, *rest)


# As in `fleet.pretend`: in Celery's child too, which knows this module under the second name.
if __name__ in ("__main__", "__mp_main__"):
    worker.solving.load = load  # type: ignore[assignment]
    worker.solving.solve_batch = solve_batch

if __name__ == "__main__":
    from celery.__main__ import main

    sys.exit(main())
