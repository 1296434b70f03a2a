"""What a network costs: parameters and floating-point operations."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def count_parameters(network: nn.Module) -> int:
    """Learned numbers of `network`."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: nn.Module, height: int, width: int) -> tuple[int, int]:
    """Operations of one image, 2 per multiply-add, over convolutions, linear and LSTM layers.

    Normalisation, activations and sums are left out, as is usual: they are under 2 % here.

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
        if isinstance(layer, nn.Conv2d):
            multiply_adds += layer.weight.numel() * output.shape[-2] * output.shape[-1]
        elif isinstance(layer, nn.Linear):
            multiply_adds += layer.weight.numel() * (output.numel() // output.shape[-1])
        elif isinstance(layer, nn.LSTM):
            matrices = sum(weight.numel() for weight in layer.parameters() if weight.dim() == 2)
            multiply_adds += matrices * inputs[0].shape[1]  # (1, T, features): each matrix once per frame

    hooks = [layer.register_forward_hook(count) for layer in network.modules()]
    training = network.training
    try:
        with torch.inference_mode():
            frames = network.eval()(torch.zeros(1, 1, height, width)).shape[1]
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
    return 2 * multiply_adds, frames
