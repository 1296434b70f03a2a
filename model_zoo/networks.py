"""From a card to its network with its weights in. Weights are safetensors; nothing is ever unpickled."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

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
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise WeightsMismatch(f"weights {path} do not fit the card's architecture: {error}") from error
    return network
