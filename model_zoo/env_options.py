"""One rule for the options of every command: each has its CAPTCHAFLEET_OPTION variable. Needs click alone.

The options that say how images are read stand here as well: they mean the same in every command.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from model_zoo.card_parts import DECODERS

Command = TypeVar("Command", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """A range of numbers without `nan` and `inf`, which Python's float would take."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Fails like any value of a wrong type."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def option(name: str, *names: str, **settings: Any) -> Callable[[Command], Command]:
    """A click option with its environment variable, both shown in --help."""
    flag = name.partition("/")[0].removeprefix("--")  # of --this/--that
    variable = "CAPTCHAFLEET_" + flag.replace("-", "_").upper()
    settings.setdefault("show_default", settings.get("default") is not None)
    return click.option(name, *names, envvar=variable, show_envvar=True, **settings)


def reading_options(command: Command) -> Command:
    """What an answer may be, and how it is found.

    Gives the command `charset`, `length`, `ignore_case`, `pattern`, `regex`, `lexicon`, `unconstrained` and
    `decoder`.
    """
    for decorate in (
        option("--decoder", type=click.Choice(DECODERS), default="exact", metavar="METHOD",
               help="How answers are found: exact (proven to be the best), beam, greedy, alignment-beam."),
        option("--unconstrained", is_flag=True, help="Leave out the constraints of the model's card."),
        option("--lexicon", type=click.Path(path_type=Path), metavar="FILE",
               help="Allowed words, one a line, UTF-8, at most a million."),
        option("--regex", metavar="EXPR", help="Expression that the whole answer matches, Python syntax."),
        option("--pattern", metavar="LLDDD",
               help="What stands where: L letter, l lower, U upper, D digit, ? any; others are themselves."),
        option("--ignore-case", is_flag=True,
               help="Read upper and lower case as one: answers in lower case, labels compared without case."),
        option("--length", metavar="N|N-M", help="How many characters an answer has, e.g. 5 or 4-6."),
        option("--charset", metavar="CHARS",
               help="Allowed characters; :digits:, :lower:, :upper: are classes."),
    ):  # fmt: skip
        command = decorate(command)
    return command
