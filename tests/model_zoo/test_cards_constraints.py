"""Cards with constraints: read, refused, and told apart from those without."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from model_zoo.cards import ModelCard, find_card
from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.errors import CardError

CARD = find_card("crnn-small").card  # a card of version 1, without the fields that came later
TEXTS = ConstraintTexts(length="5", pattern="?????")
KNOWN = "known are charset, length, pattern, regex"


def with_constraints(constraints: Any) -> str:
    """The card's JSON with these constraints."""
    return json.dumps({**json.loads(CARD.to_json()), "constraints": constraints})


def test_constraints_survive_the_way_to_disk_and_back() -> None:
    card = replace(CARD, constraints=TEXTS)

    assert ModelCard.from_json(card.to_json(), "X") == card
    assert json.loads(card.to_json())["constraints"] == {"length": "5", "pattern": "?????"}


def test_a_card_without_constraints_does_not_mention_them() -> None:
    assert CARD.constraints is None
    assert "constraints" not in json.loads(CARD.to_json())
    assert "constraints" not in CARD.to_object()


def test_null_is_no_constraint() -> None:
    assert ModelCard.from_json(with_constraints(None), "X") == CARD


def test_the_shipped_card_keeps_the_fingerprint_that_it_had_before_there_were_constraints() -> None:
    """It names the queue, and stands in the manifests of jobs that were begun before."""
    content = json.loads(CARD.to_json())
    for key in ("accuracy", "card_version", "training_images", "training_images_sha256"):
        del content[key]  # what was measured, and what the model saw: no part of what it is
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))

    assert CARD.fingerprint == hashlib.sha256(f"{CARD.sha256}\n{canonical}".encode()).hexdigest()[:16]


def test_constraints_are_part_of_the_fingerprint() -> None:
    cards = [
        CARD,
        replace(CARD, constraints=ConstraintTexts()),
        replace(CARD, constraints=TEXTS),
        replace(CARD, constraints=ConstraintTexts(length="4-6")),
    ]

    assert len({card.fingerprint for card in cards}) == len(cards)


@pytest.mark.parametrize("decoder", ["exact", "beam", "greedy", "alignment-beam"])
def test_each_decoder_may_be_what_reads_best(decoder: str) -> None:
    card = replace(CARD, decoder=decoder)

    assert ModelCard.from_json(card.to_json(), "X") == card


REFUSED: list[tuple[Any, str, str]] = [
    ("LLDDD", "constraints are 'LLDDD'; expected an object", "a text"),
    ({"colour": "red"}, f"constraints of an unknown kind: colour; {KNOWN}", "an unknown kind"),
    ({"lexicon": "words.txt"}, f"constraints of an unknown kind: lexicon; {KNOWN}", "words do not travel"),
    ({"length": 5}, "the constraint length is 5; expected a text", "a number"),
    ({"length": "five"}, "length 'five' is not a number or a range; give 5 or 4-6", "no length"),
    (
        {"charset": "äö"},
        "charset 'äö' has no character in common with the model's '2345678bcdefgmnpwxy'",
        "characters that the model lacks",
    ),
    ({"length": "26"}, "a length of 26 needs 26 time steps, the model has 25", "more than the model carries"),
]


@pytest.mark.parametrize(
    ("constraints", "message", "reason"), REFUSED, ids=[reason for *_, reason in REFUSED]
)
def test_constraints_that_the_model_cannot_keep_are_refused(
    constraints: Any, message: str, reason: str
) -> None:
    with pytest.raises(CardError) as caught:
        ModelCard.from_json(with_constraints(constraints), "X")
    assert str(caught.value) == f"card X: {message}"
