"""ONNX Runtime on the CPU: the network as one graph, in one call that holds no interpreter lock."""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch import nn

from model_zoo.cards import ModelCard
from model_zoo.runtimes.eager import CPU_MICRO_BATCH, Eager
from model_zoo.runtimes.graph import compare, open_session, running, traced


class Onnx:
    """A network under ONNX Runtime, with as many threads a forward pass as torch has.

    Args:
        card: of the model.
        network: on the CPU, in evaluation mode.

    Raises:
        ExportError: a network that cannot be exported, or that gives something else here than under torch.
        ModuleNotFoundError: without onnx and onnxruntime.
    """

    name = "onnxruntime"
    micro_batch = CPU_MICRO_BATCH

    def __init__(self, card: ModelCard, network: nn.Module) -> None:
        self._card = card
        self._content = traced(card, network, None)
        self._sessions: dict[int, Any] = {}
        self._lock = threading.Lock()
        session = self._session()
        eager = Eager(card, network, torch.device("cpu"), "float32")
        compare(running(session, card.name), eager.log_probs, card)

    def log_probs(self, batch: torch.Tensor) -> torch.Tensor:
        """Uint8 (N, 1, H, W) to float32 (N, T, C)."""
        return torch.from_numpy(running(self._session(), self._card.name)(batch.cpu().numpy()))

    def _session(self) -> Any:
        threads = torch.get_num_threads()
        with self._lock:
            if threads not in self._sessions:
                self._sessions[threads] = open_session(self._content, threads, self._card.name)
            return self._sessions[threads]
