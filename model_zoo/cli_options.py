"""The options of the commands; each has its CAPTCHAFLEET_OPTION variable. Imports nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from model_zoo.split import PARTS

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = click.Path(path_type=Path)


class FiniteRange(click.FloatRange):
    """A range of numbers without `nan`, which every comparison lets through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Fails like any value of a wrong type."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def option(name: str, *names: str, **settings: Any) -> Callable[[Command], Command]:
    """A click option with its environment variable, both shown in --help."""
    variable = "CAPTCHAFLEET_" + name.removeprefix("--").replace("-", "_").upper()
    settings.setdefault("show_default", settings.get("default") is not None)
    return click.option(name, *names, envvar=variable, show_envvar=True, **settings)


def data_option(command: Command) -> Command:
    """`--data`, as `data`."""
    help_text = "Folder of images named LABEL.png or LABEL_anything.png."
    return option("--data", required=True, type=FOLDER, help=help_text)(command)


def part_option(**settings: Any) -> Callable[[Command], Command]:
    """`--part`, once or more, as `parts`: distinct, in the order given."""
    return option(
        "--part",
        "parts",
        type=click.Choice(list(PARTS)),
        multiple=True,
        callback=lambda context, parameter, parts: tuple(dict.fromkeys(parts)),
        help="Repeatable.",
        **settings,
    )


def reading_options(command: Command) -> Command:
    """How images are read: `charset`, `length`, `decoder`, `beam_width`, `device`."""
    for decorate in (
        option("--device", default="auto", help="Where to run: auto, cpu, cuda or cuda:N."),
        option("--beam-width", type=click.IntRange(1, 200), help="[default: the model's]"),
        option("--decoder", type=click.Choice(["greedy", "beam"]), help="[default: the model's]"),
        option("--length", help="Allowed lengths, like 5 or 4-6."),
        option("--charset", help="Allowed characters; :digits:, :lower: and :upper: are classes."),
    ):
        command = decorate(command)
    return command
