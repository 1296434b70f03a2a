"""A shipped model that cannot tell a captcha's letters from capitals: in each frame both have the same half.

Without case it is the shipped model again, to the last digits: the truth that a fold is held against.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from model_zoo.cards import BUILT_IN, ModelCard, find_card

SHIPPED = find_card("crnn-small").card
NAME = "both"


def write_both_cases(folder: Path) -> ModelCard:
    """Write weights and card of the model into a folder; `NAME.json` is the card."""
    letters = [class_id for class_id, char in enumerate(SHIPPED.charset, 1) if char.isalpha()]
    tensors = load_file(BUILT_IN / SHIPPED.weights)
    tensors["head.bias"][letters] -= math.log(2)
    for name in ("head.weight", "head.bias"):
        tensors[name] = torch.cat([tensors[name], tensors[name][letters]])
    weights = folder / f"{NAME}.safetensors"
    save_file(tensors, weights)
    capitals = "".join(char.upper() for char in SHIPPED.charset if char.isalpha())
    card = replace(
        SHIPPED,
        name=NAME,
        weights=weights.name,
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        charset=SHIPPED.charset + capitals,
        training_images=None,
        training_images_sha256=None,
    )
    (folder / f"{NAME}.json").write_text(card.to_json())
    return card
