"""The options of the commands; each has its CAPTCHAFLEET_OPTION variable. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from model_zoo.env_options import Command, option
from model_zoo.split import PARTS

FOLDER = click.Path(path_type=Path)


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
