"""Our side: `producer submit` without a broker, as anyone would run it first, from files to results.jsonl."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from fleet.processes import environment, kill, spawn
from speed.journal import JobEndedError, marks, rate, steady


def end_to_end(folder: Path, images: int, model: str, work: Path) -> float:
    """Images a second in the steady state of a job; what it wrote is deleted.

    Args:
        folder: of so many images.
        images: in it.
        model: a name or path for the zoo.
        work: a folder for the run folder and the log.

    Raises:
        JobEndedError: it ended before every image had its answer; the message names its log.
    """
    run, log = work / "run", work / f"producer-{model.replace(os.sep, '-')}.log"
    command = [sys.executable, "-P", "-m", "producer.cli", "submit", str(folder)]
    process = spawn([*command, "--model", model, "--run-dir", str(run)], log, environment(), work)
    try:
        moments = marks(run / "results.jsonl", (*steady(images), images), lambda: process.poll() is not None)
        first, last, _ = moments
        process.wait()
    except JobEndedError as error:
        said = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise JobEndedError(f"{error}; {log} ends with: {' | '.join(said)}") from error
    finally:
        if process.poll() is None:
            kill([process])
        shutil.rmtree(run, ignore_errors=True)
    return rate(first, last)
