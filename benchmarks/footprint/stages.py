"""The stages: a producer beside its files or names, Redis beside its window, a worker beside its hours."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet.images import link_tree
from fleet.jobs import Job
from fleet.local import Fleet, Worker
from fleet.processes import environment, peak_bytes, spawn
from speed.common import progress

from footprint.sampling import MEGABYTE, Peak, Series, watch
from model_zoo.formats import IMAGE_EXTENSIONS

# How a job's images are given: what of it stays in memory differs.
SHAPES = {
    "folders": "10,000 files a folder",
    "one folder": "all files in one folder",
    "list": "the same files by --from-list",
    "table": "with --labels FILE.csv, a row a file",
}
# No worker of the pretended ones takes any time.
AT_ONCE = 1e9
_QUIET = ("--quiet", "--labels")


class StageError(Exception):
    """What was to be measured did not happen; one sentence."""


@dataclass(frozen=True)
class ProducerPeak:
    """One job and the memory of its producer.

    Attributes:
        shape: of SHAPES.
        files: images.
        peak: bytes.
        cpu_s: of the producer, its processor time.
        manifest: bytes on disk.
    """

    shape: str
    files: int
    peak: int
    cpu_s: float
    manifest: int


def producer_peaks(
    folder: Path, originals: Path, counts: Sequence[int], shapes: Sequence[str]
) -> Iterator[ProducerPeak]:
    """The peak of `producer submit` for so many files, with a worker that answers at once.

    Every answer is the same text, so that nearly all are wrong: a report holds most then.

    Args:
        folder: for the images and the run folders, which go once they are measured.
        originals: images to link to.
        counts: files of each job.
        shapes: of SHAPES.

    Raises:
        StageError: a job did not answer all its images.
    """
    with Fleet(folder / "fleet") as fleet:
        fleet.start_pretended(1, AT_ONCE)
        for count in counts:
            for shape in shapes:
                progress(f"producer: {count:,} files, {SHAPES[shape]}")
                with _images(folder / "images", count, originals, shape) as (tree, arguments):
                    job, peak = _submit(fleet, tree, *arguments)
                manifest = (job.run / "manifest.jsonl").stat().st_size
                shutil.rmtree(job.run)
                yield ProducerPeak(shape, count, peak, job.cpu_s, manifest)


@dataclass(frozen=True)
class NamesPeak:
    """The memory that a producer takes to sort the names of one folder.

    Attributes:
        names: how many.
        peak: bytes.
    """

    names: int
    peak: int


def names_peaks(folder: Path, counts: Sequence[int]) -> Iterator[NamesPeak]:
    """The peak of a process that sorts so many names; see `footprint.names`.

    Args:
        folder: takes the names that do not fit into memory.
        counts: names.

    Raises:
        StageError: they were not sorted.
    """
    for count in counts:
        progress(f"names: {count:,}")
        log = folder / "names.log"
        command = [sys.executable, "-P", "-m", "footprint.names", str(count), str(folder)]
        process = spawn(command, log, environment())
        with Peak(process.pid) as peak:
            code = process.wait()
        if code != 0:
            raise StageError(f"{count:,} names were not sorted: {log.read_text().strip()[-500:]}")
        yield NamesPeak(count, peak.bytes)


@dataclass(frozen=True)
class RedisPeak:
    """One job and the memory of its Redis.

    Attributes:
        window: bytes, as --max-in-flight-mb sets them.
        idle: bytes that Redis uses before the job.
        peak: bytes that it used at most (`used_memory_peak`).
        left: bytes that it uses after the job.
        sent: bytes of all images of the job.
    """

    window: int
    idle: int
    peak: int
    left: int
    sent: int

    @property
    def over(self) -> float:
        """What the job added, in windows."""
        return (self.peak - self.idle) / self.window


def redis_peaks(
    folder: Path, originals: Path, windows: Sequence[float], workers: int, rate: float, times: float
) -> Iterator[RedisPeak]:
    """The peak of Redis for windows of so many megabytes; its producer is faster than its workers.

    Args:
        folder: for the images and the run folders.
        originals: images to link to.
        windows: --max-in-flight-mb of each job.
        workers: how many; a producer sends two batches each and two more, if the window has room.
        rate: images a second of each worker.
        times: windows that a job's images fill one after another.

    Raises:
        StageError: a job did not answer all its images.
    """
    size = _mean_size(originals)
    for number, window in enumerate(windows):
        progress(f"Redis: a window of {window:g} MB")
        count = max(200, int(times * window * MEGABYTE / size))
        # Many in a window, so that it is the window that bounds them; no more than a message has by default.
        batch = ("--batch-size", "65536", "--max-batch-mb", f"{min(8.0, window / 16):g}")
        with (
            _images(folder / "images", count, originals, "folders") as (tree, arguments),
            Fleet(folder / f"fleet-{number}") as fleet,  # Redis's peak is that of its life
        ):
            fleet.start_pretended(workers, rate)
            idle = int(fleet.redis_info()["used_memory"])
            _submit(fleet, tree, *arguments, *batch, "--max-in-flight-mb", f"{window:g}")
            info = fleet.redis_info()
        peak, left = int(info["used_memory_peak"]), int(info["used_memory"])
        yield RedisPeak(int(window * MEGABYTE), idle, peak, left, int(count * size))


@dataclass(frozen=True)
class Resident:
    """The memory of one process of a worker.

    Attributes:
        process: which: `parent` (Celery's consumer) or `child` (it holds the model).
        series: of its samples.
        peak: bytes, over its whole life.
    """

    process: str
    series: Series
    peak: int


@dataclass(frozen=True)
class WorkerMemory:
    """A worker at steady work.

    Attributes:
        processes: its own.
        seconds: that were sampled.
        images: that it answered meanwhile.
        jobs: that these were.
    """

    processes: tuple[Resident, ...]
    seconds: float
    images: int
    jobs: int


def worker_memory(
    folder: Path,
    originals: Path,
    seconds: float,
    files: int,
    every_s: float = 1.0,
    start: Callable[[Fleet], Worker] = lambda fleet: fleet.start_workers(1)[0],
) -> WorkerMemory:
    """A worker's memory while one job follows another; a first job that does not count warms it up.

    Args:
        folder: for the images and the run folders.
        originals: images to link to.
        seconds: how long, at least: the last job runs to its end.
        files: of each job.
        every_s: seconds between two samples.
        start: starts the worker; the real one with the default model.

    Raises:
        StageError: a job did not answer all its images.
    """
    with (
        _images(folder / "images", files, originals, "folders") as (tree, arguments),
        Fleet(folder / "fleet") as fleet,
    ):
        worker = start(fleet)
        jobs = 0

        def one_job() -> None:
            nonlocal jobs
            progress(f"worker: job {jobs} of {files:,} images")
            job, _ = _submit(fleet, tree, *arguments)
            shutil.rmtree(job.run)
            jobs += 1

        one_job()
        # Its helpers (multiprocessing's resource tracker) hold neither images nor a model.
        pids = {"parent": worker.pid, "child": max(worker.children, key=peak_bytes)}
        found = watch(tuple(pids.values()), seconds, every_s, one_job)
        return WorkerMemory(
            tuple(
                Resident(name, series, peak_bytes(pid))
                for (name, pid), series in zip(pids.items(), found, strict=True)
            ),
            found[0].seconds[-1],
            (jobs - 1) * files,
            jobs - 1,
        )


@contextmanager
def _images(folder: Path, count: int, originals: Path, shape: str) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A tree of hard links, and what `producer submit` is told of it; gone at the end."""
    tree = link_tree(folder, count, originals, count if shape == "one folder" else 10_000)
    written = folder.with_name("names")
    try:
        if shape == "list":
            _write_names(tree, written, "{}\n")
            yield tree, (*_QUIET, "stem", "--from-list", str(written))
        elif shape == "table":
            _write_names(tree, written, "{},2b827\n")
            yield tree, (*_QUIET, str(written))
        else:
            yield tree, (*_QUIET, "stem")
    finally:
        shutil.rmtree(tree)
        shutil.rmtree(tree.with_name(f"{tree.name}.originals"))
        written.unlink(missing_ok=True)


def _write_names(tree: Path, to: Path, line: str) -> None:
    with to.open("w") as stream, os.scandir(tree) as folders:
        for folder in folders:
            with os.scandir(folder.path) as files:
                stream.writelines(line.format(f"{folder.name}/{file.name}") for file in files)


def _submit(fleet: Fleet, tree: Path, *arguments: str) -> tuple[Job, int]:
    running = fleet.start_submit(tree, *arguments)
    with Peak(running.pid) as peak:
        job = running.wait()
    if job.code != 0:
        raise StageError(f"the producer ended with {job.code}: {job.out.strip()[-500:]}")
    return job, peak.bytes


def _mean_size(originals: Path) -> float:
    sizes = [path.stat().st_size for path in originals.iterdir() if path.suffix.lower() in IMAGE_EXTENSIONS]
    return sum(sizes) / len(sizes)
