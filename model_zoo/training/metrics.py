"""How well a network reads images that it is not trained on, after every epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from rapidfuzz.distance import Levenshtein
from torch import nn

from model_zoo.charset import Charset
from model_zoo.decode import decode
from model_zoo.training.data import LabelledImages, Normalisation
from model_zoo.training.losses import has_positions, image_losses
from model_zoo.training.recipe import Recipe

VALIDATION_BATCH = 64
BEAM_WIDTH = 10  # the post's


@dataclass(frozen=True)
class Measured:
    """Figures over some images, none of them augmented.

    Attributes:
        loss: mean of the loss that is trained with, over labels whose characters the network has; NaN where
            there is no such label.
        character_accuracy: of networks with positions, the share of positions that are right; of others, 1
            minus edit distances over characters.
        exact_match: share of texts that are right, read greedily.
        beam_exact_match: likewise with a prefix beam search; of networks with positions the same; None where
            nobody asked.
    """

    loss: float
    character_accuracy: float
    exact_match: float
    beam_exact_match: float | None


def log_probs(network: nn.Module, pixels: torch.Tensor, normalise: Normalisation) -> torch.Tensor:
    """The network's answer in evaluation mode, in float32, on the CPU.

    Args:
        network: on any device; left in evaluation mode.
        pixels: uint8 (N, 1, H, W).
        normalise: what the network expects.

    Returns:
        (N, T, C).
    """
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        parts = [
            network(normalise(batch.to(device).float() / 255)).float().cpu()
            for batch in torch.split(pixels, VALIDATION_BATCH)
        ]
    return torch.cat(parts)


def measure(
    network: nn.Module,
    images: LabelledImages,
    charset: Charset,
    normalise: Normalisation,
    recipe: Recipe,
    *,
    beam: bool = True,
) -> Measured:
    """The figures of `network` over `images`, at least one; `beam`: whether that of a beam search as well."""
    answers, positional = log_probs(network, images.pixels, normalise), has_positions(network)
    greedy = best_paths(answers, charset)
    output = answers[:, ::2] if positional else answers  # the odd frames of positions are certain blanks
    known = [number for number, label in enumerate(images.labels) if set(label) <= set(charset.chars)]
    wanted = [images.labels[number] for number in known]
    losses = torch.tensor([math.nan])  # where no label has a loss, none is told
    if known:
        losses = image_losses(output[known], wanted, charset, recipe, positional=positional)
    searched = greedy
    if beam and not positional:
        found = decode(answers, charset, method="beam", beam_width=BEAM_WIDTH)
        searched = [it.text for it in found]
    accuracy = _in_place if positional else _one_minus_error_rate
    return Measured(
        losses.mean().item(),
        accuracy(greedy, images.labels),
        exact_match(greedy, images.labels),
        exact_match(searched, images.labels) if beam else None,
    )


def best_paths(frames: torch.Tensor, charset: Charset) -> list[str]:
    """The text of the best path of every image; frames are (N, T, C)."""
    return [charset.decode(charset.collapse(path)) for path in frames.argmax(dim=-1).tolist()]


def exact_match(texts: Sequence[str], labels: Sequence[str]) -> float:
    """Share of the texts that equal their labels; NaN without any."""
    if not labels:
        return math.nan
    return sum(text == label for text, label in zip(texts, labels, strict=True)) / len(labels)


def _in_place(texts: Sequence[str], labels: Sequence[str]) -> float:
    """Share of the labels' characters that stand at their place in the text."""
    right = sum(
        a == b for text, label in zip(texts, labels, strict=True) for a, b in zip(text, label, strict=False)
    )
    return right / sum(map(len, labels))


def _one_minus_error_rate(texts: Sequence[str], labels: Sequence[str]) -> float:
    """1 minus the character error rate; never below 0."""
    distance = sum(map(Levenshtein.distance, texts, labels))
    return max(0.0, 1 - distance / sum(map(len, labels)))
