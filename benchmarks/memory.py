"""How much memory producer, Redis and worker take, and that it does not grow with the job.

    .venv/bin/python benchmarks/memory.py --stage producer --json producer.json   # half an hour, 3 GB
    .venv/bin/python benchmarks/memory.py --stage producer --files 10000 100000 --shapes "one folder"
    .venv/bin/python benchmarks/memory.py --stage names --json names.json         # half a minute
    .venv/bin/python benchmarks/memory.py --stage redis --json redis.json         # some minutes
    .venv/bin/python benchmarks/memory.py --stage worker --minutes 60 --json worker.json

producer    `producer submit` of hard links to the labelled captchas, against a real Redis and a worker whose
            forward pass takes no time: the producer's peak for each number of files, and the bytes that one
            more file costs. The goal is 300 MB for 1,000,000 files.
names       a process that sorts the names of one folder as a scan does, without the folder: its peak for each
            number of names.
redis       Redis's own `used_memory_peak` for each --max-in-flight-mb, with workers that are slower than the
            producer, so that the window is full.
worker      a worker with the default model, given one job after another: what its two processes have resident
            in the first and in the last third of the time, and the slope in MB an hour.

Data: CAPTCHAFLEET_DATA/captcha_images_v2, or --images DIR. Linux only (/proc).

Exit codes: 0; 1 if a job failed; 2 for wrong options or missing data.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fleet.local import FleetError
from footprint.sampling import MEGABYTE, slope
from footprint.stages import (
    SHAPES,
    NamesPeak,
    ProducerPeak,
    RedisPeak,
    StageError,
    WorkerMemory,
    names_peaks,
    producer_peaks,
    redis_peaks,
    worker_memory,
)
from speed.common import describe, progress, table, this_machine, write

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("CAPTCHAFLEET_DATA") or ROOT / "../shared/data") / "captcha_images_v2"
GOAL_MB, GOAL_FILES = 300, 1_000_000


def main() -> int:
    """Run what the command line asks for; the exit code."""
    arguments = _arguments()
    if not arguments.images.is_dir():
        said = f"{arguments.images} is no folder; name its parent in CAPTCHAFLEET_DATA, or give --images"
        print(f"memory.py: {said}", file=sys.stderr)
        return 2
    machine = this_machine()
    with tempfile.TemporaryDirectory(prefix="memory-", dir=arguments.folder) as name:
        try:
            text, figures = _STAGES[arguments.stage](Path(name), arguments)
        except (StageError, FleetError) as error:
            progress("")
            print(f"memory.py: {error}", file=sys.stderr)
            return 1
    progress("")
    print(f"{text}\n\n{describe(machine)}")
    write(arguments.json, f"memory.py --stage {arguments.stage}", machine, figures)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--stage", choices=sorted(_STAGES), required=True)
    parser.add_argument("--images", type=Path, default=DATA, metavar="DIR", help="captchas to link to")
    parser.add_argument("--folder", type=Path, metavar="DIR",
                        help="where links and run folders go (default: the temporary folder)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one JSON object")
    producer = parser.add_argument_group("--stage producer")
    producer.add_argument("--files", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], metavar="N")
    producer.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES), metavar="SHAPE",
                          help=", ".join(f"{name!r} ({what})" for name, what in SHAPES.items()))  # fmt: skip
    names = parser.add_argument_group("--stage names")
    names.add_argument("--names", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000], metavar="N")
    window = parser.add_argument_group("--stage redis")
    window.add_argument("--windows", type=float, nargs="+", default=[4, 16, 64, 128], metavar="MB",
                        help="values of --max-in-flight-mb")  # fmt: skip
    window.add_argument("--workers", type=int, default=8, help="that the window is sent to (default 8)")
    window.add_argument("--times", type=float, default=3, help="windows that a job's images fill (default 3)")
    window.add_argument("--rate", type=float, default=150, help="images a second of each (default 150)")
    steady = parser.add_argument_group("--stage worker")
    steady.add_argument("--minutes", type=float, default=10, help="to sample (default 10)")
    steady.add_argument("--job", type=int, default=50_000, metavar="N", help="images of each job")
    return parser.parse_args()


def _producer(folder: Path, arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    found = list(producer_peaks(folder, arguments.images, arguments.files, arguments.shapes))
    return producer_text(found), {
        "goal_bytes": GOAL_MB * 10**6,
        "goal_files": GOAL_FILES,
        "peaks": [asdict(row) for row in found],
        "bytes_a_file": {shape: _a_file(found, shape) for shape in arguments.shapes},
    }


def producer_text(found: Sequence[ProducerPeak]) -> str:
    """The table of the stage, and the verdict where the goal's number of files was measured."""
    counts = sorted({row.files for row in found})
    peaks = {(row.shape, row.files): row.peak for row in found}
    rows = [
        [
            f"{shape}: {what}",
            *(_megabytes(peaks[shape, count]) for count in counts),
            f"{_a_file(found, shape):,.1f}",
        ]
        for shape, what in SHAPES.items()
        if any(row.shape == shape for row in found)
    ]
    text = table(["producer's peak, MB", *(f"{count:,} files" for count in counts), "bytes a file"], rows)
    judged = [row for row in found if row.files == GOAL_FILES]
    if not judged:
        return text
    worst = max(judged, key=lambda row: row.peak)
    verdict = "met" if worst.peak < GOAL_MB * 10**6 else "not met"
    return (
        f"{text}\n\nGoal: under {GOAL_MB} MB for {GOAL_FILES:,} files: {verdict} "
        f"(the most: {_megabytes(worst.peak)} MB, {worst.shape})"
    )


def _a_file(found: Sequence[ProducerPeak], shape: str) -> float:
    rows = [row for row in found if row.shape == shape]
    return slope([row.files for row in rows], [row.peak for row in rows])


def _names(folder: Path, arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    found = list(names_peaks(folder, arguments.names))
    a_name = slope([row.names for row in found], [row.peak for row in found])
    return names_text(found), {"peaks": [asdict(row) for row in found], "bytes_a_name": a_name}


def names_text(found: Sequence[NamesPeak]) -> str:
    """The table of the stage."""
    return table(
        ["names of one folder", "peak, MB"], [[f"{it.names:,}", _megabytes(it.peak)] for it in found]
    )


def _redis(folder: Path, arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    found = list(
        redis_peaks(
            folder,
            arguments.images,
            arguments.windows,
            arguments.workers,
            arguments.rate,
            arguments.times,
        )
    )
    return redis_text(found), {
        "workers": arguments.workers,
        "rate": arguments.rate,
        "peaks": [{**asdict(row), "over": row.over} for row in found],
    }


def redis_text(found: Sequence[RedisPeak]) -> str:
    """The table of the stage."""
    rows = [
        [
            f"{row.window / MEGABYTE:g} MiB",
            _megabytes(row.sent),
            _megabytes(row.idle),
            _megabytes(row.peak),
            _megabytes(row.left),
            f"{row.over:.2f}",
        ]
        for row in found
    ]
    header = ["--max-in-flight-mb", "sent, MB", "Redis before, MB", "peak, MB", "after, MB"]
    return table([*header, "(peak - before) / window"], rows)


def _worker(folder: Path, arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    seconds = 60 * arguments.minutes
    # An hour is told by 600 samples as well as by 3,600.
    found = worker_memory(folder, arguments.images, seconds, arguments.job, max(1.0, seconds / 600))
    return worker_text(found), {
        "seconds": found.seconds,
        "images": found.images,
        "jobs": found.jobs,
        "processes": {
            it.process: {
                "first_third": it.series.first_third,
                "last_third": it.series.last_third,
                "bytes_an_hour": 3600 * it.series.slope,
                "peak": it.peak,
                "seconds": it.series.seconds,
                "values": it.series.values,
            }
            for it in found.processes
        },
    }


def worker_text(found: WorkerMemory) -> str:
    """The table of the stage."""
    rows = [
        [
            it.process,
            _megabytes(it.series.first_third),
            _megabytes(it.series.last_third),
            f"{it.series.last_third / it.series.first_third:.4f}",
            f"{3600 * it.series.slope / 10**6:+.2f}",
            _megabytes(it.peak),
        ]
        for it in found.processes
    ]
    header = ["resident, MB", "first third", "last third", "last / first", "MB an hour", "peak"]
    return (
        f"{found.images:,} images in {found.jobs} jobs, {found.seconds / 60:.1f} minutes\n\n"
        f"{table(header, rows)}"
    )


def _megabytes(number: float) -> str:
    return f"{number / 10**6:,.1f}"


_STAGES = {"producer": _producer, "names": _names, "redis": _redis, "worker": _worker}

if __name__ == "__main__":
    sys.exit(main())
