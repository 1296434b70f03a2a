"""How well labelled images were read: shares with their intervals, by character, position and length.

The figures are those of docs/report.md, over answers that stand in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from rapidfuzz.distance import Levenshtein

from model_zoo.split import LabelledFile
from model_zoo.statistics import wilson_interval

_Key = TypeVar("_Key", str, int)


class Answer(Protocol):
    """What was read from a labelled image; `tuning.Reading` is one."""

    @property
    def file(self) -> LabelledFile:
        """The image and its label."""

    @property
    def text(self) -> str:
        """What was read; may be empty."""

    @property
    def probability(self) -> float:
        """Of the text, within [0, 1]."""


@dataclass(frozen=True)
class Share:
    """So many of so many.

    Attributes:
        right: how often it went well.
        n: how often it was tried; may be 0, then `value` is 0 and the interval says that nothing is known.
    """

    right: int
    n: int

    @property
    def value(self) -> float:
        """`right` / `n`."""
        return self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval (`model_zoo.statistics`)."""
        return wilson_interval(self.right, self.n)


@dataclass(frozen=True)
class Confusion:
    """An edit that turns labels into answers.

    Attributes:
        kind: `replace`, `insert` (read what is not there) or `delete` (left out).
        label: the character of the label; empty where one was inserted.
        read: the character of the answer; empty where one was left out.
        times: how often.
    """

    kind: str
    label: str
    read: str
    times: int


@dataclass(frozen=True)
class Figures:
    """What some answers are worth.

    Attributes:
        exact_match: images whose whole text is right.
        characters: label positions at which the answer has the same character.
        by_character: the same by character of the label, the most often missed first.
        by_position: the same by place in the label, from the first on.
        by_length: whole texts that are right, by length of the label.
        confusions: edits from labels to answers, the most frequent first.
        wrong: the wrong answers, the surest first.
    """

    exact_match: Share
    characters: Share
    by_character: tuple[tuple[str, Share], ...]
    by_position: tuple[Share, ...]
    by_length: tuple[tuple[int, Share], ...]
    confusions: tuple[Confusion, ...]
    wrong: tuple[Answer, ...]


def measure(answers: Sequence[Answer]) -> Figures:
    """The figures of some answers, in any order; none gives shares of 0 of 0."""
    character, position, length = _Tally[str](), _Tally[int](), _Tally[int]()
    edits: Counter[tuple[str, str, str]] = Counter()
    for answer in answers:
        label, text = answer.file.label, answer.text
        length.add(len(label), text == label)
        for place, wanted in enumerate(label):
            hit = text[place : place + 1] == wanted
            character.add(wanted, hit)
            position.add(place, hit)
        edits.update(_edits(label, text))
    by_character = sorted(character.shares(), key=lambda row: (row[1].right - row[1].n, row[0]))
    wrong = (answer for answer in answers if answer.text != answer.file.label)
    return Figures(
        exact_match=Share(sum(length.right.values()), sum(length.n.values())),
        characters=Share(sum(character.right.values()), sum(character.n.values())),
        by_character=tuple(by_character),
        by_position=tuple(share for _, share in sorted(position.shares())),
        by_length=tuple(sorted(length.shares())),
        confusions=tuple(
            Confusion(*edit, times)
            for edit, times in sorted(edits.items(), key=lambda item: (-item[1], item[0]))
        ),
        wrong=tuple(sorted(wrong, key=lambda it: (-it.probability, it.file.path.as_posix()))),
    )


def _edits(label: str, text: str) -> Iterable[tuple[str, str, str]]:
    for edit in Levenshtein.editops(label, text).as_list():
        kind, at, to = str(edit[0]), int(edit[1]), int(edit[2])
        yield kind, "" if kind == "insert" else label[at], "" if kind == "delete" else text[to]


class _Tally(Generic[_Key]):
    """Right and tried, by key."""

    def __init__(self) -> None:
        self.right: Counter[_Key] = Counter()
        self.n: Counter[_Key] = Counter()

    def add(self, key: _Key, hit: bool) -> None:
        self.right[key] += hit
        self.n[key] += 1

    def shares(self) -> Iterable[tuple[_Key, Share]]:
        return ((key, Share(self.right[key], n)) for key, n in self.n.items())
