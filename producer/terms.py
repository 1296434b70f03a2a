"""What the sending loop is told, and what it tells: the terms of a job, its clock, who looks on."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from producer.levels import level_of
from producer.manifest import BatchRange
from producer.results import ResultLine, line_of
from worker.contract import BatchResult, ContractError, JobOptions

# A job that others leave no worker moves a batch up as often as this, so that it never stands still.
HELPED_EVERY_S = 60.0

# The classes of sizes of Redis's allocator (jemalloc) lie a quarter apart at most.
_REDIS_ROUNDING = 1.25
# Redis keeps a buffer as large as the last batch for the connection that sent it, and copies a batch for the
# worker that fetches it. benchmarks/memory.py --stage redis measures what all that comes to.
_COPIES = 2


class Watcher(Protocol):
    """Who looks on: a display, and whatever must stay alive for the job to go on."""

    def answered(self, lines: list[ResultLine]) -> None:
        """These images were answered just now."""

    def say(self, message: str) -> None:
        """Something the user should know."""

    def check(self) -> None:
        """Raise Interrupted where going on makes no sense."""


@dataclass(frozen=True)
class JobTerms:
    """What the loop needs to know of its job.

    Attributes:
        job_id: the job.
        root: absolute path of the images.
        options: how images are read.
        model: NAME@FINGERPRINT.
        images: how many there are.
        max_in_flight_bytes: that outstanding images may take in Redis at most; one batch always may be there.
        wait_s: patience with an absent broker, or with the absence of every worker.
        job_ttl_s: how long Redis keeps the job without a word from its producer.
        visibility_timeout_s: after this long a batch that is nowhere is sent again.
        lexicon: the words that an answer may be, as `encode_lexicon` makes them; None without a lexicon.
        priority: one of `producer.levels.PRIORITIES`.
        max_joined_bytes: of a batch that is joined of several; 0 joins none.
    """

    job_id: str
    root: str
    options: JobOptions
    model: str
    images: int
    max_in_flight_bytes: int
    wait_s: float
    job_ttl_s: int
    visibility_timeout_s: float
    lexicon: bytes | None = None
    priority: str = "normal"
    max_joined_bytes: int = 0

    def level_of(self, batch: BatchRange) -> int:
        """On which level of the queue a batch waits."""
        return level_of(self.priority, batch)

    def has_room(self, sizes: list[int], more: int, workers: int) -> bool:
        """Whether a batch of `more` bytes may be sent while those of these sizes are outstanding."""
        # Two batches a worker keep it busy; more would only let this job stand longer in others' way.
        busy = len(sizes) >= 2 + 2 * max(workers, 1)
        taken = _REDIS_ROUNDING * (sum(sizes) + (1 + _COPIES) * more)
        return not sizes or (not busy and taken <= self.max_in_flight_bytes)

    def joined_bytes(self, workers: int) -> float:
        """The most that a batch may be joined to: the window keeps room for enough of them."""
        return min(self.max_joined_bytes, self.max_in_flight_bytes / _batches_taken(workers))

    def narrow(self, batches: int, size: int, workers: int) -> str:
        """What to say where the window in bytes leaves workers without a batch.

        Args:
            batches: outstanding, when there was no room for more.
            size: bytes of the next one.
            workers: that serve.
        """
        wanted = size * _batches_taken(workers)
        return (
            f"--max-in-flight-mb {self.max_in_flight_bytes / 2**20:g} has room for "
            f"{batches} batch{'es' * (batches > 1)} of {size / 2**20:.1f} MB, too few for {workers} workers; "
            f"{math.ceil(wanted / 2**20):,} would keep all of them busy, if Redis has that memory"
        )

    def facts(self, answered: int) -> dict[str, str]:
        """What Redis is told of the job, for `producer status`."""
        return {
            "images": str(self.images),
            "answered": str(answered),
            "model": self.model,
            "priority": self.priority,
            "updated": str(int(time.time())),
        }


def _batches_taken(workers: int) -> float:
    """What all the batches that so many workers want take in Redis, as a multiple of one's size."""
    return _REDIS_ROUNDING * (2 + 2 * workers + _COPIES)


@dataclass
class Outstanding:
    """A batch that was sent, or is about to be.

    Attributes:
        batch: its images.
        size: bytes of its blob.
        attempt: which sending this is, from 1.
        sent_at: by time.monotonic().
        incomplete: how often its answers lacked images, or a worker found no whole lexicon.
    """

    batch: BatchRange
    size: int
    attempt: int
    sent_at: float
    incomplete: int = 0

    def lines(self, result: BatchResult) -> list[ResultLine]:
        """What a result says of the batch's images, for the journal."""
        files = {image.id: image.file for image in self.batch.images}
        known = [answer for answer in result.answers if answer.id in files]
        return [line_of(it, files[it.id], result.worker, result.attempt) for it in known]


def lines_of(
    results: Iterable[BatchResult | ContractError], outstanding: Mapping[str, Outstanding]
) -> list[ResultLine]:
    """What results say of images that are outstanding."""
    known = [result for result in results if isinstance(result, BatchResult)]
    asked = [(outstanding.get(result.batch_id), result) for result in known]
    return [line for entry, result in asked if entry for line in entry.lines(result)]


@dataclass
class Timing:
    """When things happened, in seconds of time.monotonic; None: not yet."""

    first_sent: float | None = None
    last_answered: float | None = None
    last_helped: float | None = None

    @property
    def seconds(self) -> float:
        """From the first sending to the last answer in the journal."""
        if self.first_sent is None or self.last_answered is None:
            return 0.0
        return max(self.last_answered - self.first_sent, 0.0)

    def needs_help(self, now: float) -> bool:
        """Whether nothing of the job was answered for long, and it was not helped either; then now it is."""
        moments = [it for it in (self.first_sent, self.last_answered, self.last_helped) if it is not None]
        if not moments or now - max(moments) < HELPED_EVERY_S:
            return False
        self.last_helped = now
        return True
