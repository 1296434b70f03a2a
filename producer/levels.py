"""Which jobs come first: on which of four levels of its model's queue a batch waits.

A multilevel feedback queue (Corbató et al. 1962): the first images of every job wait one level above
its others, so that a small job is not held up by large ones, however many. `--priority` shifts both levels.
docs/architecture.md, "Several jobs at once", has the arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from producer.manifest import BatchRange

# From the first to be taken to the last. Low's first level is normal's second, and so on: four levels in all.
PRIORITIES = ("high", "normal", "low")
LEVELS = len(PRIORITIES) + 1
# The images of a job that wait on the better level. Twice the small job of 1,000 images that the fairness was
# asked for; every new job keeps the large ones waiting for so many, 1.7 s of one core at 1,200 images/s.
FIRST_IMAGES = 2048


def level_of(priority: str, batch: BatchRange) -> int:
    """The level of a batch, 0 for the first to be taken.

    It follows from the images alone, so that it is the same when a batch is sent again, cut in two, or sent
    by `resume`.

    Args:
        priority: of the job, one of PRIORITIES.
        batch: its images.
    """
    beyond_first = batch.images[-1].id >= FIRST_IMAGES
    return PRIORITIES.index(priority) + beyond_first
