"""Which runs an audit makes: sizes, draws, and the time of each. Standard library only."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model_zoo.split import LabelledFile

DRAWS = 3
MAX_DRAWS = 10  # of a size, where time is left
MIN_SIZES = 5
MAX_SIZES = 8
SMALLEST = 10  # samples, where there are enough to double that four times
FEWEST = 5  # samples that can be learnt from and stopped by at all

# A run that gets less than this mostly measures how long it takes to start.
MIN_SECONDS = 20.0
# More sizes than the fewest are worth it where every run still gets this.
GOOD_SECONDS = 300.0

# Of a draw, what stops its training: the share that the validation part has of what is no test part.
VALIDATION_SHARE = 1 / 7


@dataclass(frozen=True)
class Plan:
    """What an audit means to do.

    Attributes:
        sizes: labelled images that a run learns from, rising.
        draws: of each size, at first.
        seconds: that a run of each size may train.
        short: whether the time was too short for `DRAWS` draws.
    """

    sizes: tuple[int, ...]
    draws: int
    seconds: tuple[float, ...]
    short: bool


def sizes_for(pool: int, most: int = MAX_SIZES) -> tuple[int, ...]:
    """At least five sizes up to `pool`, evenly spaced on a log scale: 10, 20, 40, ... where they fit.

    Args:
        pool: images that may be learnt from, at least `FEWEST` + 4.
        most: sizes, 5 to `MAX_SIZES`.
    """
    doubled = [SMALLEST * 2**k for k in range(most) if SMALLEST * 2**k < pool / math.sqrt(2)]
    if MIN_SIZES - 1 <= len(doubled) < most:
        return (*doubled, pool)
    count = MIN_SIZES if len(doubled) < MIN_SIZES - 1 else most
    smallest = min(SMALLEST, max(FEWEST, pool // 8))
    ratio = (pool / smallest) ** (1 / (count - 1))
    return tuple(sorted({round(smallest * ratio**k) for k in range(count)}))


def make_plan(pool: int, seconds: float, overhead: float) -> Plan:
    """Share out the time: a run's grows with the fourth root of its size.

    Few samples are learnt sooner, but not by as much as they are fewer: each is seen more often, altered.

    Args:
        pool: images that may be learnt from.
        seconds: left for all runs.
        overhead: seconds that a run takes beside its training, to read the test part.
    """
    affordable = int(seconds / DRAWS / (GOOD_SECONDS + overhead))
    sizes = sizes_for(pool, min(max(affordable, MIN_SIZES), MAX_SIZES))
    weights = [size**0.25 for size in sizes]
    for draws in range(DRAWS, 0, -1):
        each = seconds / draws - overhead * len(sizes)
        shares = [each * weight / sum(weights) for weight in weights]
        # The smallest runs are held at the least, and the others give it.
        if each >= MIN_SECONDS * len(sizes) or draws == 1:
            break
    shares = _held(shares, MIN_SECONDS, each)
    return Plan(sizes, draws, tuple(round(share, 1) for share in shares), draws < DRAWS)


def next_run(
    plan: Plan,
    done: Mapping[int, Sequence[float]],
    left: float,
    overhead: float,
    wanted: Sequence[int] = (),
) -> tuple[int, int, float] | None:
    """What to run now: the planned draws, one of each size after the other, then more of the `wanted` sizes.

    Args:
        plan: of the audit.
        done: for each size, the seconds that each of its runs took with everything.
        left: seconds.
        overhead: as for `make_plan`.
        wanted: sizes of which more draws would narrow the answer.

    Returns:
        Size, number of the draw, and the seconds that it may train; None where all is done, or nothing more
        fits into the time.
    """
    may_train = dict(zip(plan.sizes, plan.seconds, strict=True))
    for number in range(plan.draws):
        for size, seconds in may_train.items():
            # A run cut to less than this would not measure the same as the other draws of its size.
            if len(done.get(size, ())) == number and left - overhead >= 0.8 * seconds:
                return size, number, min(seconds, left - overhead)
    further = [
        size
        for size in wanted
        if plan.draws <= len(done.get(size, ())) < MAX_DRAWS and max(done[size]) <= left
    ]
    if not further:
        return None
    size = min(further, key=lambda it: (len(done[it]), it))
    return size, len(done[size]), min(may_train[size], left - overhead)


def _held(shares: Sequence[float], least: float, total: float) -> list[float]:
    """`shares` of `total` with none below `least`, as far as `total` has it."""
    least = max(min(least, total / len(shares)), 0.0)
    held = [share for share in shares if share <= least]
    free, weight = total - least * len(held), sum(share for share in shares if share > least)
    if not weight:
        return [least] * len(shares)
    spread = [least if share <= least else share * free / weight for share in shares]
    return spread if min(spread) >= least - 1e-9 else _held(spread, least, total)


@dataclass(frozen=True)
class Draw:
    """The images of one run: an attacker's whole collection."""

    training: tuple[LabelledFile, ...]
    validation: tuple[LabelledFile, ...]

    @property
    def characters(self) -> int:
        """How many different characters its labels show."""
        return len(set("".join(file.label for file in (*self.training, *self.validation))))


def draw(pool: Sequence[LabelledFile], size: int, number: int, seed: int) -> Draw:
    """`size` images of `pool` by chance, some of them kept apart to stop the training by.

    What is kept apart shows no character that the rest does not: nothing could be learnt from such an image,
    and none of it judges.

    Args:
        pool: images outside the test part, in a fixed order.
        size: how many to take, at most all.
        number: of the draw; another one gives other images.
        seed: of the audit.
    """
    chosen = random.Random(f"{seed}/{size}/{number}").sample(list(pool), size)
    shown = Counter(char for file in chosen for char in set(file.label))
    wanted = max(round(size * VALIDATION_SHARE), 1)
    validation: list[LabelledFile] = []
    for file in chosen:
        characters = set(file.label)
        if len(validation) < wanted and all(shown[char] > 1 for char in characters):
            validation.append(file)
            shown.subtract(characters)
    if not validation:  # so few images that each shows a character of its own
        validation = chosen[:1]
    kept = {file.sha256 for file in validation}
    return Draw(tuple(file for file in chosen if file.sha256 not in kept), tuple(validation))


def training_seed(size: int, number: int, seed: int) -> int:
    """The seed of one run's training, below 2^24, which leaves a training room for those of its rounds.

    Args:
        size: of the run.
        number: of its draw.
        seed: of the audit.
    """
    return random.Random(f"training {seed}/{size}/{number}").getrandbits(24)
