"""How many images a forward pass should have on a device that nobody has described: a short try."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

# A larger batch holds more memory and keeps the first answer waiting longer: it must earn that.
WORTH = 1.05


def fastest_size(
    seconds: Callable[[int], float | None],
    sizes: Sequence[int],
    budget: float,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """The smallest of some sizes that no larger one beats by more than `WORTH`.

    Args:
        seconds: of one batch of that many images, or None where it does not fit in memory.
        sizes: to try, ascending, at least one; the first is tried whatever it takes.
        budget: seconds after which no further size is tried.
        clock: in seconds.

    Returns:
        One of the sizes; the first where not even that fits.
    """
    end = clock() + budget
    rates: dict[int, float] = {}
    for size in sizes:
        took = seconds(size)
        if took is None:
            break
        rates[size] = size / max(took, 1e-9)
        if clock() >= end or _stalled(list(rates.values())):
            break
    best = max(rates.values(), default=0.0)
    return next((size for size, rate in rates.items() if rate * WORTH >= best), sizes[0])


def _stalled(rates: Sequence[float]) -> bool:
    """Whether the last two sizes brought less than `WORTH` over the best before them: a third would, too."""
    return len(rates) > 2 and max(rates[-2:]) < max(rates[:-2]) * WORTH
