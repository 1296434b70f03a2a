"""One rule for the options of every command: each has its CAPTCHAFLEET_OPTION variable. Needs click alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

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
