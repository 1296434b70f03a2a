"""Learning rate and momentum, step by step."""

from __future__ import annotations

import math

import pytest

from model_zoo.training.recipe import RECIPES, Recipe
from model_zoo.training.schedule import cosine, one_cycle, one_cycle_momentum, rates


def test_the_learning_rate_rises_to_its_peak_and_falls_to_a_thousandth() -> None:
    recipe = Recipe(learning_rate=1.0, warm_up=0.2)
    rates = [cosine(recipe, step, 100) for step in range(100)]

    assert rates[0] == pytest.approx(0.04)
    assert rates[20] == max(rates) == pytest.approx(1.0)
    assert rates[99] == pytest.approx(0.001)
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_one_cycle_is_what_fastai_sets_at_every_step() -> None:
    """Its formula, written down anew."""

    def cos(start: float, end: float, p: float) -> float:
        return start + (1 + math.cos(math.pi * (1 - p))) * (end - start) / 2

    total = 40
    for step in range(total):
        p = step / total
        first, along = p < 0.25, p / 0.25 if p < 0.25 else (p - 0.25) / 0.75
        rate = cos(3e-3 / 25, 3e-3, along) if first else cos(3e-3, 3e-3 / 1e5, along)
        momentum = cos(0.95, 0.85, along) if first else cos(0.85, 0.95, along)
        assert one_cycle(step, total, peak=3e-3) == pytest.approx(rate, rel=1e-12)
        assert one_cycle_momentum(step, total) == pytest.approx(momentum, rel=1e-12)


def test_one_cycle_starts_turns_and_ends_where_it_should() -> None:
    assert one_cycle(0, 100, peak=1.0) == pytest.approx(1 / 25)
    assert one_cycle(25, 100, peak=1.0) == 1.0
    assert 1e-5 < one_cycle(99, 100, peak=1.0) < 1e-3, "the end itself would be step 100"
    assert [one_cycle_momentum(step, 100) for step in (0, 25)] == [0.95, 0.85]


def test_each_schedule_has_its_momentum() -> None:
    assert rates(Recipe(), 15, 100) == (pytest.approx(3e-3), 0.9)
    assert rates(RECIPES["post"], 25, 100) == (3e-3, 0.85)
