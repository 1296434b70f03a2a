"""What every command that trains is told: images, network and recipe. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from model_zoo.cli_options import FOLDER
from model_zoo.constraints import parse_length
from model_zoo.env_options import Command, FiniteRange, option

if TYPE_CHECKING:
    from model_zoo.training.recipe import Recipe

STYLE = "style"  # the recipe that finds everything out by itself, see `model_zoo.style`

# Of `Recipe`, where an option says them.
_SETTINGS = ("epochs", "synthetic", "seed", "batch_size", "learning_rate", "precision")


def recipe_options(default: str = "standard") -> Callable[[Command], Command]:
    """`--recipe` and what may be changed in one.

    Args:
        default: the recipe of the command; only `train` knows `style`.
    """
    style = f"{STYLE}, the one for any captcha; " if default == STYLE else ""
    decorators = (
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
        option("--recipe", default=default,
               help=f"How to train: {style}standard; post, the recipe of \"From CNN to CRNN\"; kaptcha-zero, "
               "kaptcha and generic, those of the shipped models."),
    )  # fmt: skip

    def decorated(command: Command) -> Command:
        for decorate in decorators:
            command = decorate(command)
        return command

    return decorated


def check_recipe(name: str) -> None:
    """Refuse a recipe that `train` does not know.

    Raises:
        DataError: it is not known.
    """
    from model_zoo.training.recipe import RECIPES, check_known

    check_known("recipe", name, (STYLE, *RECIPES))


def length_option(command: Command) -> Command:
    """`--length`, as `length`: the fewest and the most characters of a label, or None."""
    help_text = "Allowed lengths of labels, like 5 or 4-6. [default: found out]"
    return option("--length", callback=_length, help=help_text)(command)


def _length(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, int] | None:
    return parse_length(text) if text else None


def run_options(command: Command) -> Command:
    """What is trained on and where: `data`, `architecture`, `height`, `width`, `length`, `parts`, `start`,
    `device` and `compiled`."""
    for decorate in (
        option("--compile/--no-compile", "compiled",
               help="Use torch.compile; slow to start, for long runs on CUDA."),
        option("--device", default="auto", help="Where to run: auto, cpu, cuda or cuda:N."),
        option("--start-from", "start", metavar="NAME_OR_PATH", help="Model whose weights to begin with."),
        option("--parts", default="train",
               help="What is trained on: train, all, or numbers of parts like 2-9."),
        length_option,
        option("--width", type=click.IntRange(16, 2048), default=200, help="Input, in pixels."),
        option("--height", type=click.IntRange(16, 512), default=50, help="Input, in pixels."),
        option("--architecture", help="Kind of network. [default: crnn-small, or that of --start-from]"),
        option("--data", type=FOLDER, help="Folder of images named LABEL.png or LABEL_anything.png."),
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
