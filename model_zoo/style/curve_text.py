"""Numbers of samples in words, the same on a terminal and in a page."""

from __future__ import annotations

from model_zoo.style.curve import Curve, Reached


def share_in_words(share: float) -> str:
    """A round share, as a target is: "95 %"."""
    return f"{100 * share:g} %"


def in_words(reached: Reached, curve: Curve) -> str:
    """How many samples, as "210 samples", "at most 10 samples", "more than 490 samples" or "no samples"."""
    return f"{'no' if reached.samples == 0 else number_in_words(reached, curve)} samples"


def number_in_words(reached: Reached, curve: Curve) -> str:
    """How many samples, as "210", "at most 10", "more than 490" or "0"."""
    least, most = curve.levels[0].size, curve.levels[-1].size
    if reached.samples is None:
        return f"more than {most:,}"
    return f"{'at most ' if 0 < reached.samples <= least else ''}{reached.samples:,}"


def interval_in_words(reached: Reached, curve: Curve) -> str:
    """The interval, as "160 to 290", "10 or fewer", "0 to 40" or "300 to more than 490"."""
    least, most = curve.levels[0].size, curve.levels[-1].size
    low, high = reached.low, reached.high
    if low is None:
        return f"more than {most:,}"
    left = f"{low:,} or fewer" if low == least else f"{low:,}"
    if high is None:
        return f"{left} to more than {most:,}"
    return left if high == low else f"{left} to {high:,}{' or fewer' if high == least else ''}"
