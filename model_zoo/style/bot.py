"""What a reader that is right now and then is worth at a site that lets it try again."""

from __future__ import annotations

import math
from dataclasses import dataclass

ATTEMPTS = (1, 3, 5, 10)


@dataclass(frozen=True)
class Bot:
    """A program that reads so well, at a site that lets it try again.

    Attributes:
        samples: labelled images that it learnt from.
        success: share of the test images that it reads right, by the curve.
        low: lower end of its 95 % interval.
        high: upper end.
        needed: attempts until it is in, on average; infinite where it read none.
        within: chance that it is in after 1, 3, 5 and 10 attempts, each at another image, right or wrong by
            chance: 1 - (1 - success)^k, with the ends of success's interval.
    """

    samples: int
    success: float
    low: float
    high: float
    needed: float
    within: tuple[tuple[int, float, float, float], ...]


def bot(samples: int, success: float, low: float, high: float) -> Bot:
    """The attempts of a reader of so many samples, from its success and the ends of its interval."""
    return Bot(
        samples,
        success,
        low,
        high,
        1 / success if success else math.inf,
        tuple((k, _within(k, success), _within(k, low), _within(k, high)) for k in ATTEMPTS),
    )


def _within(attempts: int, success: float) -> float:
    return 1.0 - (1 - success) ** attempts
