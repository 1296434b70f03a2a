"""One point of a sweep: so many workers of such a speed, the rate of the fleet, what an image costs whom."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from fleet.jobs import Running
from fleet.local import Fleet, FleetError
from fleet.processes import CpuSeconds, cpu_seconds

# Short beside what is measured, long beside what a look costs.
_LOOK_EVERY_S = 0.02
# Images in the small batches at the beginning, and seconds until the producer knows how fast workers are and
# joins larger ones; see producer.manifest.BatchLimits and producer.pace.
_SMALL = 1024
_WARM_S = 4.0
# By default: of a batch that was joined, and outstanding at most.
LARGEST_BATCH = 1024
OUTSTANDING = 5400


@dataclass(frozen=True)
class Point:
    """What was found, in the steady state.

    Attributes:
        workers: that served.
        device: images a second of each one's device.
        rate: images a second of the fleet, journalled.
        producer: processor microseconds an image, of all producers.
        redis: of the server.
        parents: of the workers' main processes, Celery's consumers.
        children: of the workers' processes that hold the model, which here sleeps.
        received: bytes an image that Redis received.
        sent: bytes an image that Redis sent.
        busiest: share of a core that the busiest producer took.
        machine: share of all cores that were busy with anything, other programs included.
    """

    workers: int
    device: float
    rate: float
    producer: float
    redis: float
    parents: float
    children: float
    received: float
    sent: float
    busiest: float
    machine: float = 0.0

    @property
    def of_devices(self) -> float:
        """The rate as a share of what the devices could do."""
        return self.rate / (self.workers * self.device)

    @property
    def cost(self) -> float:
        """Processor microseconds an image, of everybody."""
        return self.producer + self.redis + self.parents + self.children

    @property
    def cores(self) -> float:
        """How many cores were busy with it."""
        return self.cost * self.rate / 1e6


def middle(points: Sequence[Point]) -> Point:
    """The medians of several points of the same workers and devices, figure by figure."""
    names = Point.__dataclass_fields__
    return Point(**{name: median(getattr(point, name) for point in points) for name in names})


@dataclass(frozen=True)
class Plan:
    """How long a point is measured.

    Attributes:
        seconds: in the steady state.
        most: images a second that the fleet is taken to reach on this machine, which bounds the job.
        producers: that send at once, each its share of the images under a job of its own.
        arguments: more of them for `producer submit`.
        batch: images of the largest batch that those arguments make.
        outstanding: images outstanding at most by `--max-in-flight-mb`.
    """

    seconds: float
    most: float = 12_000.0
    producers: int = 1
    arguments: tuple[str, ...] = ()
    batch: int = LARGEST_BATCH
    outstanding: int = OUTSTANDING

    def window(self, workers: int) -> int:
        """Images outstanding at most; see producer.terms.JobTerms.has_room."""
        return self.producers * min((2 * workers + 2) * self.batch, self.outstanding)

    def counts(self, workers: int, device: float) -> tuple[int, int, int]:
        """Of answers: where the steady state begins, where it ends, and of the whole job.

        It begins when the batches have grown and each worker has had its turn, and ends when the last batch
        may have been sent.
        """
        rate = min(workers * device, self.most)
        begin = _SMALL * self.producers + self.window(workers) + int(_WARM_S * rate)
        end = begin + int(self.seconds * rate)
        return begin, end, end + self.window(workers)


def measure(fleet: Fleet, names: Path, device: float, plan: Plan) -> Point:
    """Run a job through the fleet's workers, pretended ones, and measure its middle.

    Args:
        fleet: with the workers that shall serve.
        names: the folder of images, each folder below it a part; see `fleet.images.link_tree`.
        device: images a second of every device from now on.
        plan: how.

    Raises:
        FleetError: the job ended before its time, or did not answer every image.
    """
    workers = len(fleet.workers)
    fleet.set_rate(device)
    begin, end, images = plan.counts(workers, device)
    lists = _lists(fleet.folder, names, images, plan.producers)
    look = _Watch(fleet, [fleet.start_submit(names, *_arguments(it), *plan.arguments) for it in lists])
    try:
        first, last = look.when(begin), look.when(end)
        for running in look.jobs:
            job = running.wait()
            if job.code != 0:
                raise FleetError(f"a producer ended with {job.code}; see {running.log}")
    finally:
        for running in look.jobs:
            if running.process.returncode is None:
                running.process.kill()
                running.process.wait()
            shutil.rmtree(running.run, ignore_errors=True)
    return _point(workers, device, first, last)


def _arguments(names: Path) -> tuple[str, ...]:
    return ("--from-list", str(names), "--labels", "none", "--quiet")


def _lists(folder: Path, names: Path, images: int, producers: int) -> list[Path]:
    """The first so many images in as many lists, in turns by thousands."""
    lists = [folder / f"names-{number}" for number in range(producers)]
    streams = [path.open("wb") for path in lists]
    left = images
    for part in sorted(names.iterdir()):
        with os.scandir(part) as entries:
            for entry in entries:
                if left > 0:
                    left -= 1
                    streams[left % producers].write(os.fsencode(entry.path) + b"\n")
    for stream in streams:
        stream.close()
    if left:
        raise FleetError(f"{names} has {images - left:,} images, the job needs {images:,}")
    return lists


@dataclass(frozen=True)
class _Moment:
    """What was counted until then."""

    at: float
    answered: int
    producers: Mapping[int, float]
    others: CpuSeconds
    received: int
    sent: int
    machine: float


class _Watch:
    """Counts the answers of jobs, and looks at everybody's clocks when there are enough."""

    def __init__(self, fleet: Fleet, jobs: list[Running]) -> None:
        self.jobs = jobs
        self._fleet = fleet
        self._read = dict.fromkeys((job.run / "results.jsonl" for job in jobs), 0)
        self._answered = 0

    def when(self, answered: int) -> _Moment:
        """The moment at which so many are answered."""
        while self._answered < answered:
            for job in self.jobs:
                if _has_ended(job.pid):
                    said = job.log.read_text(errors="replace").strip().splitlines()[-3:]
                    raise FleetError(f"a producer ended too early; {job.log} ends with: {' | '.join(said)}")
            time.sleep(_LOOK_EVERY_S)
            self._count()
        info = self._fleet.redis_info()
        return _Moment(
            time.monotonic(),
            self._answered,
            {job.pid: cpu_seconds(job.pid) for job in self.jobs},
            self._fleet.cpu(),
            int(info["total_net_input_bytes"]),
            int(info["total_net_output_bytes"]),
            _busy_seconds(),
        )

    def _count(self) -> None:
        for path, start in self._read.items():
            if path.exists():
                with path.open("rb") as stream:
                    stream.seek(start)
                    new = stream.read()
                self._read[path] += len(new)
                self._answered += new.count(b"\n")


def _busy_seconds() -> float:
    """Of all cores so far."""
    times = psutil.cpu_times()._asdict()
    return float(sum(times.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal")))


def _has_ended(pid: int) -> bool:
    # Not taken off the list, so that `Running.wait` still finds what it used.
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _point(workers: int, device: float, first: _Moment, last: _Moment) -> Point:
    images, seconds = last.answered - first.answered, last.at - first.at
    others = last.others - first.others
    own = [last.producers[pid] - spent for pid, spent in first.producers.items()]

    def an_image(spent: float) -> float:
        return 1e6 * spent / images

    return Point(
        workers=workers,
        device=device,
        rate=images / seconds,
        producer=an_image(sum(own)),
        redis=an_image(others.redis),
        parents=an_image(others.parents),
        children=an_image(others.children),
        received=(last.received - first.received) / images,
        sent=(last.sent - first.sent) / images,
        busiest=max(own) / seconds,
        machine=(last.machine - first.machine) / seconds / (psutil.cpu_count() or 1),
    )
