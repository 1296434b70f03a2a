"""How fast a training goes, and with how many of torch's threads it goes fastest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import torch

from model_zoo.training.fit import Fit

STEPS = 4  # that are timed, after one that allocates memory and chooses kernels
LONGEST = 2.0  # seconds: no further step is begun to time one number of threads

# Whoever sets one of them has said how many.
_SAID_BY = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def seconds_per_image(fit: Fit, now: Callable[[], float]) -> float:
    """Seconds that training takes an image, from a few steps.

    Args:
        fit: a copy, whose network the steps change.
        now: a clock in seconds.
    """
    images = fit.images(0)
    source = torch.Generator().manual_seed(0)
    batches = fit.batches(len(images), source)[: STEPS + 1]
    fit.network.train()
    ends = [now()]
    for loss in fit.losses(images, batches, source):
        fit.descend(loss)
        ends.append(now())
        if ends[-1] - ends[0] > LONGEST:
            break
    steps = len(ends) - 1
    first = min(1, steps - 1)  # a step that takes so long is the only one, and counts
    return (ends[-1] - ends[first]) / sum(map(len, batches[first:steps]))


class Threads:
    """Torch's threads while it is entered; afterwards there are as many as before.

    They meet at a barrier after every layer. Where another process wants one of the cores, all of them wait
    there for the one thread that got none, and two threads take minutes for what one does in seconds. So it
    is one until `fastest` has tried. Where the user has said a number, or on a GPU, that stays what it is.

    Args:
        device: where the training runs.

    Attributes:
        counts: the numbers that may be chosen.
        chosen: by `fastest`; None before.
    """

    def __init__(self, device: torch.device) -> None:
        self._before = torch.get_num_threads()
        said = device.type != "cpu" or any(os.environ.get(name) for name in _SAID_BY)
        counts = (self._before,) if said else (self._before, max(1, self._before // 2), 1)
        self.counts: tuple[int, ...] = tuple(dict.fromkeys(counts))
        self.chosen: int | None = None

    def __enter__(self) -> Self:
        torch.set_num_threads(self.counts[-1])
        return self

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self._before)

    def fastest(self, measure: Callable[[], float], known: float = 0.0) -> float:
        """Go on with the number of threads under which `measure` takes least.

        Args:
            measure: gives seconds.
            known: what it is known to take with the number chosen last; 0 where nobody knows.

        Returns:
            What it takes with that number; `known`, which was measured for longer, where that stays the same.
        """
        if len(self.counts) == 1:
            self.chosen = self.counts[0]
            return known or measure()
        took = {}
        for count in self.counts:
            torch.set_num_threads(count)
            took[count] = measure()
        best = min(took, key=took.__getitem__)
        torch.set_num_threads(best)
        same, self.chosen = best == self.chosen, best
        return known if known and same else took[best]


@contextmanager
def with_threads(count: int | None) -> Iterator[None]:
    """So many threads of torch inside; None: as many as there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
