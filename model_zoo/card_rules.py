"""The rules between the fields of a card, one sentence each. Standard library only."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from model_zoo.card_parts import DECODERS
from model_zoo.errors import CardError

if TYPE_CHECKING:
    from model_zoo.cards import ModelCard

# Names become file names, queue names and Redis keys.
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# The architecture of a card without weights of its own, see `model_zoo.ensemble`.
ENSEMBLE = "ensemble"


def check_card(card: ModelCard, source: str) -> None:
    """Refuse a card whose fields are well typed, but make no model.

    Raises:
        CardError: one sentence that names the file `source`.
    """
    if not NAME_PATTERN.fullmatch(card.name):
        raise CardError(f"card {source} has the name {card.name!r}; use letters, digits and . _ - only")
    _check_files(card, source)
    if len(set(card.charset)) != len(card.charset) or not card.charset:
        raise CardError(f"card {source} has the charset {card.charset!r}; expected distinct characters")
    if card.decoder not in DECODERS:
        raise CardError(f"card {source} has the decoder {card.decoder!r}; expected {', '.join(DECODERS)}")
    if min(card.height, card.width, card.time_steps, card.beam_width) < 1 or not card.std > 0:
        raise CardError(f"card {source} has a size, T, beam width or std that is not positive")
    if card.temperature is not None and not 0 < card.temperature < math.inf:
        raise CardError(f"card {source} has the temperature {card.temperature}; expected a positive number")
    _check_figures(card, source)


def _check_figures(card: ModelCard, source: str) -> None:
    """What was measured can be told: counts to divide by, shares between 0 and 1."""
    counts = [row.n for row in card.accuracy]
    counts += [row.n for row in card.calibration]
    counts += [row.n for row in card.precision]
    counts += [line.n for row in card.calibration for line in row.table]
    if min(counts, default=1) < 1:
        raise CardError(f"card {source} has a figure of {min(counts)} images; expected at least 1")
    shares = [row.confidence for row in card.precision]
    shares += [it.target for row in card.precision for it in row.thresholds]
    for share in shares:
        if not 0 < share < 1:
            raise CardError(
                f"card {source} has the precision or confidence {share}; expected a number between 0 and 1"
            )


def _check_files(card: ModelCard, source: str) -> None:
    if card.members:
        for member in card.members:
            if not NAME_PATTERN.fullmatch(member.name):
                raise CardError(
                    f"card {source} has the member {member.name!r}; use letters, digits and . _ - only"
                )
        if card.architecture != ENSEMBLE or card.weights or card.sha256:
            raise CardError(
                f"card {source} names members, so its architecture must be {ENSEMBLE!r}, its weights and "
                "their sha256 empty"
            )
    elif card.architecture == ENSEMBLE:
        raise CardError(f"card {source} has the architecture {ENSEMBLE!r}, but names no members")
    elif Path(card.weights).name != card.weights or not card.weights:
        raise CardError(
            f"card {source} names weights {card.weights!r}; give a file name in the card's folder"
        )
    listed, digest = card.training_images, card.training_images_sha256
    if (listed is None) != (digest is None) or (listed is not None and Path(listed).name != listed):
        raise CardError(
            f"card {source} names the list of training images {listed!r} with sha256 {digest!r}; give a file "
            "name in the card's folder and its sha256, or neither"
        )
