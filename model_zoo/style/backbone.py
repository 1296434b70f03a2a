"""The generic model as a backbone: its features as they are, with a head for the style's characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from model_zoo.architectures import build
from model_zoo.charset import BLANK_ID, Charset
from model_zoo.errors import DataError
from model_zoo.training.start import Start

# Which of the start's characters a class of the style begins with, where labels have one case
# alone: the letter as labelled, the same letter in the other case, or what both have in common.
Case = Literal["labelled", "other", "both"]
CASES: tuple[Case, ...] = ("labelled", "other", "both")

_HEAD = ("head.weight", "head.bias")


def style_network(start: Start, charset: Charset, height: int, width: int, case: Case) -> nn.Module:
    """The start's network with a head for `charset`.

    Args:
        start: whose network has a linear layer `head`, as all with CTC here have.
        charset: of the new classes; characters that the start does not read begin at the mean
            of those it does.
        height: of the input, in pixels; the start's.
        width: of the input, in pixels; any.
        case: see `CASES`.

    Raises:
        DataError: the start has no such layer.
    """
    card = start.card
    if not set(_HEAD) <= set(start.weights):
        raise DataError(
            f"model {card.name!r} ({card.architecture}) has no head to take off; start from generic"
        )
    network = build(card.architecture, card.options, n_classes=charset.n_classes, height=height, width=width)
    rows = _rows(Charset(card.charset), charset, case)
    weights = {key: start.weights[key] for key in network.state_dict() if key not in _HEAD}
    heads = {key: torch.stack([start.weights[key][row].mean(0) for row in rows]) for key in _HEAD}
    network.load_state_dict(weights | heads)
    return network


def _rows(had: Charset, wanted: Charset, case: Case) -> list[list[int]]:
    """The start's classes that each new class begins with the mean of."""
    known = {char: number for number, char in enumerate(had.chars, 1)}
    rows = [[BLANK_ID]]
    for char in wanted.chars:
        forms = {"labelled": [char], "other": [char.swapcase()], "both": [char, char.swapcase()]}[case]
        rows.append(
            sorted({known[form] for form in forms if form in known})
            or ([known[char]] if char in known else list(known.values()))
        )
    return rows


def drawn_as(label: str, case: Case, choice: Sequence[bool]) -> str:
    """`label` as an image of the style may show it, for generated images.

    Args:
        label: of the style.
        case: that fits it.
        choice: for `both`, which characters are in the other case.
    """
    if case == "labelled":
        return label
    if case == "other":
        return label.swapcase()
    return "".join(char.swapcase() if other else char for char, other in zip(label, choice, strict=True))


def copied_weights(network: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the weights, to begin a round with."""
    return {key: value.detach().clone() for key, value in network.state_dict().items()}
