"""A running job seen from outside: how many images its journal answers, and when.

A line of `results.jsonl` is an answer, whatever stands in it, so only line ends are counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Short beside what is measured (a tenth of a second and more), long beside what a look costs.
_LOOK_EVERY_S = 0.01
# Of all images, between which a job is in its steady state: the first batches are small, and at the end
# there is less and less outstanding.
FIRST, LAST = 0.1, 0.9


@dataclass(frozen=True)
class Mark:
    """A moment.

    Attributes:
        images: answered until then; the journal grows by whole batches, so it may be more than was waited
            for.
        at: seconds of time.monotonic().
    """

    images: int
    at: float


class JobEndedError(Exception):
    """The job ended before it had answered what it should."""


def marks(journal: Path, counts: Sequence[int], is_over: Callable[[], bool]) -> Iterator[Mark]:
    """The moments at which the journal has so many answers, each as soon as it comes.

    Args:
        journal: results.jsonl, which need not be there yet.
        counts: of answers, ascending.
        is_over: whether nobody will write into the journal any more.

    Raises:
        JobEndedError: it is over, and answers are missing.
    """
    count, read = 0, 0
    for wanted in counts:
        while count < wanted:
            over = is_over()  # before the look: what was written until then is seen
            new = _from(journal, read)
            read += len(new)
            count += new.count(b"\n")
            if count < wanted:
                if over:
                    raise JobEndedError(f"the job ended with {count:,} answers, {wanted:,} were expected")
                time.sleep(_LOOK_EVERY_S)
        yield Mark(count, time.monotonic())


def steady(images: int) -> tuple[int, int]:
    """The counts between which a job of so many images is in its steady state."""
    return max(1, int(FIRST * images)), max(2, int(LAST * images))


def rate(first: Mark, last: Mark) -> float:
    """Images a second between two moments."""
    return (last.images - first.images) / (last.at - first.at)


def _from(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            return stream.read()
    except FileNotFoundError:
        return b""
