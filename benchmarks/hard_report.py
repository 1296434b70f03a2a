"""What each way to read a set gains over another on the same images, and whether that was expected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Any, Literal

from decoders.report import table

from model_zoo.statistics import wilson_interval

Verdict = Literal["met", "within its interval", "not met"]

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Comparison:
    """Two ways to read the same images.

    Attributes:
        n: images.
        won: images that only the first way read.
        lost: images that only the second one read.
    """

    n: int
    won: int
    lost: int

    @property
    def gain(self) -> float:
        """Of the first way over the second one, in points."""
        return 100 * (self.won - self.lost) / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the gain, in points: the normal one for paired shares."""
        spread = self.won + self.lost - (self.won - self.lost) ** 2 / self.n
        half = 100 * _Z * math.sqrt(spread) / self.n
        return self.gain - half, self.gain + half

    @property
    def p(self) -> float:
        """McNemar's exact two-sided p: a coin for each image that only one way read."""
        tries = self.won + self.lost
        tail = sum(math.comb(tries, k) for k in range(min(self.won, self.lost) + 1))
        return min(1.0, float(Fraction(2 * tail, 2**tries)))

    def as_json(self) -> dict[str, Any]:
        """For `json.dump`."""
        low, high = self.interval
        counts = {"won": self.won, "lost": self.lost, "n": self.n}
        return counts | {"gain": self.gain, "low": low, "high": high, "p": self.p}


@dataclass(frozen=True)
class Row:
    """One way to read a set.

    Attributes:
        key: which way: a decoder, or the constraints of the exact one.
        title: for people.
        hits: whether each image was read right, in the order of the section's other rows.
        mean_probability: of the answers, right or wrong.
        proven: share of answers that are certainly the most probable ones; None where nothing proves.
        scant: images whose allowed texts have less than 0.1 % together.
        differing: answers that are others without the system; None where there is no system.
    """

    key: str
    title: str
    hits: tuple[bool, ...]
    mean_probability: float
    proven: float | None
    scant: int
    differing: int | None = None


@dataclass(frozen=True)
class Section:
    """A set, read in several ways.

    Attributes:
        about: where the images come from and how hard they are, a sentence.
        notes: what the table does not say, sentences.
    """

    name: str
    about: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_read_by_system(self) -> bool:
        """Whether these are images, not log-probabilities."""
        return any(row.differing is not None for row in self.rows)

    def compare(self, key: str, over: str) -> Comparison | None:
        """The gain of one way over another; None where the set was not read in both."""
        hits = {row.key: row.hits for row in self.rows}
        if key not in hits or over not in hits:
            return None
        pairs = list(zip(hits[key], hits[over], strict=True))
        return Comparison(len(pairs), pairs.count((True, False)), pairs.count((False, True)))

    def as_json(self) -> dict[str, Any]:
        """For `json.dump`."""
        return {
            "name": self.name,
            "about": self.about,
            "notes": self.notes,
            "rows": [self._row_json(row) for row in self.rows],
        }

    def _row_json(self, row: Row) -> dict[str, Any]:
        right, n = sum(row.hits), len(row.hits)
        low, high = wilson_interval(right, n)
        over = self.compare(row.key, "exact")
        return {
            "key": row.key,
            "title": row.title,
            "exact_match": {"value": right / n, "low": low, "high": high, "right": right, "n": n},
            "over_exact": None if over is None else over.as_json(),
            "mean_probability": row.mean_probability,
            "proven": row.proven,
            "scant": row.scant,
            "differing": row.differing,
        }

    def text(self) -> str:
        """Markdown."""
        head = [
            "",
            "exact match, %",
            "95 % interval",
            "gain",
            "won",
            "lost",
            "McNemar p",
            "mean prob.",
            "proven, %",
        ]
        rows = [self._cells(row) for row in self.rows]
        more = ["scant", *(["same without the system"] if self.is_read_by_system else [])]
        body = table(head + more, [row[: len(head) + len(more)] for row in rows], right=len(head + more) - 1)
        return "\n\n".join([f"## {self.name}", self.about, body, *self.notes])

    def _cells(self, row: Row) -> list[str]:
        right, n = sum(row.hits), len(row.hits)
        low, high = wilson_interval(right, n)
        cells = [row.title, f"{100 * right / n:.2f}", f"{100 * low:.1f} to {100 * high:.1f}"]
        over = self.compare(row.key, "exact")
        if row.key == "exact" or over is None:
            cells += [""] * 4
        else:
            cells += [f"{over.gain:+.2f}", str(over.won), str(over.lost), f"{over.p:.1g}"]
        proven = "-" if row.proven is None else f"{100 * row.proven:.2f}"
        same = "yes" if not row.differing else f"no: {row.differing}"
        return [*cells, f"{row.mean_probability:.3f}", proven, str(row.scant), same]


@dataclass(frozen=True)
class Promise:
    """A gain that was measured on hard log-probabilities before the decoder was built, in points.

    Attributes:
        on: the sets of log-probabilities that it was measured on.
    """

    key: str
    over: str
    low: float
    high: float
    on: tuple[str, ...]

    def applies_to(self, section: Section) -> bool:
        """Whether it is expected there: on hard images, and where it was measured."""
        return section.is_read_by_system or section.name in self.on

    def verdict(self, found: Comparison) -> Verdict:
        """Whether a gain reaches the promised one, or at least its interval does."""
        if found.gain >= self.low:
            return "met"
        return "within its interval" if found.interval[1] >= self.low else "not met"


HARD = ("hard_T13_C20", "hard_T50_C37")
PROMISES = (
    Promise("length", "exact", 5.0, 7.1, ("hard_T13_C20",)),
    Promise("charset", "exact", 0.7, 3.3, ("hard_T50_C37",)),
    Promise("exact", "greedy", 0.5, 3.2, HARD),
    Promise("exact", "alignment-beam", 0.2, 0.9, HARD),
)


def text_of(sections: Sequence[Section], differing: int, missing: Sequence[str]) -> str:
    """Everything as Markdown.

    Args:
        sections: the sets.
        differing: answers that are others without the system.
        missing: what could not be measured, sentences.
    """
    same = "yes" if differing == 0 else f"no, {differing} answers differ"
    parts = [
        "Gains in points over `exact` without constraints on the same images, with those that only this row "
        "won and lost and McNemar's exact p; intervals are 95 %. Scant: images whose allowed texts have less "
        "than 0.1 % together.",
        f"Same as without the system: {same}.",
        *(section.text() for section in sections),
        "## Expected gains",
        _promises_text(sections),
        *missing,
    ]
    return "\n\n".join(parts)


def json_of(sections: Sequence[Section], differing: int, missing: Sequence[str]) -> dict[str, Any]:
    """The same for `json.dump`."""
    return {
        "sections": [section.as_json() for section in sections],
        "expected_gains": _promises_json(sections),
        "differing": differing,
        "missing": list(missing),
    }


def _promises_text(sections: Sequence[Section]) -> str:
    """Each promise beside the gain on each hard set, Markdown; a dash where the option does not apply."""
    hard = [section for section in sections if section.is_read_by_system or section.name in HARD]
    rows = []
    for promise in PROMISES:
        cells = [f"{promise.key} over {promise.over}", f"+{promise.low:g} to +{promise.high:g}"]
        for section in hard:
            found = section.compare(promise.key, promise.over)
            cells.append("-" if found is None else _judged(promise, found, promise.applies_to(section)))
        rows.append(cells)
    return table(["gain", "expected", *(section.name for section in hard)], rows)


def _promises_json(sections: Iterable[Section]) -> list[dict[str, Any]]:
    """The same for `json.dump`."""
    return [
        {
            "gain_of": promise.key,
            "over": promise.over,
            "expected": [promise.low, promise.high],
            "on": section.name,
            **found.as_json(),
            "verdict": promise.verdict(found) if promise.applies_to(section) else None,
        }
        for section in sections
        for promise in PROMISES
        if (found := section.compare(promise.key, promise.over)) is not None
    ]


def _judged(promise: Promise, found: Comparison, is_expected: bool) -> str:
    low, high = found.interval
    verdict = f": {promise.verdict(found)}" if is_expected else ""
    return f"{found.gain:+.2f} ({low:+.1f} to {high:+.1f}){verdict}"
