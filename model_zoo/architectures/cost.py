"""What a network costs: parameters and floating-point operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from model_zoo.architectures import build


@dataclass(frozen=True)
class Cost:
    """What one kind of network takes.

    Attributes:
        parameters: learned numbers.
        flops: operations of one image, see `count_flops`.
        time_steps: T, the frames of its output.
    """

    parameters: int
    flops: int
    time_steps: int

    @property
    def weights_mb(self) -> float:
        """Its weights file, in millions of bytes: 4 a parameter."""
        return 4 * self.parameters / 1e6


def cost_of(architecture: str, *, n_classes: int, height: int, width: int) -> Cost:
    """The cost of an architecture with its default options; nothing is computed for it."""
    with torch.device("meta"):
        network = build(architecture, {}, n_classes=n_classes, height=height, width=width)
    return Cost(count_parameters(network), *count_flops(network, height, width))


def count_parameters(network: nn.Module) -> int:
    """Learned numbers of `network`."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: nn.Module, height: int, width: int) -> tuple[int, int]:
    """Operations of one image, 2 per multiply-add, over convolutions, linear and recurrent layers.

    Normalisation, activations and sums are left out, as is usual: they are under 2 % here. Only shapes count,
    so a network on torch's `meta` device, which computes nothing, will do.

    Args:
        network: takes (N, 1, H, W), gives (N, T, C).
        height: H of the input.
        width: W of the input.

    Returns:
        (operations, T).
    """
    multiply_adds = 0

    def count(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: Any) -> None:
        nonlocal multiply_adds
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            multiply_adds += layer.weight.numel() * output[0, 0].numel()
        elif isinstance(layer, nn.Linear):
            multiply_adds += layer.weight.numel() * (output.numel() // output.shape[-1])
        elif isinstance(layer, nn.RNNBase):
            matrices = sum(weight.numel() for weight in layer.parameters() if weight.dim() == 2)
            # One image, so (1, T, features) or (T, 1, features): each matrix once per frame.
            multiply_adds += matrices * inputs[0][..., 0].numel()

    hooks = [layer.register_forward_hook(count) for layer in network.modules()]
    training = network.training
    device = next((parameter.device for parameter in network.parameters()), None)
    try:
        with torch.inference_mode():
            frames = network.eval()(torch.zeros(1, 1, height, width, device=device)).shape[1]
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
    return 2 * multiply_adds, frames
