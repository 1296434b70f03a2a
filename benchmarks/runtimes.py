"""What runs the forward pass fastest on one CPU core, and whether it still answers the same.

    .venv/bin/python benchmarks/runtimes.py --json docs/runs/performance/runtimes.json      # ten minutes
    .venv/bin/python benchmarks/runtimes.py --models nano --only "ONNX Runtime" --rounds 3

The 200 example captchas are read by every candidate in turn, on one thread, in micro-batches of 32. `texts`
are the answers that differ from torch's in float32, `probability` is the largest difference of two
probabilities of the same text. OpenVINO is measured where it is installed (`.venv/bin/uv pip install
openvino`); nothing of ours needs it.

Exit codes: 0; 2 for wrong options.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from speed.common import add_options, describe, in_turns, ratio, table, this_machine, write

from model_zoo.decode import decode
from model_zoo.errors import ZooError
from model_zoo.frames import temper
from model_zoo.runtimes.graph import INPUT, open_session, running, traced
from model_zoo.solver import Solver, load_solver

EXAMPLES = Path(__file__).parent.parent / "examples" / "captchas"
MICRO_BATCH = 32
# What is shipped where ONNX Runtime cannot be used, and what every other is held against.
PLAIN = "torch, channels last"
NAMES = (
    *("torch", PLAIN, "torch, bfloat16", "torch.compile"),
    *("ONNX Runtime", "ONNX Runtime, int8", "OpenVINO, f32", "OpenVINO, bf16"),
)

Pixels = NDArray[np.uint8]
Forward = Callable[[Pixels], torch.Tensor]


@dataclass(frozen=True)
class Agreement:
    """What a candidate answers, beside torch in float32.

    Attributes:
        texts: answers that are another text.
        probability: the largest difference of two probabilities of the same text.
    """

    texts: int
    probability: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    machine = this_machine()
    torch.set_num_threads(1)
    print(describe(machine))
    figures: dict[str, Any] = {"models": []}
    for name in options.models:
        try:
            solver = load_solver(name, "cpu", "float32", "torch")
        except ZooError as error:
            print(f"runtimes.py: {error}", file=sys.stderr)
            return 2
        figures["models"].append(measure(solver, options.rounds, options.images, options.only))
        print(f"\n{name}\n\n{show(figures['models'][-1])}")
    write(options.json, "runtimes", machine, figures)
    return 0


def measure(solver: Solver, rounds: int, images: int, only: Sequence[str] = ()) -> dict[str, Any]:
    """Images a second of every candidate, and what it answers.

    Args:
        solver: of the model, under torch.
        rounds: of which medians are told.
        images: of the examples.
        only: these candidates, and the plain one; empty for all.
    """
    pixels, _ = solver.preprocess(sorted(EXAMPLES.glob("*.png"))[:images])
    batch = pixels.numpy()
    wanted = {PLAIN, *(only or NAMES)}
    forwards = {name: make() for name, make in candidates(solver, batch) if name in wanted}
    found = {name: agreement(solver, forwards[PLAIN](batch), run(batch)) for name, run in forwards.items()}
    speeds = in_turns({name: _timed(run, batch) for name, run in forwards.items()}, rounds)
    return {
        "model": f"{solver.card.name}@{solver.card.fingerprint}",
        "images": len(batch),
        "candidates": [
            {
                "name": name,
                "images_per_second": speeds[name].to_object(),
                "ratio": ratio(speeds[name], speeds[PLAIN]).to_object(),
                "texts": found[name].texts,
                "probability": found[name].probability,
            }
            for name in forwards
        ],
    }


def agreement(solver: Solver, plain: torch.Tensor, other: torch.Tensor) -> Agreement:
    """How far the answers of two forward passes, (N, T, C) each, are apart."""
    a, b = (decode(temper(it, solver.card.temperature), solver.charset) for it in (plain, other))
    same = [one == two for one, two in zip(a.texts, b.texts, strict=True)]
    apart = np.abs(np.exp(a.log_probs[:, 0]) - np.exp(b.log_probs[:, 0]))[same]
    return Agreement(same.count(False), float(apart.max(initial=0.0)))


def candidates(solver: Solver, batch: Pixels) -> Iterator[tuple[str, Callable[[], Forward]]]:
    """Every way to run the network that is installed here, and how it is made ready."""
    name = solver.card.name
    content = cache(lambda: traced(solver.card, solver.network, None))
    yield NAMES[0], lambda: _as_torch_runs(load_solver(name, "cpu", runtime="torch"))
    yield PLAIN, lambda: _eager(solver)
    yield NAMES[2], lambda: _eager(load_solver(name, "cpu", "bfloat16"))
    yield NAMES[3], lambda: _compiled(solver)
    yield NAMES[4], lambda: _session(content(), name)
    yield NAMES[5], lambda: _session(_quantised(content(), batch), name)
    if find_spec("openvino") is not None:
        yield NAMES[6], lambda: _openvino(content(), "f32")
        yield NAMES[7], lambda: _openvino(content(), "bf16")


def show(figures: dict[str, Any]) -> str:
    """A table of one model."""
    rows = [
        [
            it["name"],
            f"{it['images_per_second']['median']:,.0f}",
            f"{it['ratio']['median']:.2f}",
            str(it["texts"]),
            f"{it['probability']:.1g}",
        ]
        for it in figures["candidates"]
    ]
    return table(["runtime", "images/s", f"x {PLAIN}", "texts", "probability"], rows)


def _timed(run: Forward, batch: Pixels) -> Callable[[], float]:
    parts = [batch[start : start + MICRO_BATCH] for start in range(0, len(batch), MICRO_BATCH)]

    def images_per_second() -> float:
        started, passes = time.perf_counter(), 0
        while time.perf_counter() - started < 1.0:
            for part in parts:
                run(part)
            passes += 1
        return passes * len(batch) / (time.perf_counter() - started)

    return images_per_second


def _eager(solver: Solver) -> Forward:
    return lambda part: solver.runtime.log_probs(torch.from_numpy(part))


def _as_torch_runs(solver: Solver) -> Forward:
    network = solver.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(part: Pixels) -> torch.Tensor:
        output: torch.Tensor = network(_normalised(solver, part))
        return output.float()

    return run


def _compiled(solver: Solver) -> Forward:
    network = torch.compile(solver.network, dynamic=True)

    @torch.inference_mode()
    def run(part: Pixels) -> torch.Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = _normalised(solver, part).contiguous(memory_format=torch.channels_last)
            output: torch.Tensor = network(pixels)
        return output.float()

    return run


def _normalised(solver: Solver, part: Pixels) -> torch.Tensor:
    return (torch.from_numpy(part).float() / 255 - solver.card.mean) / solver.card.std


def _session(content: bytes, name: str) -> Forward:
    run = running(open_session(content, 1, name), name)
    return lambda part: torch.from_numpy(run(part))


def _quantised(content: bytes, batch: Pixels) -> bytes:
    """Weights and activations of convolutions and products in 8 bits, their ranges from the images."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._parts = iter([{INPUT: batch[:MICRO_BATCH]}])

        def get_next(self) -> dict[str, Pixels] | None:
            return next(self._parts, None)

    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        plain.write_bytes(content)
        quantize_static(
            plain,
            small,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MatMul"],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
        return small.read_bytes()


def _openvino(content: bytes, precision: str) -> Forward:
    openvino = import_module("openvino")
    core = openvino.Core()
    model = core.compile_model(
        core.read_model(content),
        "CPU",
        {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision},
    )
    request = model.create_infer_request()
    return lambda part: torch.from_numpy(np.array(request.infer({0: part})[0]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--models", nargs="+", default=["kaptcha", "nano", "generic"], metavar="NAME", help="to measure"
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, default=(), help="these, and the plain one")
    parser.add_argument("--images", type=int, default=200, help="of the examples (default all 200)")
    add_options(parser, rounds=5)
    return parser


if __name__ == "__main__":
    sys.exit(main())
