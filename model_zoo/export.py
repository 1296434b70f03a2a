"""A model as one ONNX file, kept only if ONNX Runtime gives the same log-probabilities.

The graph takes grey pixels as they are and normalises them itself, so there is nothing to get wrong outside:

    images     uint8 (N, 1, H, W): 0 is black, 255 is white; N is free, H and W are the card's
    log_probs  float32 (N, T, C): class 0 is the blank, class k is character k of the charset

What it does not do is what stands before and after it: reading a file, greying, resizing (bicubic), decoding.
The file's metadata hold what these need, as JSON texts under the keys of `metadata`.

torch has two exporters. The older one, by tracing, is used: it needs no further package, takes a second where
the other takes twelve, makes one LSTM node with a free batch from torch 2.6 to 2.15, and is deprecated, not
removed. What it traces wrongly would show: every file is run before it is kept.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model_zoo.atomic import check_folder, write_whole
from model_zoo.errors import ExportError
from model_zoo.frames import temper
from model_zoo.solver import Solver, load_solver

FORMATS = ("onnx",)

# The newest that torch 2.6 writes well and ONNX Runtime reads since 1.12 (2022).
_OPSET = 17
# Two log-probabilities count as the same within ABSOLUTE + RELATIVE times the value: sums in another order.
ABSOLUTE_TOLERANCE = 1e-4
RELATIVE_TOLERANCE = 1e-5
# The traced one, and another: a batch size that was baked in would show.
_BATCH_SIZES = (1, 5)


class _Graph(nn.Module):
    """The network between grey pixels and log-probabilities at the card's temperature."""

    def __init__(self, solver: Solver) -> None:
        super().__init__()
        self._network = solver.network
        self._card = solver.card

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Uint8 (N, 1, H, W) to float32 (N, T, C)."""
        normalised = (images.float() / 255 - self._card.mean) / self._card.std
        return temper(self._network(normalised), self._card.temperature)


def export(name_or_path: str | Path, out: Path, *, force: bool = False) -> float:
    """Write a model as ONNX.

    Args:
        name_or_path: as for `load_solver`.
        out: the file.
        force: replace a file that is there.

    Returns:
        The largest difference between a log-probability of ONNX Runtime and ours.

    Raises:
        ExportError: a file that is there, a network that cannot be exported, or one that gives something else
            under ONNX Runtime; then no file is kept.
        DataError: a file that cannot be written.
        ModelNotFound, CardError, WeightsMismatch: as for `load_solver`.
        ModuleNotFoundError: without onnx and onnxruntime, which the extra `export` brings.
    """
    import onnx
    import onnxruntime  # noqa: F401 - a missing one is told before anything is done

    if out.is_dir() or (out.exists() and not force):
        hint = "give the name of a file" if out.is_dir() else "give another --out, or replace it with --force"
        raise ExportError(f"{str(out)!r} exists already; {hint}")
    check_folder(out.absolute().parent)
    solver = load_solver(name_or_path, "cpu", "float32")
    model = onnx.load_from_string(_traced(solver))
    for key, value in metadata(solver).items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    difference = check(content, solver)
    write_whole(out, content)
    return difference


def metadata(solver: Solver) -> dict[str, str]:
    """What a user of the file needs besides it, each value as JSON; `temperature` is in the graph already."""
    card = solver.card
    facts = {
        "model": f"{card.name}@{card.fingerprint}",
        "charset": card.charset,
        "height": card.height,
        "width": card.width,
        "time_steps": card.time_steps,
        "mean": card.mean,
        "std": card.std,
        "temperature": card.temperature or 1.0,
        "licence": card.licence,
        "constraints": None if card.constraints is None else card.constraints.to_object(),
    }
    return {key: json.dumps(value) for key, value in facts.items()}


def check(content: bytes, solver: Solver) -> float:
    """Run a file and compare.

    Args:
        content: of the ONNX file.
        solver: of the same model, on the CPU in float32.

    Returns:
        The largest difference between two finite log-probabilities.

    Raises:
        ExportError: ONNX Runtime refuses the file or gives another shape, or a frame in which a class is
            impossible (-inf) for one of the two alone, or values that differ by more than the tolerance.
    """
    largest = 0.0
    run = _runtime(content, solver.card.name)
    for images in _probes(solver.card.height, solver.card.width):
        got, expected = run(images), solver.log_probs(torch.from_numpy(images)).numpy()
        largest = max(largest, _difference(got, expected, solver.card.name))
    return largest


def _traced(solver: Solver) -> bytes:
    card = solver.card
    example = torch.zeros((1, 1, card.height, card.width), dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), _without_graphs():
        file = Path(folder) / "model.onnx"
        try:
            # Of the exporter's age, and of branches on shapes, which do not depend on N here.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Graph(solver).eval(),
                (example,),
                file,
                dynamo=False,
                opset_version=_OPSET,
                input_names=["images"],
                output_names=["log_probs"],
                dynamic_axes={"images": {0: "N"}, "log_probs": {0: "N"}},
            )
        except (RuntimeError, torch.onnx.OnnxExporterError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ExportError(f"model {card.name!r} cannot be written as ONNX ({reason})") from error
        return file.read_bytes()


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


def _runtime(content: bytes, name: str) -> Any:
    """A function from images to log-probabilities."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what fails is raised; nothing else is worth a line
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class but this one
        raise _unlike(name, f"it is refused: {' '.join(str(error).split())[:200]}") from error

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            (found,) = session.run(["log_probs"], {"images": images})
        except Exception as error:
            raise _unlike(name, f"{len(images)} images fail: {' '.join(str(error).split())[:200]}") from error
        return np.asarray(found)

    return run


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
        raise _unlike(name, f"the shape is {got.shape}, expected {expected.shape}")
    possible = np.isfinite(expected)
    if not np.array_equal(got[~possible], expected[~possible]) or not np.isfinite(got[possible]).all():
        raise _unlike(name, "other classes are impossible (-inf)")
    difference = np.abs(got[possible] - expected[possible])
    allowed = ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * np.abs(expected[possible])
    if (difference > allowed).any():
        raise _unlike(name, f"log-probabilities differ by up to {difference.max():.2g}")
    return float(difference.max(initial=0.0))


def _unlike(name: str, what: str) -> ExportError:
    return ExportError(f"under ONNX Runtime model {name!r} is not what it is here ({what}); no file was kept")
