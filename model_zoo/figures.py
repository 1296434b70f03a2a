"""What all reports count and call alike: shares, and the edits that turn labels into answers.

docs/report.md defines the figures and the keys of their JSON, for jobs, trainings and audits alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rapidfuzz.distance import Levenshtein

from model_zoo.statistics import wilson_interval
from model_zoo.visible import visible_character

EditKind = Literal["replaced", "inserted", "deleted"]
Edit = tuple[EditKind, str, str]  # kind, character of the label, character of the answer

_KINDS: dict[str, EditKind] = {"replace": "replaced", "insert": "inserted", "delete": "deleted"}


@dataclass(frozen=True)
class Share:
    """`right` of `n`, with the 95 % Wilson interval of the share behind it.

    Attributes:
        right: how many were right.
        n: of how many; of 0 the value is 0 and the interval says that nothing is known.
    """

    right: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high), both within [0, 1]."""
        return wilson_interval(self.right, self.n)


@dataclass(frozen=True)
class Confusion:
    """One kind of edit between a label and its answer, over all answered images with a label.

    Attributes:
        kind: `replaced`, `inserted` (the answer has a character too many) or `deleted` (one too few).
        label_character: what should stand there; empty for `inserted`.
        answer_character: what stands there; empty for `deleted`.
        count: how often.
        occurrences: of `label_character` in all labels; 0 for `inserted`.
    """

    kind: EditKind
    label_character: str
    answer_character: str
    count: int
    occurrences: int

    @property
    def in_words(self) -> str:
        """What happened to a character: "n read as m", "n left out", "m added"."""
        expected, given = visible_character(self.label_character), visible_character(self.answer_character)
        if self.kind == "replaced":
            return f"{expected} read as {given}"
        return f"{expected} left out" if self.kind == "deleted" else f"{given} added"

    @property
    def times(self) -> str:
        """How many of the character's occurrences went this way; a character too many is of none."""
        return f"{self.count:,} of {self.occurrences:,}" if self.occurrences else f"{self.count:,}"


def edits_of(label: str, answer: str) -> list[Edit]:
    """The fewest edits that turn a label into its answer (Levenshtein)."""
    edits = []
    for edit in Levenshtein.editops(label, answer):
        kind = _KINDS[edit.tag]
        expected = "" if kind == "inserted" else label[edit.src_pos]
        given = "" if kind == "deleted" else answer[edit.dest_pos]
        edits.append((kind, expected, given))
    return edits


def most_frequent(edits: Mapping[Edit, int], occurrences: Mapping[str, int]) -> list[Confusion]:
    """Edits with their numbers, the largest first; equal ones in the order of kind and characters.

    Args:
        edits: how often each was made.
        occurrences: of each character in all labels.
    """
    return [
        Confusion(kind, expected, given, count, occurrences.get(expected, 0))
        for (kind, expected, given), count in sorted(edits.items(), key=lambda item: (-item[1], item[0]))
    ]


def most_missed(right: Mapping[str, int], n: Mapping[str, int]) -> list[tuple[str, Share]]:
    """Characters of labels with how often they stand in their place in the answer, the most missed first.

    By misses, not by share: a character seen once and missed once says little.

    Args:
        right: how often each stands there.
        n: how often it stands in the labels.
    """
    rows = [(character, Share(right.get(character, 0), times)) for character, times in n.items()]
    return sorted(rows, key=lambda row: (row[1].right - row[1].n, row[1].value, row[0]))


def share_json(share: Share | None) -> dict[str, Any] | None:
    """A share as it stands in every JSON report; None of nothing."""
    if share is None or not share.n:
        return None
    low, high = share.interval
    return {"value": share.value, "low": low, "high": high, "n": share.n, "right": share.right}


def confusion_json(confusion: Confusion) -> dict[str, Any]:
    """An edit as it stands in every JSON report."""
    return {
        "kind": confusion.kind,
        "label": confusion.label_character,
        "answer": confusion.answer_character,
        "count": confusion.count,
        "occurrences": confusion.occurrences,
    }
