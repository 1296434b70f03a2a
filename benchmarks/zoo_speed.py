"""Accuracy against speed for every model of the zoo: a table, and docs/speed.png.

    python benchmarks/zoo_speed.py --json docs/runs/speed.json                 # the built-in zoo
    python benchmarks/zoo_speed.py --model kaptcha --model zoo/pair.json       # these instead

Each model reads the same images from bytes in memory (decode, resize, forward pass, exact CTC decoding) in
this process, on one thread; the models take turns, and the figure is the median of several turns. Ratios are
against the first model. Accuracy is what the card says: out of fold where it does, else on the test part.

Exit codes: 0 done, 1 no such model.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from model_zoo.cards import ModelCard, available_models
from model_zoo.errors import ZooError
from model_zoo.generators.folder import write_examples
from model_zoo.solver import Solver, load_solver

IMAGES, TURNS = 512, 7
PICTURE = Path(__file__).parent.parent / "docs/speed.png"


@dataclass(frozen=True)
class Entry:
    """A model's place in the plot.

    Attributes:
        name: of the model.
        parameters: learned numbers.
        mflop: millions of operations an image.
        images_per_second: median.
        ratio: of that to the first model's.
        exact_match: worst seed's share; None where the card says nothing.
        low: lower end of its 95 % Wilson interval.
        high: upper end.
        measured_on: where that comes from.
    """

    name: str
    parameters: int
    mflop: float
    images_per_second: float
    ratio: float
    exact_match: float | None
    low: float | None
    high: float | None
    measured_on: str


def measure(solvers: Sequence[Solver], images: Sequence[bytes], turns: int) -> list[float]:
    """Images a second of each solver."""
    seconds: list[list[float]] = [[] for _ in solvers]
    for solver in solvers:
        solver.solve(images[:64], decoder="exact")  # warm up
    for _ in range(turns):
        for solver, taken in zip(solvers, seconds, strict=True):
            began = time.perf_counter()
            solver.solve(images, decoder="exact")
            taken.append(time.perf_counter() - began)
    return [len(images) / statistics.median(taken) for taken in seconds]


def honest_figure(card: ModelCard) -> tuple[float | None, float | None, float | None, str]:
    """The worst seed out of fold, else the test part with the exact decoder: share, interval, where from."""
    for part in ("out-of-fold", "test"):
        rows = [it for it in card.accuracy if (it.part, it.decoder, it.constraints) == (part, "exact", None)]
        if rows:
            worst = min(rows, key=lambda it: it.value)
            return worst.value, worst.low, worst.high, f"{part}, n = {worst.n}"
    return None, None, None, "nothing"


def speed_table(entries: Sequence[Entry]) -> str:
    """As Markdown."""
    lines = [
        "| model | parameters | MFLOP | images/s, one thread | ratio | exact match | measured on |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for it in entries:
        match = "-" if it.exact_match is None else f"{it.exact_match:.2%}"
        lines.append(
            f"| {it.name} | {it.parameters:,} | {it.mflop:.0f} | {it.images_per_second:,.0f} "
            f"| {it.ratio:.2f} | {match} | {it.measured_on} |"
        )
    return "\n".join(lines)


def draw(entries: Sequence[Entry], path: Path) -> None:
    """Exact match over images a second."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    measured = [
        it for it in entries if it.exact_match is not None and it.low is not None and it.high is not None
    ]
    bases = list(dict.fromkeys(it.measured_on for it in measured))
    for basis, colour in zip(bases, ("#0072B2", "#D55E00", "#009E73"), strict=False):
        same = [it for it in measured if it.measured_on == basis]
        values = [100 * (it.exact_match or 0) for it in same]
        ends = [
            [value - 100 * (it.low or 0) for it, value in zip(same, values, strict=True)],
            [100 * (it.high or 0) - value for it, value in zip(same, values, strict=True)],
        ]
        rates = [it.images_per_second for it in same]
        axes.errorbar(rates, values, yerr=ends, fmt="o", color=colour, capsize=3, label=basis)
        for it, value in zip(same, values, strict=True):
            axes.annotate(it.name, (it.images_per_second, value), (7, 7), textcoords="offset points")
    axes.set(xlabel="images a second, one thread, from bytes to texts", ylabel="exact match, %")
    axes.set(xlim=(0, 1.2 * max(it.images_per_second for it in entries)), ylim=(97.5, 100.05))
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", action="append", help="by name or path; again for more")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        solvers = [
            load_solver(it, "cpu") for it in options.model or [card.name for card in available_models()]
        ]
    except ZooError as error:
        print(f"zoo_speed: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        paths = write_examples(Path(folder) / "images", style="kaptcha", count=options.images, seed=5)
        images = [path.read_bytes() for path in paths]
    rates = measure(solvers, images, options.turns)
    entries = [
        Entry(
            card.name,
            card.parameters,
            card.flops_per_image / 1e6,
            rate,
            rate / rates[0],
            *honest_figure(card),
        )
        for card, rate in zip((solver.card for solver in solvers), rates, strict=True)
    ]
    print(speed_table(entries))
    draw(entries, options.picture)
    if options.json:
        content = {"threads": 1, "images": options.images, "models": [asdict(it) for it in entries]}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
