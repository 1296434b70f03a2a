"""From a card to its network with its weights in. Weights are safetensors; nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from model_zoo.architectures import build
from model_zoo.cards import ModelCard, verify_weights
from model_zoo.charset import Charset
from model_zoo.ensemble import Ensemble, parse_views
from model_zoo.errors import WeightsMismatch
from model_zoo.members import find_members


def load_network(card: ModelCard, directory: Path) -> nn.Module:
    """The network of a card, or of an ensemble's members.

    Args:
        card: of the model.
        directory: that holds the card.

    Raises:
        CardError: a card that this version cannot build.
        ModelNotFound: a member of an ensemble is not there, or another one.
        WeightsMismatch: the weights are not those that the card names, or do not fit it.
    """
    if not card.members:
        return _load_one(card, directory)
    views = parse_views(card.options)
    members = find_members(card, directory)
    networks = [_load_one(found.card, found.directory) for found in members]
    return Ensemble(networks, [found.card for found in members], views)


def _load_one(card: ModelCard, directory: Path) -> nn.Module:
    path = verify_weights(card, directory)
    network = build(
        card.architecture,
        card.options,
        n_classes=Charset(card.charset).n_classes,
        height=card.height,
        width=card.width,
    )
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise WeightsMismatch(
            f"weights {path} are no whole safetensors file: {error}; copy it again"
        ) from error
    if misfit := _misfit(tensors, network.state_dict()):
        raise WeightsMismatch(
            f"weights {path} do not fit the card's architecture, options and charset: {misfit}"
        )
    network.load_state_dict(tensors)
    return network


def _misfit(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str | None:
    """The first thing that is wrong with the tensors of a file, and how many more there are."""
    wrong = [f"tensor {name!r} is missing" for name in wanted if name not in given]
    wrong += [f"tensor {name!r} belongs to another network" for name in given if name not in wanted]
    wrong += [
        f"tensor {name!r} is {tuple(given[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in given and given[name].shape != tensor.shape
    ]
    if not wrong:
        return None
    return wrong[0] + (f", and {len(wrong) - 1} more" if len(wrong) > 1 else "")
