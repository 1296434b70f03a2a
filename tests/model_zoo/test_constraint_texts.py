"""Constraints in words: from a card and back, and a job's own over the card's."""

from __future__ import annotations

import pytest

from model_zoo.constraint_texts import ConstraintTexts, Merged, dropped_note, merge
from model_zoo.constraints import Constraints
from model_zoo.errors import ConstraintError
from model_zoo.lexicon import Lexicon
from model_zoo.words import DroppedWords

CARD = ConstraintTexts(length="5", regex="[a-f]+")


def test_the_kinds_are_those_of_the_options() -> None:
    assert ConstraintTexts.kinds() == ("charset", "length", "pattern", "regex")


def test_texts_survive_the_card() -> None:
    assert CARD.to_object() == {"length": "5", "regex": "[a-f]+"}
    assert ConstraintTexts.from_object(CARD.to_object()) == CARD
    assert ConstraintTexts.from_object({}) == ConstraintTexts()


def test_texts_mean_what_the_options_mean() -> None:
    words = Lexicon.from_words(["abba"])

    assert CARD.parse(words) == Constraints(None, 5, 5, None, "[a-f]+", words)


@pytest.mark.parametrize("texts", [ConstraintTexts(length="five"), ConstraintTexts(pattern="")])
def test_a_text_that_means_nothing_is_refused(texts: ConstraintTexts) -> None:
    with pytest.raises(ConstraintError):
        texts.parse()


MERGED = [
    (ConstraintTexts(), None, False, Merged(ConstraintTexts()), "nobody wants anything"),
    (ConstraintTexts(), CARD, False, Merged(CARD, ("length", "regex")), "the card alone"),
    (
        ConstraintTexts(length="4"),
        CARD,
        False,
        Merged(ConstraintTexts(length="4", regex="[a-f]+"), ("regex",)),
        "the job's length in place of the card's",
    ),
    (
        ConstraintTexts(charset="ab"),
        CARD,
        False,
        Merged(ConstraintTexts(charset="ab", length="5", regex="[a-f]+"), ("length", "regex")),
        "another kind is added",
    ),
    (ConstraintTexts(charset="ab"), CARD, True, Merged(ConstraintTexts(charset="ab")), "the card left out"),
]


@pytest.mark.parametrize(
    ("own", "card", "unconstrained", "merged", "reason"), MERGED, ids=[reason for *_, reason in MERGED]
)
def test_a_jobs_own_constraint_replaces_the_cards_of_the_same_kind(
    own: ConstraintTexts, card: ConstraintTexts | None, unconstrained: bool, merged: Merged, reason: str
) -> None:
    assert merge(own, card, unconstrained) == merged


def test_the_order_of_the_kinds_is_the_same_whoever_names_them() -> None:
    merged = merge(ConstraintTexts(regex="a"), ConstraintTexts(charset="a"))

    assert list(merged.texts.to_object()) == ["charset", "regex"]


def test_words_that_the_job_itself_rules_out_are_no_news() -> None:
    assert dropped_note(DroppedWords(excluded=3), 9) is None
