"""Epochs: CTC loss, AdamW on one cycle, a running average of the weights."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from model_zoo.charset import BLANK_ID, Charset
from model_zoo.training.augment import augment
from model_zoo.training.checkpoint import TrainingState
from model_zoo.training.data import LabelledImages
from model_zoo.training.recipe import Recipe, learning_rate

VALIDATION_BATCH = 64


@dataclass(frozen=True)
class Normalisation:
    """Of grey values in 0..1: (value - mean) / std."""

    mean: float
    std: float

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return (images - self.mean) / self.std


def new_state(network: nn.Module, recipe: Recipe) -> TrainingState:
    """A network at the start of its training."""
    network = network.to(memory_format=torch.channels_last)
    decayed = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in network.parameters() if parameter.dim() <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},  # biases and norms: shrinking them helps nobody
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate)
    return TrainingState(network, copy.deepcopy(network).eval(), optimizer)


def train_epoch(
    state: TrainingState,
    images: LabelledImages,
    *,
    charset: Charset,
    normalise: Normalisation,
    recipe: Recipe,
) -> float:
    """One pass over `images` in a random order; `state` moves on by one epoch.

    Returns:
        The mean CTC loss of an image.
    """
    source = seed_epoch(recipe.seed, state.epoch)
    state.network.train()
    batches = torch.split(torch.randperm(len(images), generator=source), recipe.batch_size)
    losses = 0.0
    for number, indices in enumerate(batches):
        step = state.epoch * len(batches) + number
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step, recipe.epochs * len(batches))
        bent = augment(images.pixels[indices].float() / 255, recipe.augmentation, source)
        log_probs = state.network(normalise(bent))
        loss = ctc_loss(log_probs, [images.labels[index] for index in indices.tolist()], charset)
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(state.network.parameters(), recipe.clip)
        state.optimizer.step()
        follow(state.average, state.network, min(recipe.averaging, (1 + step) / (10 + step)))
        losses += loss.item() * len(indices)
    state.epoch += 1
    return losses / len(images)


def seed_epoch(seed: int, epoch: int) -> torch.Generator:
    """A source that depends on seed and epoch alone; dropout, which takes no source, is seeded on the way."""
    number = int.from_bytes(hashlib.sha256(f"{seed}:{epoch}".encode()).digest()[:7], "big")
    torch.manual_seed(number)
    return torch.Generator().manual_seed(number)


def ctc_loss(log_probs: torch.Tensor, labels: Sequence[str], charset: Charset) -> torch.Tensor:
    """The mean negative log-probability of the labels.

    Args:
        log_probs: (N, T, C).
        labels: N texts.
        charset: gives their class ids.
    """
    targets = torch.tensor([class_id for label in labels for class_id in charset.encode(label)])
    frames = torch.full((len(labels),), log_probs.shape[1])
    lengths = torch.tensor([len(label) for label in labels])
    # ctc_loss alone wants (T, N, C)
    losses = F.ctc_loss(log_probs.transpose(0, 1), targets, frames, lengths, BLANK_ID, reduction="none")
    return losses.mean()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average (buffers included) towards the network by the share 1 - decay."""
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def read_greedily(
    network: nn.Module, pixels: torch.Tensor, charset: Charset, normalise: Normalisation
) -> list[str]:
    """The text of the best path of every image.

    Args:
        network: in evaluation mode.
        pixels: uint8 (N, 1, H, W).
        charset: of the network's classes.
        normalise: what the network expects.
    """
    texts = []
    with torch.inference_mode():
        for batch in torch.split(pixels, VALIDATION_BATCH):
            best = network(normalise(batch.float() / 255)).argmax(dim=-1)  # (N, T)
            texts += [charset.decode(charset.collapse(frames)) for frames in best.tolist()]
    return texts


def exact_match(texts: Sequence[str], labels: Sequence[str]) -> float:
    """Share of the texts that equal their labels; NaN without any."""
    if not labels:
        return math.nan
    return sum(text == label for text, label in zip(texts, labels, strict=True)) / len(labels)
