"""Images a second of a model's stages, of `Solver.solve`, and of the whole system; and where the time goes.

    .venv/bin/python benchmarks/pipeline.py --json docs/runs/performance/pipeline.json
    .venv/bin/python benchmarks/pipeline.py --models nano --images 6000 --rounds 1 --seconds 0.5  # try it

F is the forward pass alone on ready tensors, D image decoding alone, C CTC decoding alone, each on the
cores and by the threads that a worker's solver has; (b) is `Solver.solve` on bytes, which cannot be faster
than 1 / (1/F + 1/D + 1/C) where all three share the cores, nor than the slowest of the three where F runs
on a GPU. (c) is the whole system, from files on the disk to results.jsonl: `producer submit`, a Redis of
its own, one worker. Its rate is that of the steady state, between a tenth and nine tenths of the answers;
the images are those of CAPTCHAFLEET_DATA/captcha_images_v2 under many names. The sides take turns; figures
are medians over the rounds.

Exit codes: 0; 1 if an image was not answered, or a model cannot be measured; 2 for wrong options or missing
images.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from fleet.images import link_tree
from fleet.local import FleetError
from rivals.sides import DECODING, Setting
from rivals.team import ReaderFailedError, Team
from speed.common import Runs, add_options, describe, in_turns, progress, ratio, table, this_machine, write
from speed.floor import floor_us
from speed.journal import JobEndedError
from speed.whole import Costs, Finished, TimedFleet, costs

from model_zoo.errors import ZooError

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("CAPTCHAFLEET_DATA", ROOT / "../shared/data")) / "captcha_images_v2"
# A job whose beginning and end are taken off those of a long one.
SHORT = 512
IN_MEMORY = 2048
FLOOR_FILES = 10_000
# (b) and (c) as the issue names them, and what they are held against.
F, D, C = "forward", "image decoding", "CTC decoding"
SOLVE, BATCHES, WHOLE, ALONE = (
    "solve",
    "solve, batch by batch",
    "whole system",
    "image decoding, in processes",
)
BOUND_GOAL, SYSTEM_GOAL, QUEUE_GOAL = 0.9, 0.9, 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    machine = this_machine()
    originals = sorted(options.originals.glob("*.png"))
    wrong = None if originals else f"{options.originals} holds no PNG"
    if options.images < 10 * SHORT:
        wrong = wrong or f"{options.images:,} images are too few, {10 * SHORT:,} are the least"
    if wrong:
        print(f"pipeline.py: {wrong}; see --help", file=sys.stderr)
        return 2
    print(describe(machine))
    figures: dict[str, Any] = {"images": options.images, "models": []}
    try:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            progress(f"{options.images:,} names")
            tree = link_tree(Path(folder) / "images", options.images, options.originals)
            short = link_tree(Path(folder) / "short", SHORT, options.originals)
            figures["floor_us"] = _floor(tree, options.rounds).to_object()
            data = [path.read_bytes() for path in islice(cycle(originals), options.in_memory)]
            for number, name in enumerate(options.models):
                with TimedFleet(Path(folder) / f"fleet-{number}") as fleet:
                    bench = Bench(fleet, (tree, options.images), (short, SHORT))
                    found = bench.measure(name, options.device, data, options.rounds, options.seconds)
                figures["models"].append(found)
                print(f"\n{show(found, figures['floor_us'])}", flush=True)
    except (ZooError, FleetError, JobEndedError, ReaderFailedError, ValueError) as error:
        print(f"pipeline.py: {error}", file=sys.stderr)
        return 1
    write(options.json, "pipeline", machine, figures)
    return 0


class Bench:
    """All sides of one model, on a fleet of its own.

    Args:
        fleet: without a worker yet.
        many: a folder, and how many images it holds.
        few: likewise.
    """

    def __init__(self, fleet: TimedFleet, many: tuple[Path, int], few: tuple[Path, int]) -> None:
        self._fleet = fleet
        self._many, self._few = many, few
        self._jobs: list[tuple[Finished, Finished]] = []

    def measure(
        self, model: str, device: str, data: Sequence[bytes], rounds: int, seconds: float
    ) -> dict[str, Any]:
        """The figures of a model.

        Args:
            model: a name or path for the zoo.
            device: of the solver, here and in the worker.
            data: images in memory.
            rounds: that count.
            seconds: of each measurement of a stage, at least.
        """
        from speed.stages import Stages  # takes seconds, which a wrong option need not

        self._fleet.start_timed(model, device)
        stages = Stages(model, device, data, seconds)
        cores = this_machine().cores
        names = [str(path) for path in islice(sorted(self._many[0].rglob("*.png")), FLOOR_FILES)]
        with ExitStack() as stack:
            team = stack.enter_context(Team(DECODING, Setting(cores, 1)))
            rates = in_turns(
                {
                    F: stages.forward,
                    D: stages.decoding,
                    ALONE: lambda: team.rate(names, seconds),
                    C: stages.ctc,
                    SOLVE: stages.solve,
                    BATCHES: stages.solve_batches,
                    WHOLE: self._whole,
                },
                rounds,
            )
        jobs = self._jobs[1:]  # the first round does not count
        each = [costs(long, self._many[1], short, self._few[1]) for long, short in jobs]
        card, on_gpu = stages.solver.card, stages.solver.device.type == "cuda"
        return {
            "model": f"{card.name}@{card.fingerprint}",
            "is_default": card.name == _default(),
            "device": str(stages.solver.device),
            "threads": stages.threads,
            "cores": cores,
            "micro_batch": stages.solver.micro_batch,
            "rates": {name: runs.to_object() for name, runs in rates.items()},
            "ratios": {name: runs.to_object() for name, runs in ratios(rates, on_gpu).items()},
            "stage_us": {name: Runs(tuple(it[1:])).to_object() for name, it in stages.cpu_us.items()},
            "costs_us": _by_name(each),
        }

    def _whole(self) -> float:
        long = self._fleet.follow(*self._many)
        self._jobs.append((long, self._fleet.follow(*self._few)))
        return long.rate


def ratios(rates: Mapping[str, Runs], on_gpu: bool) -> dict[str, Runs]:
    """(b) over its bound and (c) over (b), round by round.

    Args:
        rates: images a second of every side.
        on_gpu: whether the forward pass has a device of its own.
    """

    def bound(decoding: str) -> Runs:
        stages = zip(*(rates[name].values for name in (F, decoding, C)), strict=True)
        return Runs(tuple(min(it) if on_gpu else 1 / sum(1 / rate for rate in it) for it in stages))

    return {
        "solve / bound": ratio(rates[SOLVE], bound(D)),
        "solve / bound, decoding in processes": ratio(rates[SOLVE], bound(ALONE)),
        "whole system / solve": ratio(rates[WHOLE], rates[SOLVE]),
        "whole system / solve, batch by batch": ratio(rates[WHOLE], rates[BATCHES]),
    }


def show(found: Mapping[str, Any], floor: Mapping[str, Any]) -> str:
    """A model's tables, from what `--json` keeps of it.

    Args:
        found: of the model.
        floor: microseconds of the least that any program would spend on an image.
    """
    where = f"{found['device']}, {found['threads']} threads of the solver, {found['cores']} cores"
    return "\n\n".join(
        [
            f"**{found['model']}** on {where}:",
            table(
                ["", "images/s", "least", "most"],
                [[name, *_spread(it, ",.0f")] for name, it in found["rates"].items()],
            ),
            table(["goal", "found", "least", "most", "goal", "verdict"], _goals(found)),
            "Where the time goes, in processor microseconds an image:",
            table(["", "µs", "least", "most", "share of all cores"], _places(found, floor)),
        ]
    )


def _goals(found: Mapping[str, Any]) -> list[list[str]]:
    ratios, queue = found["ratios"], found["costs_us"]["queue"]
    system = SYSTEM_GOAL if found["is_default"] else None
    rows = [
        ("(b) / bound", ratios["solve / bound"], BOUND_GOAL),
        ("(b) / bound, image decoding in processes", ratios["solve / bound, decoding in processes"], None),
        ("(c) / (b)", ratios["whole system / solve"], system),
        ("(c) / (b) batch by batch", ratios["whole system / solve, batch by batch"], None),
    ]
    lines = [
        [name, *_spread(it, ".3f"), *_judged(it["median"], goal, it["median"] >= (goal or 0))]
        for name, it, goal in rows
    ]
    met = queue["median"] <= QUEUE_GOAL
    return [*lines, ["the queue, µs an image", *_spread(queue, ".0f"), *_judged(0, QUEUE_GOAL, met, "<=")]]


def _judged(value: float, goal: float | None, met: bool, sign: str = ">=") -> list[str]:
    return ["-", "-"] if goal is None else [f"{sign} {goal:g}", "met" if met else "not met"]


def _places(found: Mapping[str, Any], floor: Mapping[str, Any]) -> list[list[str]]:
    per_image, costs_us = 1e6 * found["cores"] / found["rates"][WHOLE]["median"], found["costs_us"]
    used = sum(costs_us[name]["median"] for name in ("producer", "redis", "parent", "child", "solving"))

    def row(name: str, it: Mapping[str, Any], in_steady_state: bool = True) -> list[str]:
        share = f"{it['median'] / per_image:.1%}" if in_steady_state else "-"
        return [name, *_spread(it, ".1f"), share]

    return [
        row("worker's child: solving", costs_us["solving"]),
        *(row(f"of it, measured alone: {name}", found["stage_us"][name], False) for name in (D, F, C)),
        row("worker's child: fetch, unpack, hash, answer, commit", costs_us["child"]),
        row("worker's parent: Celery", costs_us["parent"]),
        row("Redis", costs_us["redis"]),
        row("producer: read, send, take answers, journal", costs_us["producer"]),
        ["nobody: cores that wait", f"{per_image - used:.1f}", "", "", f"{1 - used / per_image:.1%}"],
        row("before: scan and manifest", costs_us["scan"], False),
        row("after: reports", costs_us["reports"], False),
        row("the queue: all but solving and reports", costs_us["queue"], False),
        row("the floor: stat, read, two JSON lines", floor, False),
    ]


def _spread(it: Mapping[str, Any], form: str) -> list[str]:
    return [format(it[name], form) for name in ("median", "low", "high")]


def _by_name(each: Sequence[Costs]) -> dict[str, Any]:
    found = [{**asdict(it), "queue": it.queue} for it in each]
    return {name: Runs(tuple(it[name] for it in found)).to_object() for name in found[0]}


def _floor(tree: Path, rounds: int) -> Runs:
    files = [str(path) for path in islice(sorted(tree.rglob("*.png")), FLOOR_FILES)]
    return in_turns({"floor": lambda: floor_us(files)}, rounds)["floor"]


def _default() -> str:
    from model_zoo.cards import DEFAULT_MODEL

    return DEFAULT_MODEL


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["kaptcha", "nano"], metavar="NAME", help="to measure")
    parser.add_argument("--device", default="cpu", help="of the solver (default cpu)")
    parser.add_argument(
        "--images", type=int, default=50_000, help="of the whole system's job (default 50,000)"
    )
    parser.add_argument(
        "--in-memory", type=int, default=IN_MEMORY, help=f"of the stages (default {IN_MEMORY:,})"
    )
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="of each measurement of a stage (default 3)"
    )
    parser.add_argument(
        "--originals", type=Path, default=DATA, metavar="DIR", help="PNGs that are given many names"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="for images and logs (default: the system's)"
    )
    add_options(parser, rounds=5)
    return parser


if __name__ == "__main__":
    sys.exit(main())
