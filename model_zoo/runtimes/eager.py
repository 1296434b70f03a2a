"""Torch as it is, on any device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from model_zoo.cards import ModelCard

# Images of one forward pass: where one CPU core is fastest, and where a data-centre GPU is busy.
CPU_MICRO_BATCH = 32
_CUDA_MICRO_BATCH = 1024


class Eager:
    """A network run operation by operation.

    Args:
        card: of the model, for its normalisation.
        network: on the device, in evaluation mode; channels last is 1.4 times as fast on a CPU core.
        device: where it runs.
        precision: `float32` or `bfloat16`, by autocast.
    """

    name = "torch"

    def __init__(self, card: ModelCard, network: nn.Module, device: torch.device, precision: str) -> None:
        self._card = card
        self._network = network
        self._device = device
        self._precision = precision

    @property
    def micro_batch(self) -> int:
        """Images of one forward pass, where nobody says otherwise."""
        return _CUDA_MICRO_BATCH if self._device.type == "cuda" else CPU_MICRO_BATCH

    def log_probs(self, batch: torch.Tensor) -> torch.Tensor:
        """Uint8 (N, 1, H, W) to float32 (N, T, C) on the device."""
        pixels = batch.to(self._device, non_blocking=True).float()
        normalised = (pixels / 255 - self._card.mean) / self._card.std
        with torch.inference_mode(), self._autocast():
            output: torch.Tensor = self._network(normalised.contiguous(memory_format=torch.channels_last))
        return output.float()

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._precision == "float32":
            return nullcontext()
        # Each weight is used once a pass: a cache of cast ones would only outlive a recorded pass.
        return torch.autocast(self._device.type, dtype=torch.bfloat16, cache_enabled=False)
