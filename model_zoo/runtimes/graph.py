"""A network as an ONNX graph that takes grey pixels as they are, and whether ONNX Runtime gives the same.

torch has two exporters. The older one, by tracing, is used: it needs no further package but onnx, takes a
fraction of a second where the other takes twelve, makes one LSTM node with a free batch from torch 2.6 to
2.15, and is deprecated, not removed. What it traces wrongly would show: every graph is run before it is used.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model_zoo.cards import ModelCard
from model_zoo.errors import ExportError
from model_zoo.frames import temper

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

# The newest that torch 2.6 writes well and ONNX Runtime reads since 1.12 (2022).
_OPSET = 17
# Two log-probabilities count as the same within ABSOLUTE + RELATIVE times the value: sums in another order.
ABSOLUTE_TOLERANCE = 1e-4
RELATIVE_TOLERANCE = 1e-5
# The traced one, and another: a batch size that was baked in would show.
_BATCH_SIZES = (1, 5)
INPUT, OUTPUT = "images", "log_probs"


class _Graph(nn.Module):
    """The network between grey pixels and log-probabilities."""

    def __init__(self, card: ModelCard, network: nn.Module, temperature: float | None) -> None:
        super().__init__()
        self._network = network
        self._card = card
        self._temperature = temperature

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Uint8 (N, 1, H, W) to float32 (N, T, C)."""
        normalised = (images.float() / 255 - self._card.mean) / self._card.std
        return temper(self._network(normalised), self._temperature)


def traced(card: ModelCard, network: nn.Module, temperature: float | None) -> bytes:
    """The ONNX file of a network.

    Args:
        card: of the model.
        network: on the CPU, in evaluation mode.
        temperature: that its log-probabilities have; None for 1.

    Raises:
        ExportError: a network that torch cannot export.
        ModuleNotFoundError: without onnx.
    """
    import onnx  # noqa: F401 - torch would call its absence a failure of the export

    example = torch.zeros((1, 1, card.height, card.width), dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), _without_graphs():
        file = Path(folder) / "model.onnx"
        try:
            # Of the exporter's age, and of branches on shapes, which do not depend on N here.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Graph(card, network, temperature).eval(),
                (example,),
                file,
                dynamo=False,
                opset_version=_OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "N"}, OUTPUT: {0: "N"}},
            )
        except (RuntimeError, torch.onnx.OnnxExporterError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ExportError(f"model {card.name!r} cannot be written as ONNX ({reason})") from error
        return file.read_bytes()


def open_session(content: bytes, threads: int, name: str) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU.

    Args:
        content: of the ONNX file.
        threads: that one run uses.
        name: of the model.

    Raises:
        ExportError: ONNX Runtime refuses the file.
        ModuleNotFoundError: without onnxruntime.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait would take the cores from image decoding and CTC decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what fails is raised; nothing else is worth a line
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class but this one
        raise unlike(name, f"it is refused: {' '.join(str(error).split())[:200]}") from error


def running(session: Any, name: str) -> Run:
    """A function from images uint8 (N, 1, H, W) to log-probabilities (N, T, C); raises ExportError."""

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            (found,) = session.run([OUTPUT], {INPUT: images})
        except Exception as error:
            raise unlike(name, f"{len(images)} images fail: {' '.join(str(error).split())[:200]}") from error
        return np.asarray(found)

    return run


def compare(run: Run, expected: Callable[[torch.Tensor], torch.Tensor], card: ModelCard) -> float:
    """Run a graph on made-up images and hold its log-probabilities against torch's.

    Args:
        run: of the graph.
        expected: what torch gives, on the CPU in float32.
        card: of the model.

    Returns:
        The largest difference between two finite log-probabilities.

    Raises:
        ExportError: another shape, a frame in which a class is impossible (-inf) for one of the two alone, or
            values that differ by more than the tolerance.
    """
    largest = 0.0
    for images in _probes(card.height, card.width):
        got, wanted = run(images), expected(torch.from_numpy(images)).numpy()
        largest = max(largest, _difference(got, wanted, card.name))
    return largest


def unlike(name: str, what: str) -> ExportError:
    """Why a graph is not used."""
    return ExportError(f"under ONNX Runtime model {name!r} is not what it is here ({what})")


@contextmanager
def _without_graphs() -> Iterator[None]:
    """Let nothing reach the standard output: where a graph fails, torch prints all of it there."""
    flush = ctypes.CDLL(None).fflush  # what C has not written yet would come out later
    sys.stdout.flush()
    flush(None)
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        flush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _probes(height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    """Noise, black, white, a ramp, and noise again, in batches of `_BATCH_SIZES`: (N, 1, H, W)."""
    source = np.random.default_rng(0)
    for size in _BATCH_SIZES:
        images = source.integers(0, 256, (size, 1, height, width), np.uint8)
        images[1:2], images[2:3] = 0, 255
        images[3:4] = np.linspace(0, 255, width).astype(np.uint8)
        yield images


def _difference(got: NDArray[np.float32], expected: NDArray[np.float32], name: str) -> float:
    if got.shape != expected.shape:
        raise unlike(name, f"the shape is {got.shape}, expected {expected.shape}")
    possible = np.isfinite(expected)
    if not np.array_equal(got[~possible], expected[~possible]) or not np.isfinite(got[possible]).all():
        raise unlike(name, "other classes are impossible (-inf)")
    difference = np.abs(got[possible] - expected[possible])
    allowed = ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * np.abs(expected[possible])
    if (difference > allowed).any():
        raise unlike(name, f"log-probabilities differ by up to {difference.max():.2g}")
    return float(difference.max(initial=0.0))
