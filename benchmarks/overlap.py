"""Whether image decoding and CTC decoding hide behind a GPU's forward pass: with a stand-in for the GPU.

    .venv/bin/python benchmarks/overlap.py --json docs/runs/performance/overlap.json

The stand-in takes a batch, waits as long as a device of so many images a second would, keeps no core busy
meanwhile, and gives log-probabilities that were computed before. Everything else is `Solver.solve` as it is
with a GPU: threads that decode images, the thread that owns the device, threads that decode CTC. It cannot be
faster than its slowest part: the device, or image and CTC decoding together, which share the cores. Each rate
of the device is told overlapped, and one stage after the other; sides take turns, figures are medians.

Exit codes: 0; 2 for wrong options, or without images.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
from speed.common import Runs, add_options, describe, in_turns, ratio, table, this_machine, write

from model_zoo.decode import decode
from model_zoo.errors import ZooError
from model_zoo.pipeline import PIECE
from model_zoo.solver import Solver, load_solver

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("CAPTCHAFLEET_DATA", ROOT / "../shared/data")) / "captcha_images_v2"
EXAMPLES = ROOT / "examples" / "captchas"
IMAGES = 512
D, C, HIDDEN, PLAIN = "image decoding", "CTC decoding", "overlapped", "one after the other"
GOAL = 0.9


class StandIn:
    """A device of so many images a second, which gives log-probabilities that it was given.

    Args:
        frames: (N, T, C), given out over and over.
        rate: images a second.
        micro_batch: images of one pass.
    """

    name = "stand-in"

    def __init__(self, frames: torch.Tensor, rate: float, micro_batch: int) -> None:
        self.micro_batch = micro_batch
        self._frames, self._rate = frames, rate
        self._busy = threading.Lock()

    def log_probs(self, batch: torch.Tensor) -> torch.Tensor:
        """After the time that so many images take."""
        with self._busy:
            time.sleep(len(batch) / self._rate)
        return self._frames[torch.arange(len(batch)) % len(self._frames)]


class Bench:
    """A model whose network is replaced, and images to read.

    Args:
        model: a name or path for the zoo.
        files: images' bytes.
        threads: that decode images, and torch's.
        micro_batch: images of one forward pass.
        seconds: that one measurement takes the device, about.
    """

    def __init__(
        self, model: str, files: Sequence[bytes], threads: int, micro_batch: int, seconds: float
    ) -> None:
        self.solver: Solver = load_solver(model, "cpu", runtime="torch")
        self._files, self._threads = list(files), threads
        self._micro_batch, self._seconds = micro_batch, seconds
        pixels, _ = self.solver.preprocess(self._files)
        self._frames = torch.cat([self.solver.runtime.log_probs(part) for part in pixels.split(32)])
        self.solver.use_threads(threads)

    def solve(self, rate: float, overlaps: bool) -> float:
        """Images a second of `Solver.solve` with a device of that rate."""
        self.solver.runtime = StandIn(self._frames, rate, self._micro_batch)
        self.solver.overlaps = overlaps
        # One after the other means that: not several parts at once, as on a CPU.
        self.solver.use_threads(self._threads if overlaps else 1)
        return self._rate(self.solver.solve, rate)

    def images(self) -> float:
        """Of image decoding alone, by all threads."""

        def read(files: Sequence[bytes]) -> None:
            pieces = [files[start : start + PIECE] for start in range(0, len(files), PIECE)]
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(self.solver.preprocess, pieces))

        return self._rate(read, 10_000)

    def ctc(self) -> float:
        """Of CTC decoding alone, from log-probabilities to answers, by as many threads."""

        def read(files: Sequence[bytes]) -> None:
            size = max(1, -(-len(files) // self._threads))
            parts = [self._frames[torch.arange(size) % len(self._frames)]] * self._threads
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(lambda part: list(decode(part, self.solver.charset)), parts))

        return self._rate(read, 100_000)

    def _rate(self, work: Any, rate: float) -> float:
        files = list(islice(cycle(self._files), max(len(self._files), int(rate * self._seconds))))
        began = time.perf_counter()
        work(files)
        return len(files) / (time.perf_counter() - began)


def measure(bench: Bench, rates: Sequence[float], rounds: int) -> dict[str, Any]:
    """Every side in turns; what `show` takes."""
    sides = {
        f"{how} {rate:g}": partial(bench.solve, rate, how == HIDDEN)
        for rate in rates
        for how in (HIDDEN, PLAIN)
    }
    found = in_turns({D: bench.images, C: bench.ctc, **sides}, rounds)
    # Image and CTC decoding share the cores, and the device has none.
    cpu = Runs(tuple(1 / (1 / d + 1 / c) for d, c in zip(found[D].values, found[C].values, strict=True)))
    points = []
    for rate in rates:
        bound = Runs(tuple(min(rate, value) for value in cpu.values))
        by_side = {how: found[f"{how} {rate:g}"] for how in (HIDDEN, PLAIN)}
        points.append(
            {
                "device": rate,
                "bound": bound.to_object(),
                **{how: runs.to_object() for how, runs in by_side.items()},
                "over_bound": {how: ratio(runs, bound).to_object() for how, runs in by_side.items()},
            }
        )
    worst = min(point["over_bound"][HIDDEN]["median"] for point in points)
    return {D: found[D].to_object(), C: found[C].to_object(), "points": points, "worst": worst}


def show(content: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [
        [
            f"{point['device']:,.0f}",
            *(f"{point[key]['median']:,.0f}" for key in ("bound", HIDDEN, PLAIN)),
            *(f"{point['over_bound'][how]['median']:.2f}" for how in (HIDDEN, PLAIN)),
        ]
        for point in content["points"]
    ]
    header = ["the device", "slowest part", HIDDEN, PLAIN, f"{HIDDEN} / slowest", f"{PLAIN} / slowest"]
    return (
        f"Images a second; {D} alone {content[D]['median']:,.0f}, {C} alone {content[C]['median']:,.0f}:\n\n"
        f"{table(header, rows)}\n\nAt worst {content['worst']:.2f} of the slowest part; goal {GOAL}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    machine = this_machine()
    folder = DATA if DATA.is_dir() else EXAMPLES
    paths = sorted(folder.glob("*.png"))[:IMAGES]
    if not paths:
        print(
            f"overlap.py: no images in {folder}; set CAPTCHAFLEET_DATA to the folder with captcha_images_v2/",
            file=sys.stderr,
        )
        return 2
    threads = options.threads or machine.cores
    try:
        files = [path.read_bytes() for path in paths[: options.images]]
        bench = Bench(options.model, files, threads, options.micro_batch, options.seconds)
    except ZooError as error:
        print(f"overlap.py: {error}", file=sys.stderr)
        return 2
    content = {"model": options.model, "threads": threads, **measure(bench, options.rates, options.rounds)}
    print(f"{describe(machine)}; {options.model}, {threads} threads\n\n{show(content)}")
    write(options.json, "overlap", machine, content)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="kaptcha", help="name or path (default kaptcha)")
    parser.add_argument(
        "--rates",
        type=float,
        nargs="+",
        default=[2_000, 5_000, 10_000, 20_000, 100_000],
        metavar="N",
        help="images a second of the device (default 2000 5000 10000 20000 100000)",
    )
    parser.add_argument("--threads", type=int, help="that decode images (default: one a core)")
    parser.add_argument("--micro-batch", type=int, default=1024, help="images of one pass (default 1024)")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"different ones (default {IMAGES})")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a measurement (default 2)")
    add_options(parser, rounds=5)
    return parser


if __name__ == "__main__":
    sys.exit(main())
