"""From the accuracy at some numbers of samples to the number at which a target is reached, with its interval.

Curve: the mean over the draws of a size, made monotone (more samples read no worse on average) by pooling
adjacent violators; between two sizes asin(sqrt(share)) is straight over log n. It says nothing beyond the
largest size. Few samples can read worse than none; who sees that keeps the reader without samples, so where a
share is known that is read without any, the curve is nowhere below it.

Interval: the curve is drawn again many times, and its 2.5 % and 97.5 % points are the ends. A redraw moves

* all sizes together by what the test part leaves open: one standard normal z, and the share at which the
  Wilson score statistic is z, so z = -1.96 and 1.96 are the ends of the Wilson interval. The same images
  judge every run, the one without samples too, so more draws do not lessen this;
* each size by itself by what the draws leave open: the standard error of their mean on the scale
  asin(sqrt(share)), where the spread of a share hardly depends on it, times a Student t. The spread is pooled
  with that of the neighbouring sizes, because three draws alone say little of it.

Sources: Ayer et al. (1955), An empirical distribution function for sampling with incomplete information, Ann.
Math. Stat. 26 (pooling); Wilson (1927), as in `model_zoo.statistics`; Anscombe (1948), The transformation of
Poisson, binomial and negative-binomial data, Biometrika 35 (the scale); Efron and Tibshirani (1993), An
introduction to the bootstrap, ch. 13 (percentiles). Standard library only.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles, variance

REDRAWS = 4000
_TAIL = 0.025


@dataclass(frozen=True)
class Point:
    """The runs of one size.

    Attributes:
        size: labelled images that each run learnt from, at least 1.
        right: for each draw, how many of the test images it read right; at least one draw.
        test: how many test images there are, at least 1.
    """

    size: int
    right: tuple[int, ...]
    test: int

    @property
    def mean(self) -> float:
        """Share of the test images that are read right, on average over the draws."""
        return fmean(self.right) / self.test


@dataclass(frozen=True)
class Level:
    """The curve at one size: the monotone mean, at least what is read without samples, and its interval."""

    size: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reached:
    """From how many samples on a target is reached.

    Attributes:
        target: share of the images that are to be read right.
        samples: where the curve reaches it; the smallest size if it is reached there already ("at most"),
            None if it is not reached with the largest size.
        low: lower end of the 95 % interval; the smallest size stands for "at most", None for "more than the
            largest".
        high: upper end, likewise.
    """

    target: float
    samples: int | None
    low: int | None
    high: int | None


def with_zero_shot(reached: Reached, value: float, interval: tuple[float, float]) -> Reached:
    """`reached` with 0 samples where the target is reached without any, and likewise its ends.

    Args:
        reached: by runs that learnt.
        value: share that is read right without samples.
        interval: of that share, 95 %.
    """
    return Reached(
        reached.target,
        0 if value >= reached.target else reached.samples,
        0 if interval[1] >= reached.target else reached.low,
        0 if interval[0] >= reached.target else reached.high,
    )


@dataclass(frozen=True)
class Curve:
    """A learning curve, fitted.

    Attributes:
        points: as measured, by rising size.
        levels: the fit at each size.
        reached: for every target, in the order asked.
    """

    points: tuple[Point, ...]
    levels: tuple[Level, ...]
    reached: tuple[Reached, ...]


def fit(
    points: Sequence[Point],
    targets: Sequence[float],
    *,
    zero_shot: float | None = None,
    seed: int = 0,
    redraws: int = REDRAWS,
) -> Curve:
    """Fit a curve and find where it reaches each target.

    Args:
        points: at least one, each of another size.
        targets: shares, each above 0 and at most 1.
        zero_shot: share that is read without samples, of the same test images; the curve is not below it.
        seed: of the redraws; the same one gives the same interval.
        redraws: how many; at least 40, so that there is something beyond the 2.5 % points.
    """
    points = tuple(sorted(points, key=lambda point: point.size))
    sizes = [point.size for point in points]
    weights = [len(point.right) for point in points]
    centre = _at_least(zero_shot, monotone([point.mean for point in points], weights))
    rng = random.Random(seed)
    errors = [_error(points, at) for at in range(len(points))]
    drawn = []
    for _ in range(redraws):
        z = rng.gauss(0, 1)
        least = None if zero_shot is None else _score_share(zero_shot, points[0].test, z)
        drawn.append(_at_least(least, monotone(_redraw(points, errors, z, rng), weights)))
    levels = []
    for at, (size, value) in enumerate(zip(sizes, centre, strict=True)):
        low, high = _ends([values[at] for values in drawn])
        # The middle of the redraws is not quite the fit; an interval always holds what it is an interval of.
        levels.append(Level(size, value, min(low, value), max(high, value)))
    return Curve(points, tuple(levels), tuple(_reached(target, sizes, centre, drawn) for target in targets))


def monotone(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The rising sequence nearest to `values` in weighted least squares (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []  # value, weight, how many values
    for value, weight in zip(values, weights, strict=True):
        blocks.append((value, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (left, left_weight, left_count), (right, right_weight, right_count) = blocks[-2:]
            total = left_weight + right_weight
            pooled = (left * left_weight + right * right_weight) / total
            blocks[-2:] = [(pooled, total, left_count + right_count)]
    return [value for value, _, count in blocks for _ in range(count)]


def _at_least(least: float | None, values: Sequence[float]) -> list[float]:
    return list(values) if least is None else [max(value, least) for value in values]


def crossing(sizes: Sequence[int], values: Sequence[float], target: float) -> float:
    """Where a rising curve reaches `target`: at the smallest size if it does there, infinite if nowhere.

    Between two sizes asin(sqrt(share)) is straight over log n.
    """
    if values[0] >= target:
        return sizes[0]
    for at in range(1, len(sizes)):
        if values[at] >= target:
            below, above = _angle(values[at - 1]), _angle(values[at])
            part = (_angle(target) - below) / (above - below)
            return math.exp((1 - part) * math.log(sizes[at - 1]) + part * math.log(sizes[at]))
    return math.inf


def _reached(
    target: float, sizes: Sequence[int], centre: Sequence[float], drawn: Sequence[Sequence[float]]
) -> Reached:
    samples = crossing(sizes, centre, target)
    found = sorted(crossing(sizes, values, target) for values in drawn)
    low, high = found[int(_TAIL * len(found))], found[math.ceil((1 - _TAIL) * len(found)) - 1]
    return Reached(target, _whole(samples), _whole(min(low, samples)), _whole(max(high, samples)))


def _whole(samples: float) -> int | None:
    """Images are whole; rounded up, but not for the last bit of a logarithm."""
    return None if math.isinf(samples) else math.ceil(samples - 1e-6)


def _redraw(points: Sequence[Point], errors: Sequence[_Error], z: float, rng: random.Random) -> list[float]:
    values = []
    for point, error in zip(points, errors, strict=True):
        angle = _angle(_score_share(point.mean, point.test, z))
        if error.freedom:
            # A Student t: a normal over the root of a mean of `freedom` squared normals.
            squares = rng.gammavariate(error.freedom / 2, 2)
            angle += error.size * rng.gauss(0, 1) / math.sqrt(squares / error.freedom)
        values.append(math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2)
    return values


def _score_share(share: float, n: int, z: float) -> float:
    """The share at which the Wilson score statistic of an observed `share` of n is -z."""
    root = math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return min(max((share + z * z / (2 * n) + z * root) / (1 + z * z / n), 0.0), 1.0)


@dataclass(frozen=True)
class _Error:
    """Standard error of a size's mean, as an angle, and its degrees of freedom (0: nothing known)."""

    size: float
    freedom: int


def _error(points: Sequence[Point], at: int) -> _Error:
    """Of the mean at one size, from the spread of its draws and of the neighbouring sizes'."""
    near = [point for point in points[max(at - 1, 0) : at + 2] if len(point.right) > 1]
    freedom = sum(len(point.right) - 1 for point in near)
    if not freedom:
        return _Error(0.0, 0)
    squares = sum(variance(_angles(point)) * (len(point.right) - 1) for point in near)
    return _Error(math.sqrt(squares / freedom / len(points[at].right)), freedom)


def _angles(point: Point) -> list[float]:
    return [_angle(right / point.test) for right in point.right]


def _angle(share: float) -> float:
    """Anscombe's scale, in radians from 0 to pi/2."""
    return math.asin(math.sqrt(share))


def _ends(values: Sequence[float]) -> tuple[float, float]:
    ends = quantiles(values, n=round(1 / _TAIL), method="inclusive")
    return ends[0], ends[-1]
