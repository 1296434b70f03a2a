"""What the queue costs: processor microseconds an image, step by step and process by process.

    .venv/bin/python benchmarks/queue_cost.py --json docs/runs/performance/queue_cost.json
    .venv/bin/python benchmarks/queue_cost.py --images 2000 --short 500 --rounds 1        # try it

Everything but image decoding, forward pass and CTC decoding. **Steps**: the functions of producer and worker,
called batch by batch in one thread through a Redis of its own, each timed by itself, beside the floor: what
any program would spend to look at a file, read it and write two lines of JSON. **Processes**: two jobs, a
long one and a short one, through a real Celery worker whose `Solver.solve` answers at once (`fleet.pretend`);
told is the difference an image, so that imports, connections and the small batches of a job's beginning are
not in it. They hold what the steps leave out: Celery's consumer, the sending loop, the server's side.

The images are those of CAPTCHAFLEET_DATA/captcha_images_v2 under many names. Time is processor time, user and
system; the sides take turns; figures are medians over the rounds.

Exit codes: 0; 1 if an image was not answered; 2 for wrong options or missing images.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fleet.images import link_tree
from fleet.local import Fleet, FleetError
from speed.common import Runs, add_options, describe, progress, table, this_machine, write
from speed.floor import floor_us
from speed.queue_steps import STEPS, known_images, steps_us

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("CAPTCHAFLEET_DATA", ROOT / "../shared/data")) / "captcha_images_v2"
GOAL = 120.0
FLOOR = "the floor: stat, read, two JSON lines"
PROCESSES = ("producer", "redis", "parent", "child")
# Faster than anything: a sleep of no time.
_AT_ONCE = 1e9

Figures = Mapping[str, Runs]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    machine = this_machine()
    if not options.originals.is_dir() or options.short >= options.images:
        wrong = f"{options.short:,} images are no shorter job than {options.images:,}"
        missing = f"no folder {options.originals}"
        print(
            f"queue_cost.py: {wrong if options.originals.is_dir() else missing}; see --help", file=sys.stderr
        )
        return 2
    print(describe(machine))
    try:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            steps, processes = measure(options, Path(folder))
    except (FleetError, ValueError) as error:
        print(f"queue_cost.py: {error}", file=sys.stderr)
        return 1
    print(f"\n{show(steps, processes)}")
    figures: dict[str, Any] = {
        "images": options.images,
        "rounds": options.rounds,
        "steps_us": {name: runs.to_object() for name, runs in steps.items()},
        "processes_us": {name: runs.to_object() for name, runs in processes.items()},
    }
    write(options.json, "queue_cost", machine, figures)
    return 0


def measure(options: argparse.Namespace, folder: Path) -> tuple[Figures, Figures]:
    """Microseconds an image of steps and of processes.

    Args:
        options: of the command line.
        folder: for images, logs and run folders.

    Raises:
        FleetError, ValueError: an image was not answered.
    """
    progress(f"{options.images:,} names")
    images = link_tree(folder / "images", options.images, options.originals)
    short = link_tree(folder / "short", options.short, options.originals)
    known = known_images(options.originals)
    files = [str(path) for path in sorted(images.rglob("*.*"))]
    found: list[tuple[dict[str, float], dict[str, float]]] = []
    with Fleet(folder / "fleet") as fleet:
        fleet.start_pretended(1, _AT_ONCE)
        for number in range(options.rounds + 1):
            progress(f"round {number}/{options.rounds}")
            steps = {FLOOR: floor_us(files)}
            steps |= steps_us(images, folder / "run", fleet.store, fleet.url, known)
            shutil.rmtree(folder / "run")
            taken = {size: _job(fleet, tree) for size, tree in (("long", images), ("short", short))}
            scale = 1e6 / (options.images - options.short)
            processes = {name: scale * (taken["long"][name] - taken["short"][name]) for name in PROCESSES}
            if number:  # the first round does not count
                found.append((steps, processes))
    progress("")
    all_steps, all_processes = zip(*found, strict=True)
    return _runs(all_steps), _runs(all_processes)


def _job(fleet: Fleet, images: Path) -> dict[str, float]:
    """Processor seconds of all processes, for one job; the producer's without its report."""
    before = fleet.cpu()
    # Pretended workers give one answer for all images. Held against labels that would be a report of errors.
    job = fleet.submit(images, "--labels", "none", "--quiet")
    after = fleet.cpu() - before
    if job.code != 0:
        raise FleetError(f"a job ended with {job.code}: {job.out.strip()[-300:]}")
    shutil.rmtree(job.run)
    return {"producer": job.cpu_s, "redis": after.redis, "parent": after.parents, "child": after.children}


def _runs(each: Sequence[Mapping[str, float]]) -> dict[str, Runs]:
    return {name: Runs(tuple(it[name] for it in each)) for name in each[0]}


def show(steps: Figures, processes: Figures) -> str:
    """Both tables."""
    queue = [step for step, whose in STEPS.items() if whose != "report"]
    rows = [[FLOOR, "", *_spread(steps[FLOOR])]]
    rows += [[step, whose, *_spread(steps[step])] for step, whose in STEPS.items()]
    rows += [["all steps but the report", "", *_spread(_sum(steps, queue))]]
    whole = _sum(processes, PROCESSES)
    verdict = "met" if whole.median <= GOAL else "not met"
    return "\n\n".join(
        [
            table(["step", "whose", "µs", "least", "most"], rows),
            table(
                ["process", "µs", "least", "most"],
                [[name, *_spread(processes[name])] for name in PROCESSES]
                + [["all of them, report included", *_spread(whole)]],
            ),
            f"goal: at most {GOAL:g} µs an image: {verdict}",
        ]
    )


def _sum(figures: Figures, names: Sequence[str]) -> Runs:
    return Runs(tuple(sum(values) for values in zip(*(figures[name].values for name in names), strict=True)))


def _spread(runs: Runs) -> list[str]:
    return [f"{value:.1f}" for value in (runs.median, runs.low, runs.high)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help="of the long job (default 20,000)")
    parser.add_argument("--short", type=int, default=2000, help="of the short job (default 2,000)")
    parser.add_argument(
        "--originals", type=Path, default=DATA, metavar="DIR", help="images that are given many names"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="for images and logs (default: the system's)"
    )
    add_options(parser, rounds=5)
    return parser


if __name__ == "__main__":
    sys.exit(main())
