"""The sides of styles.py, each on a style's test part: the peer, zero-shot, and after `model-zoo train`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from decoders.environments import BENCHMARKS, DDDDOCR, python_of
from numpy.typing import NDArray
from styles_results import Figure, Peer, Trained, ZeroShot
from styles_sets import Style, StylesError

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.decode import decode
from model_zoo.solver import Solver, load_solver

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def measure_peer(style: Style) -> tuple[Peer, ...]:
    """Both networks of ddddocr, in a process of its own with one thread.

    Raises:
        StylesError: its process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "log_probs.npz"
        files = [str(file.path) for file in style.test]
        request = {"files": files, "characters": style.characters, "out": str(out)}
        run = subprocess.run(
            [str(python_of(DDDDOCR)), str(BENCHMARKS / "styles_peer.py")],
            env=os.environ | dict.fromkeys(THREADS, "1"),
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode != 0:
            raise StylesError(f"{DDDDOCR} failed on {style.name}: {_last_words(run.stderr)}")
        answer: dict[str, Any] = json.loads(run.stdout)
        with np.load(out) as arrays:
            constrained = {name: _constrained(style, name, arrays) for name in answer["networks"]}
    return tuple(
        Peer(name, _figure(style, it["texts"], it["seconds"]), constrained[name], answer["versions"])
        for name, it in answer["networks"].items()
    )


def _constrained(style: Style, network: str, arrays: Any) -> Figure:
    frames = arrays[f"{network}_frames"]
    items = np.split(arrays[f"{network}_log_probs"], np.cumsum(frames)[:-1])
    return _figure(style, read_within(items, style))


def read_within(items: Sequence[NDArray[np.float64]], style: Style) -> list[str | None]:
    """The most probable text of each item within the style's charset and lengths, by our exact decoder.

    Args:
        items: log-probabilities (T, 1 + K) of the blank and `style.characters`, T of each its own.
        style: that says what may be answered.

    Returns:
        None where T is too small for any.
    """
    charset = Charset(style.characters)
    texts: list[str | None] = [None] * len(items)
    for frames in sorted({len(item) for item in items}):
        if frames < style.min_length:
            continue
        places = [place for place, item in enumerate(items) if len(item) == frames]
        batch = torch.from_numpy(np.stack([items[place] for place in places]))
        for place, text in zip(places, decode(batch, charset, style.constraints).texts, strict=True):
            texts[place] = text
    return texts


def measure_zero(style: Style, solver: Solver) -> ZeroShot:
    """A model that was not trained on the style, as `producer submit --model` would use it.

    Raises:
        StylesError: it was trained on the style's test images.
        ConstraintError: it knows none of the style's characters.
    """
    check_unseen(style, solver)
    plain, constrained = read_by(solver, style), read_by(solver, style, style.constraints)
    return ZeroShot(identity(solver), plain, constrained)


def read_by(solver: Solver, style: Style, constraints: Constraints | None = None) -> Figure:
    """The test part read by a model in one thread; without constraints those of its card hold."""
    torch.set_num_threads(1)
    files = [file.path for file in style.test]
    # What is compiled and allocated once is not counted.
    solver.solve(files[: solver.micro_batch], constraints)
    began = time.process_time()
    predictions = solver.solve(files, constraints)
    seconds = time.process_time() - began
    return _figure(style, [prediction.text for prediction in predictions], seconds)


def check_unseen(style: Style, solver: Solver) -> None:
    """No figure on images that a model has seen.

    Raises:
        StylesError: it was trained on some of the test part.
    """
    seen = solver.training_images
    count = 0 if seen is None else sum(seen.has_digest(file.sha256) for file in style.test)
    if count:
        raise StylesError(
            f"model {solver.card.name} was trained on {count} of the {len(style.test)} test images of "
            f"{style.name}, so it has no figure on them; choose another model, or train it anew"
        )


def measure_trained(
    style: Style, zoo: Path, minutes: float | None, again: bool, command: Sequence[str] = ()
) -> Trained:
    """The style's folder given to `model-zoo train`, and what the model that comes of it reads.

    A training that was stopped goes on; a model that is there is read and not trained anew, unless `again`.

    Args:
        style: whose test part the command leaves alone by its own rule.
        zoo: the folder that gets the model.
        minutes: for `--minutes`; None leaves it to the command.
        again: whether what an earlier run left is deleted first.
        command: what to run instead of this environment's `model-zoo`.

    Raises:
        StylesError: the command failed, or the model saw test images.
        ZooError: the model cannot be loaded.
    """
    zoo.mkdir(parents=True, exist_ok=True)
    left = [path for path in zoo.iterdir() if path.name.startswith(f"{style.name}.")]
    if again:
        for path in left:
            path.unlink()
        left = []
    card = zoo / f"{style.name}.json"
    seconds = None
    if card not in left:
        given = [*(command or _model_zoo()), "train", "--data", str(style.folder), "--name", style.name]
        given += ["--out", str(zoo), *(["--minutes", f"{minutes:g}"] if minutes is not None else [])]
        given += ["--resume"] if any(path.suffix == ".checkpoint" for path in left) else []
        began, log = time.monotonic(), zoo / f"{style.name}.log"
        with log.open("w", encoding="utf-8") as out:
            run = subprocess.run(given, stdout=out, stderr=subprocess.STDOUT, check=False)
        if run.returncode != 0:
            said = _last_words(log.read_text(encoding="utf-8", errors="replace"))
            raise StylesError(f"model-zoo train failed on {style.name}: {said} (all of it: {log})")
        seconds = round(time.monotonic() - began, 1)
    solver = load_solver(card, "cpu")
    check_unseen(style, solver)
    start = solver.card.recipe.get("start")
    figure = read_by(solver, style)
    return Trained(identity(solver), figure, None if start is None else str(start), minutes, seconds)


def identity(solver: Solver) -> str:
    """NAME@FINGERPRINT."""
    return f"{solver.card.name}@{solver.card.fingerprint}"


def _model_zoo() -> list[str]:
    beside = Path(sys.executable).parent / "model-zoo"
    return [str(beside) if beside.is_file() else "model-zoo"]


def _last_words(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1][:300] if lines else "it ended without a word"


def _figure(style: Style, texts: Sequence[str | None], seconds: float | None = None) -> Figure:
    pairs = zip(texts, style.test, strict=True)
    right = sum(style.is_right(text, file.label) for text, file in pairs)
    return Figure(right, len(style.test), None if seconds is None else round(seconds, 3))
