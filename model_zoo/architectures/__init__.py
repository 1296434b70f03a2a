"""Network architectures by name; a card names one and gives its options.

An architecture is an `nn.Module` that takes (N, 1, H, W) floats to log-probabilities (N, T, C). `register`
adds one, also from outside this package; `build` makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from model_zoo.architectures.crnn import CrnnSmall
from model_zoo.errors import CardError

Builder = Callable[..., nn.Module]

_BUILDERS: dict[str, Builder] = {}


def register(name: str, builder: Builder) -> None:
    """Make `builder` known under `name`.

    Args:
        name: what cards and `--architecture` say.
        builder: called with `n_classes`, `height` and the options of the card, all by keyword.

    Raises:
        ValueError: the name is taken by another builder.
    """
    if _BUILDERS.setdefault(name, builder) is not builder:
        raise ValueError(f"architecture {name!r} is registered already; choose another name")


def build(name: str, options: Mapping[str, Any], *, n_classes: int, height: int) -> nn.Module:
    """A fresh network.

    Args:
        name: a registered architecture.
        options: its own settings, as the card holds them; {} for the defaults.
        n_classes: C, the characters and the blank.
        height: H of the input.

    Raises:
        CardError: an unknown architecture, or options that it does not take.
    """
    if name not in _BUILDERS:
        raise CardError(f"architecture {name!r} is unknown; known are {', '.join(sorted(_BUILDERS))}")
    try:
        return _BUILDERS[name](n_classes=n_classes, height=height, **options)
    except (TypeError, ValueError) as error:
        raise CardError(
            f"architecture {name!r} does not take the options {dict(options)}: {error}"
        ) from error


register("crnn-small", CrnnSmall)
