"""`model-zoo show`: what it says of a model's training."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from model_zoo.cards import find_card
from model_zoo.cli import main
from model_zoo.cli_show import described


def test_show_says_what_the_training_began_with_and_its_recipe_in_short() -> None:
    start = find_card("kaptcha").card.recipe["start"]

    lines = CliRunner().invoke(main, ["show", "kaptcha"]).output.splitlines()

    place = lines.index(f"started from             {start}")
    assert lines[place + 1] == (
        "recipe                   epochs 20, batch size 32, learning rate 0.001, precision bfloat16, seed 0"
    )


@pytest.mark.parametrize(
    ("recipe", "told", "reason"),
    [
        ({}, [], "an ensemble was not trained"),
        ({"start": "", "averaging": 0.998}, [], "nothing of it is told"),
        ({"start": "", "seed": 1, "epochs": 3}, ["recipe                   epochs 3, seed 1"], "no start"),
        ({"start": "a@b"}, ["started from             a@b"], "nothing else"),
    ],
)
def test_show_says_only_what_the_recipe_has(recipe: dict[str, object], told: list[str], reason: str) -> None:
    lines = described(replace(find_card("crnn-small").card, recipe=recipe)).splitlines()

    assert [line for line in lines if line.startswith(("recipe ", "started from "))] == told, reason
