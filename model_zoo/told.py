"""Numbers as people read them, the same in every report. Standard library only."""

from __future__ import annotations


def percent(value: float) -> str:
    """A share as "97.5 %". What is not all never reads 100 %, what is not nothing never 0 %."""
    for digits in range(1, 7):
        text = f"{100 * value:.{digits}f}"
        if (float(text) >= 100) == (value >= 1) and (float(text) <= 0) == (value <= 0):
            return f"{text} %"
    return "< 0.1 %" if value < 0.5 else "> 99.9 %"


def percents(low: float, high: float) -> str:
    """An interval of shares as "94.3 to 98.9 %"."""
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def count(number: int, noun: str) -> str:
    """ "1 image", "1,234 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def seconds(value: float) -> str:
    """A time as "0.85 s", "12.3 s", "4 min 10 s" or "3 h 5 min"."""
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    minutes = round(value) // 60
    return f"{minutes} min {round(value) % 60} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def probability(value: float | None) -> str:
    """A probability with three digits; empty where there is none. What is not certain never reads 1.000."""
    if value is None:
        return ""
    return "> 0.999" if 0.9995 <= value < 1 else "< 0.001" if 0 < value < 0.0005 else f"{value:.3f}"
