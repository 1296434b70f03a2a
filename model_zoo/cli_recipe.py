"""The options that change a recipe; the same for every command that trains. Imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from model_zoo.env_options import Command, FiniteRange, option

if TYPE_CHECKING:
    from model_zoo.training.recipe import Recipe

# Of `Recipe`, where an option says them.
_SETTINGS = ("epochs", "synthetic", "seed", "batch_size", "learning_rate", "precision")


def recipe_options(command: Command) -> Command:
    """`--recipe` and what may be changed in one."""
    for decorate in (
        option("--precision", metavar="float32|bfloat16", help="Of the arithmetic. [default: the recipe's]"),
        option("--learning-rate", type=FiniteRange(0, 1, min_open=True),
               help="Peak of the cycle. [default: the recipe's, 0.003]"),
        option("--batch-size", type=click.IntRange(1, 10_000),
               help="Images a step. [default: the recipe's, 32; post: 8]"),
        option("--seed", type=int, default=0, help="Of everything random."),
        option("--synthetic", type=click.IntRange(0, 100_000),
               help="Extra images an epoch in the style of Kaptcha; only if your captcha looks like it. "
               "[default: the recipe's, 0]"),
        option("--epochs", type=click.IntRange(1, 10_000),
               help="Passes over the images. [default: the recipe's, 60]"),
        option("--recipe", default="standard",
               help="How to train: standard; post, the recipe of \"From CNN to CRNN\"; kaptcha-zero and "
               "kaptcha, those of the shipped models."),
    ):  # fmt: skip
        command = decorate(command)
    return command


def take_recipe(options: dict[str, Any]) -> Recipe:
    """The recipe that the options say; they leave `options`.

    Raises:
        DataError: an unknown recipe or precision.
    """
    from model_zoo.training.recipe import recipe_named

    name = options.pop("recipe")
    changes = {key: options.pop(key) for key in _SETTINGS}
    return recipe_named(name, **{key: value for key, value in changes.items() if value is not None})
