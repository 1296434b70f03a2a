"""What a report believes of a card that came over the wire, and what it tells of it."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest

from producer.accuracy import measure
from producer.labels import NoLabels
from producer.report import CardAccuracy, ModelFacts, RunSummary, to_json, wording
from worker.contract import JobOptions

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


CARD_ROWS = [
    (("test beam", "test greedy", "validation beam"), "greedy", "test greedy", "test, the job's decoder"),
    (("test beam", "test greedy", "validation beam"), "beam", "test beam", "test, the other way round"),
    (("validation greedy", "test beam"), "greedy", "test beam", "test in any way before validation"),
    (("train greedy", "validation beam"), "greedy", "validation beam", "validation in any way"),
    (
        ("validation beam", "validation greedy"),
        "greedy",
        "validation greedy",
        "the job's decoder",
    ),
    (("train greedy",), "greedy", None, "training images promise nothing"),
    (
        ("test greedy", "out-of-fold exact"),
        "greedy",
        "out-of-fold exact",
        "out of fold in any way before all",
    ),
    ((), "greedy", None, "nothing was measured"),
]


@pytest.mark.parametrize(
    ("rows", "decoder", "told", "reason"), CARD_ROWS, ids=[reason for *_, reason in CARD_ROWS]
)
def test_of_a_card_one_figure_is_told_and_json_keeps_all(
    rows: tuple[str, ...], decoder: Literal["greedy", "beam"], told: str | None, reason: str
) -> None:
    accuracy = tuple(CardAccuracy(*row.split(), 0.9, 0.8, 0.95, 100) for row in rows)
    model = ModelFacts("m", "f", accuracy=accuracy)

    summary = RunSummary(measure([], NoLabels()), "job-1", "imgs", 0, model, JobOptions(decoder))

    facts = {fact.name: fact.value for fact in wording.run_facts(summary)}
    part, _, how = (told or "").partition(" ")
    expected = f"90.0 % exact match (80.0 to 95.0 %, n = 100) on its {part} images, {how}"
    assert facts.get("Model's card") == (None if told is None else expected)
    assert len(to_json(summary)["model"]["accuracy"]) == len(rows)


OUT_OF_FOLD = {**ROW, "part": "out-of-fold", "decoder": "exact"}
SEEDS = [
    {**OUT_OF_FOLD, "seed": 1, "value": 0.93},
    {**OUT_OF_FOLD, "seed": 2},
    {**OUT_OF_FOLD, "seed": 3, "value": 0.81, "constraints": {"length": "5"}},
]


def test_of_several_seeds_the_worst_is_told_and_none_with_knowledge_of_the_answer() -> None:
    model = ModelFacts.from_card("m", "f", {"accuracy": SEEDS})

    summary = RunSummary(measure([], NoLabels()), "job-1", "imgs", 0, model, JobOptions())

    assert [(row.seed, row.constraints) for row in model.accuracy] == [(1, None), (2, None), (3, "length 5")]
    facts = {fact.name: fact.value for fact in wording.run_facts(summary)}
    assert facts["Model's card"] == (
        "90.0 % exact match (80.0 to 95.0 %, n = 100) on its out-of-fold images, exact, seed 2, the "
        "worst there is"
    )


@pytest.mark.parametrize("more", [{"seed": "1"}, {"seed": True}, {"constraints": 5}, {"constraints": {}}])
def test_a_seed_or_constraints_that_are_none_cost_a_row_nothing_else(more: dict[str, Any]) -> None:
    (row,) = ModelFacts.from_card("m", "f", {"accuracy": [ROW | more]}).accuracy

    assert (row.n, row.seed, row.constraints) == (100, None, None)
