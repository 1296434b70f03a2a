"""How well labelled images were read: shares with their intervals, by character, position and length.

The figures are those of docs/report.md (`model_zoo.figures`), over answers that stand in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from model_zoo.figures import Confusion, Edit, Share, edits_of, most_frequent, most_missed
from model_zoo.split import LabelledFile

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
    edits: Counter[Edit] = Counter()
    for answer in answers:
        label, text = answer.file.label, answer.text
        length.add(len(label), text == label)
        for place, wanted in enumerate(label):
            hit = text[place : place + 1] == wanted
            character.add(wanted, hit)
            position.add(place, hit)
        edits.update(edits_of(label, text))
    wrong = (answer for answer in answers if answer.text != answer.file.label)
    return Figures(
        exact_match=Share(sum(length.right.values()), sum(length.n.values())),
        characters=Share(sum(character.right.values()), sum(character.n.values())),
        by_character=tuple(most_missed(character.right, character.n)),
        by_position=tuple(share for _, share in sorted(position.shares())),
        by_length=tuple(sorted(length.shares())),
        confusions=tuple(most_frequent(edits, character.n)),
        wrong=tuple(sorted(wrong, key=lambda it: (-it.probability, it.file.path.as_posix()))),
    )


# Of a wrong answer whose label may be the wrong one: this probability, or less where half of it is other.
SURE, _ALTOGETHER_SURE = 0.9, 0.5
_ALTOGETHER = 0.5

# Answers of which fewer are right accuse no label.
ABLE = 0.7


def doubted(figures: Figures) -> tuple[Answer, ...]:
    """The wrong answers that are so sure that the label may be what is wrong, the surest first."""
    if figures.exact_match.value < ABLE:
        return ()
    return tuple(it for it in figures.wrong if it.probability >= _needed(it.file.label, it.text))


def is_altogether_other(label: str, text: str) -> bool:
    """Whether at least half of the label's characters, and two, have to be edited to make the text."""
    return len(edits_of(label, text)) >= max(2, _ALTOGETHER * len(label))


def _needed(label: str, text: str) -> float:
    return _ALTOGETHER_SURE if is_altogether_other(label, text) else SURE


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
