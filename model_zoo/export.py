"""A model as one ONNX file, kept only if ONNX Runtime gives the same log-probabilities.

The graph takes grey pixels as they are and normalises them itself, so there is nothing to get wrong outside:

    images     uint8 (N, 1, H, W): 0 is black, 255 is white; N is free, H and W are the card's
    log_probs  float32 (N, T, C): class 0 is the blank, class k is character k of the charset

What it does not do is what stands before and after it: reading a file, greying, resizing (bicubic), decoding.
The file's metadata hold what these need, as JSON texts under the keys of `metadata`.

How it is made, and what is held against torch before a file is kept, is in `model_zoo.runtimes.graph`.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from model_zoo.atomic import check_folder, write_whole
from model_zoo.errors import ExportError
from model_zoo.runtimes.graph import compare, open_session, running, traced
from model_zoo.solver import Solver, load_solver

FORMATS = ("onnx",)


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
        ModuleNotFoundError: without onnx and onnxruntime, which the extra `worker` brings.
    """
    import onnx
    import onnxruntime  # noqa: F401 - a missing one is told before anything is done

    if out.is_dir() or (out.exists() and not force):
        hint = "give the name of a file" if out.is_dir() else "give another --out, or replace it with --force"
        raise ExportError(f"{str(out)!r} exists already; {hint}")
    check_folder(out.absolute().parent)
    solver = load_solver(name_or_path, "cpu", "float32", "torch")
    model = onnx.load_from_string(traced(solver.card, solver.network, solver.card.temperature))
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
        solver: of the same model, on the CPU in float32 under torch.

    Returns:
        The largest difference between two finite log-probabilities.

    Raises:
        ExportError: ONNX Runtime refuses the file or gives another shape, or a frame in which a class is
            impossible (-inf) for one of the two alone, or values that differ by more than the tolerance.
    """
    name = solver.card.name
    try:
        run = running(open_session(content, torch.get_num_threads(), name), name)
        return compare(run, solver.log_probs, solver.card)
    except ExportError as error:
        raise ExportError(f"{error}; no file was kept") from error
