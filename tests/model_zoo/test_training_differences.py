"""What differs between two recipes, by the names that a card has."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from model_zoo.training.differences import recipe_differences
from model_zoo.training.recipe import Recipe

NOW = asdict(Recipe(epochs=4))


@pytest.mark.parametrize(
    ("had", "differences"),
    [
        pytest.param(NOW, [], id="the same"),
        pytest.param({"epochs": 4}, [], id="settings that came later have their defaults"),
        pytest.param({"epochs": 4, "augmentation": {"noise": 0.05}}, [], id="also those of the augmentation"),
        pytest.param({"epochs": 3, "seed": 1}, ["epochs 3, not 4", "seed 1, not 0"], id="two"),
        pytest.param({**NOW, "augmentation": {"strokes": 0.5}}, ["strokes 0.5, not 0.0"], id="nested"),
        pytest.param({**NOW, "start": "a@1"}, ["start a@1, not none"], id="a start"),
        pytest.param({**NOW, "drop_last": True}, ["drop_last true, not false"], id="a switch"),
        pytest.param({**NOW, "new": 1}, ["new 1, not none"], id="of a later version"),
    ],
)
def test_the_settings_that_differ_are_named(had: dict[str, Any], differences: list[str]) -> None:
    assert recipe_differences(had, NOW) == differences


def test_what_may_differ_is_not_named() -> None:
    assert recipe_differences({**NOW, "seed": 3, "epochs": 5}, NOW, ignored=["seed"]) == ["epochs 5, not 4"]
