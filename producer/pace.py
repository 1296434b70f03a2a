"""How large batches are: neighbours are joined while workers are fast, so that each is worth its message.

What a batch costs beside its images (Celery, round trips) takes milliseconds. A worker that reads 256 images
in a few times that spends much of its life between two batches. So the producer looks how fast workers are
and sends several batches of the manifest as one, up to what a worker reads in 0.15 seconds: no other
job waits longer for a worker's hand than that, and a slow worker's batches stay as they are. Nothing else
changes: a batch is named after its images, and the window has its bound in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from producer.levels import FIRST_IMAGES
from producer.manifest import BatchRange
from producer.terms import JobTerms

# Of one worker's time, at most, for a batch that was joined. A small job may find one in every worker's hand,
# and another one where its own producer is too slow; on a fast worker 1,000 images take not much longer.
JOINED_S = 0.15


class Pace:
    """Joins the batches of a job.

    Args:
        terms: of the job; what its batches may be joined up to.
    """

    def __init__(self, terms: JobTerms) -> None:
        self._terms = terms
        self._seen: tuple[float, int] | None = None
        self._workers = 0
        self._images = 0.0  # that a worker reads in JOINED_S

    def note(self, now: float, answered: int, workers: int) -> None:
        """Look how fast the workers are; to be called every few seconds.

        Args:
            now: seconds of a clock that never goes back.
            answered: images of the job so far.
            workers: that serve.
        """
        if self._seen is not None and now > self._seen[0] and workers:
            self._images = JOINED_S * (answered - self._seen[1]) / (now - self._seen[0]) / workers
        self._seen, self._workers = (now, answered), workers

    def joined(self, batches: Iterable[BatchRange]) -> Iterator[BatchRange]:
        """The same images in the same order, in as many batches or fewer."""
        held: BatchRange | None = None
        for batch in batches:
            if held is not None and self._may_join(held, batch):
                held = BatchRange(held.job, held.images + batch.images)
                continue
            if held is not None:
                yield held
            held = batch
        if held is not None:
            yield held

    def _may_join(self, held: BatchRange, batch: BatchRange) -> bool:
        # The first images wait on a better level, where other jobs' first images wait for a worker, too.
        return (
            held.images[0].id >= FIRST_IMAGES
            and len(held.images) + len(batch.images) <= self._images
            and held.size + batch.size <= self._terms.joined_bytes(self._workers)
        )
