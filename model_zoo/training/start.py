"""Weights to begin with: those of a model of the zoo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from model_zoo.architectures import DEEP_BLOCKS, WIDE_BLOCKS
from model_zoo.architectures.wide import CrnnWide, grown
from model_zoo.cards import ModelCard, find_card, verify_weights
from model_zoo.errors import DataError, WeightsMismatch
from model_zoo.seen import TrainingImages, training_images
from model_zoo.split import LabelledFile

# An architecture whose weights make the beginning of another.
GROWS = ("crnn-wide", "crnn-deep")


@dataclass(frozen=True)
class Start:
    """A trained model that is trained on.

    Attributes:
        card: of the model.
        weights: its `state_dict`.
        images: that it was fitted to; None where nobody knows.
    """

    card: ModelCard
    weights: Mapping[str, torch.Tensor]
    images: TrainingImages | None = None

    @property
    def name(self) -> str:
        """NAME@FINGERPRINT, for the new card."""
        return f"{self.card.name}@{self.card.fingerprint}"


def load_start(name_or_path: str | Path) -> Start:
    """A model of the zoo to begin with.

    Raises:
        ModelNotFound: no such model.
        CardError: a card that this version cannot read.
        WeightsMismatch: weights that are not those of the card, or that cannot be read.
    """
    card, directory = find_card(name_or_path)
    path = verify_weights(card, directory)
    try:
        return Start(card, load_file(path), training_images(card, directory))
    except (SafetensorError, OSError) as error:
        raise WeightsMismatch(f"weights {path} cannot be read: {error}; copy them again") from error


def weights_for(start: Start, architecture: str, network: nn.Module) -> Mapping[str, torch.Tensor]:
    """The start's weights for a network of an architecture that the start's can grow into, or of its own.

    Args:
        start: the model.
        architecture: a registered name.
        network: freshly drawn.
    """
    if architecture == start.card.architecture:
        return start.weights
    assert isinstance(network, CrnnWide), "only what GROWS says goes on in another architecture"
    return grown(start.weights, WIDE_BLOCKS, network, DEEP_BLOCKS)


def check_start(start: Start, characters: str, height: int, width: int) -> None:
    """Refuse to go on from a model that reads other characters or takes another input.

    Args:
        start: the model.
        characters: of the labels that are to be trained on.
        height: of the input, in pixels.
        width: of the input, in pixels.

    Raises:
        DataError: what does not fit.
    """
    card = start.card
    if missing := sorted(set(characters) - set(card.charset)):
        raise DataError(
            f"model {card.name!r} reads {card.charset!r}, but the labels also have {''.join(missing)!r}; "
            "start from a model that reads them, or leave --start-from out"
        )
    if (height, width) != (card.height, card.width):
        raise DataError(
            f"model {card.name!r} takes images of {card.width}x{card.height}, not {width}x{height}; "
            f"say --width {card.width} --height {card.height}"
        )


def check_unseen(start: Start, files: Sequence[LabelledFile]) -> None:
    """Refuse to measure on images that the start was fitted to: they would be read by heart.

    Args:
        start: the model.
        files: that are to be measured; a start without a list of its images is taken at its word.

    Raises:
        DataError: it was fitted to some of them.
    """
    seen = [] if start.images is None else [it for it in files if start.images.has_digest(it.sha256)]
    if seen:
        raise DataError(
            f"model {start.card.name!r} was trained on {len(seen):,} of the {len(files):,} images that are "
            "to tell how good the new one is; start from a model that never saw them"
        )
