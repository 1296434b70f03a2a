"""What a report believes of a card that came over the wire."""

from __future__ import annotations

import math
from typing import Any

import pytest

from producer.report import CardAccuracy, ModelFacts

ROW = {"part": "test", "decoder": "greedy", "value": 0.9, "low": 0.8, "high": 0.95, "n": 100}
CARDS: list[tuple[dict[str, Any], ModelFacts, str]] = [
    ({}, ModelFacts("m", "f"), "an empty card"),
    ({"charset": 7, "width": "200", "height": True, "parameters": None}, ModelFacts("m", "f"), "other types"),
    ({"accuracy": "very"}, ModelFacts("m", "f"), "no rows"),
    (
        {"accuracy": [7, {}, ROW | {"value": "x"}, ROW | {"n": math.inf}, ROW | {"value": math.nan}, ROW]},
        ModelFacts("m", "f", accuracy=(CardAccuracy("test", "greedy", 0.9, 0.8, 0.95, 100),)),
        "one good row among bad ones",
    ),
]


@pytest.mark.parametrize(("card", "expected", "reason"), CARDS, ids=[reason for *_, reason in CARDS])
def test_what_does_not_fit_in_an_announced_card_is_left_out(
    card: dict[str, Any], expected: ModelFacts, reason: str
) -> None:
    assert ModelFacts.from_card("m", "f", card) == expected
