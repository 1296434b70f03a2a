"""Curves as inline SVG. What stands in them are numbers and words of this file, no text from outside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from model_zoo.style.curve import Curve, Reached
from model_zoo.told import percent

WIDTH, HEIGHT = 560, 320  # in the picture's own units
LEFT, RIGHT, TOP, BOTTOM = 60, 14, 14, 50

# Room at the left for what stands at 0 samples, which log n has no place for.
_ZERO = 44


def learning_curve(curve: Curve, zero_shot: float, reached: Reached) -> str:
    """Accuracy over the number of samples: draws, fit, interval, and where the target is reached.

    Args:
        curve: with at least one size.
        zero_shot: share read right without samples, drawn at 0.
        reached: the target, and where it is reached.
    """
    sizes = [level.size for level in curve.levels]
    x = _log_scale(sizes[0], sizes[-1])
    band = [(x(level.size), _y(level.high)) for level in curve.levels]
    band += [(x(level.size), _y(level.low)) for level in reversed(curve.levels)]
    marks = [*_level_lines(), *_names([(x(size), f"{size:,}") for size in sizes])]
    marks += [
        f'<polygon class="band" points="{_points(band)}"/>',
        f'<line class="target" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(reached.target):.1f}" '
        f'y2="{_y(reached.target):.1f}"/>',
        *_answer(reached, x, sizes),
        f'<polyline class="line" points="{_points([(x(it.size), _y(it.value)) for it in curve.levels])}"/>',
    ]
    for point in curve.points:
        marks += [_dot(x(point.size), _y(right / point.test)) for right in point.right]
    zero = LEFT + _ZERO / 2
    marks += [
        f'<rect class="zero" x="{zero - 4:.1f}" y="{_y(zero_shot) - 4:.1f}" width="8" height="8"/>',
        f'<text class="name" x="{zero:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">0</text>',
        _axis_title("labelled images learnt from"),
    ]
    told = ", ".join(f"{percent(level.value)} with {level.size:,}" for level in curve.levels)
    return _svg(marks, f"Read right: {percent(zero_shot)} without samples, {told}")


def over_time(points: Sequence[tuple[float, float]], told: str) -> str:
    """A share over minutes of training.

    Args:
        points: (seconds, share), by rising seconds, at least one.
        told: what it shows, for people who do not see it.
    """
    most = max(points[-1][0], 1e-9)

    def x(seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * seconds / most

    unit, name = (60.0, "minutes") if most >= 120 else (1.0, "seconds")
    step = _step(most / unit)
    ticks = [step * k for k in range(int(most / unit / step) + 1)]
    marks = [
        *_level_lines(),
        *_names([(x(tick * unit), f"{tick:g}") for tick in ticks]),
        f'<polyline class="line" points="{_points([(x(at), _y(share)) for at, share in points])}"/>',
        *(_dot(x(at), _y(share)) for at, share in points if len(points) <= 60),
        _axis_title(f"{name} of training"),
    ]
    return _svg(marks, told)


def _log_scale(least: int, most: int) -> _Scale:
    return _Scale(math.log(least), math.log(most))


class _Scale:
    """Where a number of samples stands, on a log axis."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._span = low, high - low

    def __call__(self, size: float) -> float:
        left, right = LEFT + _ZERO + 10, WIDTH - RIGHT - 12
        if not self._span:
            return (left + right) / 2
        return left + (right - left) * (math.log(size) - self._low) / self._span


def _answer(reached: Reached, x: _Scale, sizes: Sequence[int]) -> Iterable[str]:
    """The number of samples as a line down to the axis, and its interval as a bar on it."""
    y = HEIGHT - BOTTOM
    if reached.low is not None:
        low = x(reached.low) if reached.low else LEFT + _ZERO / 2
        high = WIDTH - RIGHT if reached.high is None else max(x(reached.high or sizes[0]), low)
        width = max(high - low, 3)
        yield f'<rect class="span" x="{low:.1f}" y="{y - 4}" width="{width:.1f}" height="8" rx="2"/>'
    if reached.samples is not None and reached.samples > sizes[0]:
        at = x(reached.samples)
        yield f'<line class="drop" x1="{at:.1f}" x2="{at:.1f}" y1="{_y(reached.target):.1f}" y2="{y}"/>'


def _svg(marks: Iterable[str], told: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{told}">'
        f"{''.join(marks)}</svg>"
    )


def _level_lines() -> Iterable[str]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(share)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        name = f"{100 * share:.0f} %"
        yield f'<text class="name" x="{LEFT - 8}" y="{y + 5:.1f}" text-anchor="end">{name}</text>'


def _names(ticks: Sequence[tuple[float, str]]) -> Iterable[str]:
    """Numbers under the axis; those that would touch their left neighbour are left out, but not the last."""
    shown: list[tuple[float, str]] = []
    for x, name in reversed(ticks):
        if not shown or shown[-1][0] - x > 5 * (len(name) + len(shown[-1][1])) + 8:
            shown.append((x, name))
    y = HEIGHT - BOTTOM + 18
    for x, name in shown:
        yield f'<text class="name" x="{x:.1f}" y="{y}" text-anchor="middle">{name}</text>'


def _axis_title(text: str) -> str:
    x = (LEFT + WIDTH - RIGHT) / 2
    return f'<text class="name" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{text}</text>'


def _dot(x: float, y: float) -> str:
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _step(most: float) -> float:
    """A round distance of at most eight ticks."""
    rough = max(most, 1e-9) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
