"""What a network is trained to make small: CTC over frames, or cross entropy over positions.

A network with `positions` gives (N, L, C) logits, one row a character; class 0 there means that the text has
ended. All others give (N, T, C) log-probabilities of frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from model_zoo.charset import BLANK_ID, Charset
from model_zoo.training.recipe import Recipe


def has_positions(network: nn.Module) -> bool:
    """Whether `network` answers position by position, not frame by frame."""
    return hasattr(network, "positions")


def image_losses(
    output: torch.Tensor, labels: Sequence[str], charset: Charset, recipe: Recipe, *, positional: bool
) -> torch.Tensor:
    """The loss of every image, (N,), float32, on the output's device.

    Args:
        output: logits (N, L, C) of positions, or log-probabilities (N, T, C) of frames.
        labels: N texts.
        charset: gives their class ids.
        recipe: names smoothing and scale.
        positional: which of the two `output` is.
    """
    if positional:
        return position_losses(output, labels, charset, recipe.label_smoothing)
    losses = ctc_losses(output, labels, charset)
    if not recipe.loss_per_character:
        return losses
    return losses / torch.tensor([max(1, len(label)) for label in labels], device=losses.device)


def ctc_losses(log_probs: torch.Tensor, labels: Sequence[str], charset: Charset) -> torch.Tensor:
    """The negative log-probability of each label, (N,).

    Counted on the CPU: the gradient of torch's CUDA kernel differs from call to call; the tensors are small.

    Args:
        log_probs: (N, T, C).
        labels: N texts.
        charset: gives their class ids.
    """
    targets = torch.tensor([class_id for label in labels for class_id in charset.encode(label)])
    frames = torch.full((len(labels),), log_probs.shape[1])
    lengths = torch.tensor([len(label) for label in labels])
    # ctc_loss alone wants (T, N, C)
    by_frame = log_probs.float().cpu().transpose(0, 1)
    losses = F.ctc_loss(by_frame, targets, frames, lengths, BLANK_ID, reduction="none")
    return losses.to(log_probs.device)


def position_losses(
    logits: torch.Tensor, labels: Sequence[str], charset: Charset, smoothing: float
) -> torch.Tensor:
    """The mean cross entropy of the positions, (N,), with smoothed labels.

    Szegedy et al. (2016), Rethinking the Inception architecture, arXiv:1512.00567, section 7.

    Args:
        logits: (N, L, C); log-probabilities give the same.
        labels: N texts of at most L characters; class 0 fills the rest.
        charset: gives their class ids.
        smoothing: share of the right class that is spread over all classes.
    """
    wanted = position_targets(labels, charset, logits.shape[1]).to(logits.device)
    by_class = logits.float().transpose(1, 2)  # cross_entropy alone wants (N, C, L)
    return F.cross_entropy(by_class, wanted, label_smoothing=smoothing, reduction="none").mean(1)


def position_targets(labels: Sequence[str], charset: Charset, positions: int) -> torch.Tensor:
    """The class ids of each position, (N, L), padded with class 0; no label is longer than `positions`."""
    padding = [BLANK_ID] * positions
    return torch.tensor([(charset.encode(label) + padding)[:positions] for label in labels])
