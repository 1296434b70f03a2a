"""What runs a model's network: torch as it is, ONNX Runtime on a CPU, or recorded passes on an NVIDIA GPU.

In float32 every runtime gives the same log-probabilities, within `graph.ABSOLUTE_TOLERANCE` and
`graph.RELATIVE_TOLERANCE`; one that does not is never used.
"""

from __future__ import annotations

import logging
from typing import Protocol

import torch
from torch import nn

from model_zoo.cards import ModelCard
from model_zoo.errors import DeviceError, ExportError
from model_zoo.runtimes.cuda import Cuda
from model_zoo.runtimes.eager import Eager

log = logging.getLogger(__name__)

RUNTIMES = ("auto", "torch", "onnxruntime", "cuda")


class Runtime(Protocol):
    """Runs one network on one device.

    Attributes:
        name: one of `RUNTIMES`, never `auto`.
    """

    @property
    def name(self) -> str: ...

    @property
    def micro_batch(self) -> int:
        """Images of one forward pass, where nobody says otherwise."""
        ...

    def log_probs(self, batch: torch.Tensor) -> torch.Tensor:
        """The forward pass; may be called by several threads at once.

        Args:
            batch: uint8 (N, 1, H, W) with N at least 1, grey; on any device.

        Returns:
            float32 (N, T, C) on the runtime's device, at temperature 1.
        """
        ...


def make_runtime(
    name: str, card: ModelCard, network: nn.Module, device: torch.device, precision: str
) -> Runtime:
    """The runtime of that name.

    Args:
        name: `torch`, `onnxruntime`, `cuda`, or `auto`: on a GPU `cuda`; on a CPU in float32 ONNX Runtime,
            where it is installed, takes the network and gives what torch gives; else torch.
            `benchmarks/runtimes.py` has the speed of those on a CPU.
        card: of the model.
        network: on the device, in evaluation mode.
        device: where it runs.
        precision: `float32` or `bfloat16`.

    Raises:
        DeviceError: another name, or a runtime where it cannot be used.
    """
    if name not in RUNTIMES:
        raise DeviceError(f"runtime {name!r} is unknown; give one of {', '.join(RUNTIMES)}")
    if name == "cuda" and device.type != "cuda":
        raise DeviceError(f"runtime 'cuda' runs on a CUDA device, not on {device}; choose auto")
    if name in ("auto", "cuda") and device.type == "cuda":
        return Cuda(card, network, device, precision)
    eager = Eager(card, network, device, precision)
    if name == "torch":
        return eager
    try:
        return _onnx(card, network, device, precision)
    except (DeviceError, ExportError) as error:
        if name == "onnxruntime":
            raise DeviceError(str(error)) from error
        log.debug("torch runs %s: %s", card.name, error)
        return eager


def _onnx(card: ModelCard, network: nn.Module, device: torch.device, precision: str) -> Runtime:
    if device.type != "cpu" or precision != "float32":
        raise DeviceError(f"runtime 'onnxruntime' runs on the CPU in float32, not on {device} in {precision}")
    try:
        from model_zoo.runtimes.onnx import Onnx

        return Onnx(card, network)
    except ModuleNotFoundError as error:
        raise DeviceError(
            f"runtime 'onnxruntime' is not installed ({error}); "
            "run pip install onnx onnxruntime, or choose torch"
        ) from error
