"""What both sides say of a network, so that the two can be compared. Needs torch and numpy, runs in both.

Tensors are compared in the order of the state dict: names differ between the sides, their order does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

# As in the post: the image, the positions, the classes.
HEIGHT, WIDTH, POSITIONS, CLASSES = 50, 200, 5, 20
NETWORKS = ("xresnet34-pool", "xresnet34-flat", "crnn-resnet34")
# The post's run: 936 images in whole batches of 8.
EPOCHS, BATCHES, PEAK = 60, 117, 3e-3
# Steps of an optimizer on a handful of numbers.
OPTIMIZER_STEPS = 60


def images() -> torch.Tensor:
    """Two grey images, the same ones on both sides: (2, 1, 50, 200)."""
    return torch.from_numpy(np.random.default_rng(0).random((2, 1, HEIGHT, WIDTH), dtype=np.float32))


def describe(
    network: nn.Module, read: Callable[[], torch.Tensor], part_of: Callable[[str], str]
) -> dict[str, Any]:
    """A fresh network's tensors, then its output with weights that both sides have.

    Args:
        network: as it was made; its weights are replaced.
        read: its output on `images()`, (2, L, C) or (2, T, C).
        part_of: the part of a tensor, from its name.

    Returns:
        `tensors` (part, kind, shape, learned, mean, std, peak), `output_shape`, `output`.
    """
    learned = {name for name, _ in network.named_parameters()}
    tensors = [
        {"part": part_of(name), "learned": name in learned, **_statistics(name, tensor)}
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    ]
    fill(network)
    with torch.inference_mode():
        output = read()
    return {"tensors": tensors, "output_shape": list(output.shape), "output": output.flatten().tolist()}


def _statistics(name: str, tensor: torch.Tensor) -> dict[str, Any]:
    """Of one tensor; `peak` is its largest value in deviations: 1.7 if they are uniform, over 3 if normal."""
    values = tensor.double()
    std = float(values.std(correction=0))
    peak = float((values - values.mean()).abs().max()) / std if std else 0.0
    kind = name.rpartition(".")[2].removesuffix("_reverse")
    return {
        "kind": kind, "shape": list(tensor.shape), "mean": float(values.mean()), "std": std, "peak": peak,
    }  # fmt: skip


@torch.no_grad()
def fill(network: nn.Module) -> None:
    """Give a network weights that depend on the order and shape of its tensors alone."""
    network.eval()
    for number, (name, tensor) in enumerate(network.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        drawn = torch.from_numpy(np.random.default_rng(number).standard_normal(tuple(tensor.shape)))
        if name.endswith("running_var"):
            drawn = 1 + drawn.abs()
        elif tensor.dim() == 1:
            drawn = 0.1 * drawn + (0.7 if name.endswith("weight") else 0)
        else:
            drawn = drawn * math.sqrt(2 / tensor[0].numel())
        tensor.copy_(drawn)


def gradients() -> torch.Tensor:
    """Gradients of five numbers for some steps of an optimizer, (steps, 5), of very different sizes."""
    drawn = np.random.default_rng(1).standard_normal((OPTIMIZER_STEPS, 5))
    return torch.from_numpy(drawn * np.logspace(-6, 1, 5)).float()


def logits_and_targets() -> tuple[torch.Tensor, torch.Tensor]:
    """(8, 5, 20) logits and (8, 5) classes from 1 to 19."""
    source = np.random.default_rng(2)
    logits = source.standard_normal((8, POSITIONS, CLASSES)).astype(np.float32)
    return torch.from_numpy(logits), torch.from_numpy(source.integers(1, CLASSES, (8, POSITIONS)))
