"""Shares of labelled images that were read right, by hand-made answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model_zoo.figures import Confusion, Share, share_json
from model_zoo.split import LabelledFile
from model_zoo.style.figures import measure


@dataclass(frozen=True)
class Read:
    """An answer."""

    file: LabelledFile
    text: str
    probability: float = 0.5


def read(label: str, text: str, probability: float = 0.5) -> Read:
    return Read(LabelledFile(Path(f"{label}.png"), label, "0" * 64), text, probability)


ANSWERS = [read("ab1", "ab1"), read("ab2", "ab1", 0.7), read("b2", "2", 0.9), read("a1", "a11")]


def test_figures_of_answers_made_by_hand() -> None:
    figures = measure(ANSWERS)

    assert figures.exact_match == Share(1, 4)
    assert figures.characters == Share(7, 10)
    assert figures.by_character == (
        ("2", Share(0, 2)),
        ("b", Share(2, 3)),
        ("1", Share(2, 2)),
        ("a", Share(3, 3)),
    )
    assert figures.by_position == (Share(3, 4), Share(3, 4), Share(1, 2))
    assert figures.by_length == ((2, Share(0, 2)), (3, Share(1, 2)))
    assert figures.confusions == (
        Confusion("deleted", "b", "", 1, 3),
        Confusion("inserted", "", "1", 1, 0),
        Confusion("replaced", "2", "1", 1, 2),
    )
    assert [(it.file.label, it.text) for it in figures.wrong] == [("b2", "2"), ("ab2", "ab1"), ("a1", "a11")]


def test_of_no_answers_nothing_is_known() -> None:
    figures = measure([])

    assert (figures.exact_match, figures.by_character, figures.wrong) == (Share(0, 0), (), ())
    assert (figures.exact_match.value, figures.exact_match.interval) == (0.0, (0.0, 1.0))
    assert share_json(figures.exact_match) is None
