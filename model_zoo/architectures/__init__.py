"""Network architectures by name; a card names one and gives its options.

An architecture is an `nn.Module` that takes (N, 1, H, W) floats to log-probabilities (N, T, C). `register`
adds one, also from outside this package; `build` makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from model_zoo.architectures.crnn import CrnnSmall
from model_zoo.architectures.crnn_resnet34 import CrnnResnet34
from model_zoo.architectures.plain import CrnnPlain
from model_zoo.architectures.positional import XResnet34Flat, XResnet34Pool
from model_zoo.architectures.wide import CrnnWide
from model_zoo.errors import CardError

Builder = Callable[..., nn.Module]


@dataclass(frozen=True)
class Architecture:
    """A kind of network.

    Attributes:
        name: what cards and `--architecture` say.
        builder: called with `n_classes`, `height`, `width` and the options of the card, all by keyword.
        description: one sentence for people who choose.
    """

    name: str
    builder: Builder
    description: str


# Of crnn-wide and of crnn-deep, residual blocks after each convolution.
WIDE_BLOCKS, DEEP_BLOCKS = (0, 0, 1, 1), (0, 0, 2, 2)

_KNOWN: dict[str, Architecture] = {}


def register(name: str, builder: Builder, description: str) -> None:
    """Make `builder` known under `name`; see `Architecture`.

    Raises:
        ValueError: the name is taken by another builder.
    """
    if _KNOWN.setdefault(name, Architecture(name, builder, description)).builder is not builder:
        raise ValueError(f"architecture {name!r} is registered already; choose another name")


def _nano(**options: Any) -> nn.Module:
    return CrnnPlain(**{"channels": (16, 24, 48, 64), "hidden": 32, "dropout": 0.1, **options})


def _deep(**options: Any) -> nn.Module:
    return CrnnWide(**{"blocks": DEEP_BLOCKS, **options})


def architectures() -> tuple[Architecture, ...]:
    """Every registered architecture, by name."""
    return tuple(_KNOWN[name] for name in sorted(_KNOWN))


def build(name: str, options: Mapping[str, Any], *, n_classes: int, height: int, width: int) -> nn.Module:
    """A fresh network.

    Args:
        name: a registered architecture.
        options: its own settings, as the card holds them; {} for the defaults.
        n_classes: C, the characters and the blank.
        height: H of the input.
        width: W of the input.

    Raises:
        CardError: an unknown architecture, or options that it does not take.
    """
    if name not in _KNOWN:
        raise CardError(f"architecture {name!r} is unknown; known are {', '.join(sorted(_KNOWN))}")
    try:
        return _KNOWN[name].builder(n_classes=n_classes, height=height, width=width, **options)
    except (TypeError, ValueError) as error:
        raise CardError(
            f"architecture {name!r} does not take the options {dict(options)}: {error}"
        ) from error


register(
    "crnn-plain", CrnnPlain, "Four plain convolutions and one BiLSTM, a frame per 8 columns, read by CTC."
)
register("crnn-nano", _nano, "crnn-plain with half the channels: for speed on CPUs.")
register(
    "crnn-wide",
    CrnnWide,
    "Four convolutions, two residual blocks and one BiLSTM: for many styles, read by CTC.",
)
register("crnn-deep", _deep, "crnn-wide with twice as many residual blocks, which it can grow into.")
register("crnn-small", CrnnSmall, "Residual CNN and one BiLSTM, a frame per 8 columns, read by CTC.")
register(
    "crnn-resnet34",
    CrnnResnet34,
    'Third of "From CNN to CRNN": torchvision\'s resnet34 cut at stage 3, two BiLSTMs, read by CTC.',
)
register(
    "xresnet34-pool",
    XResnet34Pool,
    'First of "From CNN to CRNN": xresnet34, pooled to one vector that gives every position.',
)
register(
    "xresnet34-flat",
    XResnet34Flat,
    'Second of "From CNN to CRNN": xresnet34, not pooled, so that places stay; every position.',
)
