"""The whole system on one job, and what each of its processes spends on an image.

A job has a beginning (imports, the scan), a steady state and an end (the reports). Rates are those of the
steady state. What the scan and the reports cost an image is the difference of a long job and a short one,
so that imports and connections, which do not grow with the job, are in neither.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fleet.local import Fleet, Worker
from fleet.processes import CpuSeconds, cpu_seconds

from speed.journal import JobEndedError, Mark, marks, rate, steady
from speed.timed import TALLY_VARIABLE, Tally


@dataclass(frozen=True)
class Costs:
    """Processor microseconds an image.

    Attributes:
        scan: the producer's, before the first image is sent: to find it and to write it into the manifest.
        producer: the producer's, in the steady state: to read and send it, to take and write its answer.
        redis: the server's.
        parent: of the worker's main process.
        child: of the worker's process with the model, beside solving.
        solving: of `Solver.solve` in that process.
        reports: the producer's, after the last answer.
    """

    scan: float
    producer: float
    redis: float
    parent: float
    child: float
    solving: float
    reports: float

    @property
    def queue(self) -> float:
        """All that an image costs on its way from its file to results.jsonl, beside solving."""
        return self.scan + self.producer + self.redis + self.parent + self.child


@dataclass(frozen=True)
class Finished:
    """A job that was followed.

    Attributes:
        rate: images a second in the steady state.
        before_s: the producer's processor seconds until the first answer.
        after_s: and after the last one.
        steady: images answered in the steady state.
        producer_s: the producer's processor seconds in the steady state.
        processes: those of Redis and the worker.
        tally: what the worker's child says of the same time.
    """

    rate: float
    before_s: float
    after_s: float
    steady: int
    producer_s: float
    processes: CpuSeconds
    tally: Tally


class TimedFleet(Fleet):
    """A fleet with one worker that tells what its solving costs.

    Args:
        folder: takes logs and run folders.
    """

    def start_timed(self, model: str, device: str) -> Worker:
        """Start the worker, and wait until it serves."""
        command = (sys.executable, "-P", "-m", "speed.timed", "-A", "worker.celery_app", "worker")
        options = ("--loglevel", "info", "--without-gossip", "--without-mingle")  # as `worker start` has them
        env = {
            TALLY_VARIABLE: str(self.tally_file),
            "CAPTCHAFLEET_MODEL": model,
            "CAPTCHAFLEET_DEVICE": device,
        }
        return self._start(1, lambda name: [*command, "-n", name, *options], env)[0]

    @property
    def tally_file(self) -> Path:
        """Where the worker leaves its tally."""
        return self.folder.resolve() / "tally"

    def follow(self, folder: Path, images: int) -> Finished:
        """`producer submit` on a folder of so many images, followed to its end; its run folder is deleted.

        Raises:
            JobEndedError: it ended before every image had its answer.
        """
        running = self.start_submit(folder)
        try:
            moments = marks(
                running.run / "results.jsonl",
                (1, *steady(images), images),
                lambda: _has_ended(running.pid),
            )
            next(moments)
            before_s = cpu_seconds(running.pid)
            first, cpu_first, own_first, tally_first = self._look(next(moments), running.pid)
            last, cpu_last, own_last, tally_last = self._look(next(moments), running.pid)
            next(moments)
            answered_s = cpu_seconds(running.pid)
            job = running.wait()
        except JobEndedError as error:
            said = running.log.read_text(errors="replace").strip().splitlines()[-3:]
            raise JobEndedError(f"{error}; {running.log} ends with: {' | '.join(said)}") from error
        finally:
            with suppress(ProcessLookupError):
                running.process.kill()
            shutil.rmtree(running.run, ignore_errors=True)
        return Finished(
            rate=rate(first, last),
            before_s=before_s,
            after_s=job.cpu_s - answered_s,
            steady=last.images - first.images,
            producer_s=own_last - own_first,
            processes=cpu_last - cpu_first,
            tally=tally_last - tally_first,
        )

    def _look(self, mark: Mark, pid: int) -> tuple[Mark, CpuSeconds, float, Tally]:
        return mark, self.cpu(), cpu_seconds(pid), Tally.read(self.tally_file)


def _has_ended(pid: int) -> bool:
    """Whether our child has; it is not taken off the list, so that `Running.wait` still finds what it
    used."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def costs(long: Finished, images: int, short: Finished, short_images: int) -> Costs:
    """What an image costs.

    Args:
        long: a job of `images`.
        images: many.
        short: a job of `short_images`.
        short_images: few.
    """
    more = images - short_images
    solved = max(1, long.tally.images)
    return Costs(
        scan=1e6 * (long.before_s - short.before_s) / more,
        producer=1e6 * long.producer_s / long.steady,
        redis=1e6 * long.processes.redis / long.steady,
        parent=1e6 * long.processes.parents / long.steady,
        child=1e6 * (long.tally.total_s - long.tally.solving_s) / solved,
        solving=1e6 * long.tally.solving_s / solved,
        reports=1e6 * (long.after_s - short.after_s) / more,
    )
