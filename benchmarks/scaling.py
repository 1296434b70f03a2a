"""How far one Redis and one producer carry a fleet: 1, 2, 4 and 8 workers, devices of 500 to 20,000 images/s.

    .venv/bin/python benchmarks/scaling.py --json docs/runs/performance/scaling.json       # half an hour
    .venv/bin/python benchmarks/scaling.py --workers 8 --producers 2      # two jobs at once, half of it each
    .venv/bin/python benchmarks/scaling.py --workers 1 --rates 50000 --batch-size 1024 --max-in-flight-mb 128
    .venv/bin/python benchmarks/scaling.py --workers 1 2 --rates 300 --seconds 2 --rounds 1       # try it

Everything is real but what the device does: `producer submit` reads the PNGs of CAPTCHAFLEET_DATA (hard links
under many names) and sends their bytes through Redis, Celery workers fetch and unpack them and commit
answers, the producer journals them. In the place of `Solver.solve` the worker sleeps for as long as the
device would take (`fleet.pretend`), so that a machine of two cores holds eight GPUs. What is measured are the
cores that all others take, on one machine, and where they end.

Rates are those of the steady state, in journalled answers. Two efficiencies are told of w workers: the
**scaling**, rate(w) / (w x rate(1)), which is what adding workers is worth; and the share of the **devices**
that is used, rate(w) / (w x device), which also counts what a single worker does beside solving. Processor
time is that of /proc, of the producer, Redis, the workers' main processes and their children.

Exit codes: 0; 1 if a job failed; 2 for wrong options or missing images.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from fleet.images import link_tree
from fleet.local import Fleet, FleetError
from fleet.needs import FILL, HEADER, needs
from fleet.needs import RATES as FLEETS
from fleet.point import LARGEST_BATCH, OUTSTANDING, Plan, Point, measure, middle
from speed.common import add_options, describe, progress, table, this_machine, write

ROOT = Path(__file__).resolve().parent.parent
RATES = (500, 1000, 1250, 1500, 2000, 3000, 5000, 20_000)
WORKERS = (1, 2, 4, 8)
ENOUGH = 0.95  # the least efficiency that counts as scaling
GOAL = 10_000.0  # images a second of the fleet, at that efficiency and the most workers
FULL = 0.9  # a process with this share of a core, or the machine with this share of all, is the limit

Points = Mapping[tuple[int, float], Point]  # by workers and device


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    machine = this_machine()
    plan = _plan(options)
    print(describe(machine))
    try:
        points = _sweep(options, plan)
    except (FleetError, FileNotFoundError) as error:
        print(f"scaling.py: {error}", file=sys.stderr)
        return 2 if isinstance(error, FileNotFoundError) else 1
    print(f"\n{show(points, machine.cores)}")
    figures = {
        "seconds": options.seconds,
        "rounds": options.rounds,
        "producers": options.producers,
        "batch_size": options.batch_size,
        "socket": "unix" if options.unix else "tcp",
        "points": [
            {**asdict(point), "of_devices": point.of_devices, "scaling": scaling(points, point)}
            for point in points.values()
        ],
        "highest": None if (best := highest(points)) is None else asdict(best),
    }
    write(options.json, "scaling", machine, figures)
    return 0


def _plan(options: argparse.Namespace) -> Plan:
    more = (
        []
        if options.batch_size is None
        else ["--batch-size", str(options.batch_size), "--max-batch-mb", "256"]
    )
    if options.max_in_flight_mb is not None:
        more += ["--max-in-flight-mb", str(options.max_in_flight_mb)]
    return Plan(
        options.seconds,
        options.most,
        options.producers,
        tuple(more),
        options.batch_size or LARGEST_BATCH,
        int(OUTSTANDING * (options.max_in_flight_mb or 64) / 64),
    )


def _sweep(options: argparse.Namespace, plan: Plan) -> Points:
    found: dict[tuple[int, float], list[Point]] = {}
    devices = [float(rate) for rate in options.rates]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        images = max(plan.counts(max(options.workers), rate)[2] for rate in devices)
        progress(f"{images:,} names")
        tree = link_tree(Path(folder) / "images", images, options.originals)
        with Fleet(Path(folder) / "fleet", tcp=not options.unix) as fleet:
            for number in range(options.rounds):
                fleet.stop_workers()
                for workers in sorted(options.workers):
                    progress(f"round {number + 1}/{options.rounds}: {workers} workers start")
                    fleet.start_pretended(workers - len(fleet.workers), devices[0])
                    for device in devices:
                        progress(f"round {number + 1}/{options.rounds}: {workers} workers of {device:,.0f}/s")
                        found.setdefault((workers, device), []).append(measure(fleet, tree, device, plan))
    progress("")
    return {key: middle(points) for key, points in found.items()}


def scaling(points: Points, point: Point) -> float | None:
    """How much of so many times a single worker's rate it reaches; None where no single one was measured."""
    alone = points.get((1, point.device))
    return None if alone is None else point.rate / (point.workers * alone.rate)


def highest(points: Points) -> Point | None:
    """The highest rate of the most workers at which they scale; None where they nowhere do."""
    most = max(workers for workers, _ in points)
    enough = [
        point
        for point in points.values()
        if point.workers == most and (scaling(points, point) or point.of_devices) >= ENOUGH
    ]
    return max(enough, key=lambda point: point.rate, default=None)


def limit(point: Point, cores: int) -> str:
    """What it is that holds a fleet back at a point."""
    if point.cores >= FULL * cores:
        return f"all {cores} cores"
    if point.busiest >= FULL:
        return "the producer's core"
    if point.redis * point.rate / 1e6 >= FULL:
        return "Redis's core"
    if point.machine >= FULL:
        return "other programs on these cores"
    if point.of_devices >= ENOUGH:
        return "the devices"
    return "what a worker does between two batches"


def show(points: Points, cores: int) -> str:
    """Tables and verdict."""
    most = max(workers for workers, _ in points)
    numbers = sorted({workers for workers, _ in points})
    devices = sorted({device for _, device in points})
    rates = [
        [
            f"{device:,.0f}",
            *(f"{points[n, device].rate:,.0f}" for n in numbers),
            *(_share(scaling(points, points[n, device])) for n in numbers[1:]),
            _share(points[most, device].of_devices),
        ]
        for device in devices
    ]
    header = [
        "device, images/s",
        *(f"rate of {n}" for n in numbers),
        *(f"scaling of {n}" for n in numbers[1:]),
    ]
    costs = [_costs(points[most, device], cores) for device in devices]
    return "\n".join(
        [
            table([*header, f"devices used, {most}"], rates),
            "",
            f"{most} workers: processor microseconds an image, and megabytes a second",
            "",
            table(
                [*("images/s", "producer", "Redis", "workers' parents", "children", "all", "cores"),
                 *("into Redis", "out of it", "limit")],
                costs,
            ),
            "",
            *_verdict(points, most),
        ]
    )  # fmt: skip


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _costs(point: Point, cores: int) -> list[str]:
    spent = (point.producer, point.redis, point.parents, point.children, point.cost)
    moved = (point.received * point.rate / 1e6, point.sent * point.rate / 1e6)
    return [
        f"{point.rate:,.0f}",
        *(f"{value:.1f}" for value in spent),
        f"{point.cores:.2f}",
        *(f"{value:,.0f}" for value in moved),
        limit(point, cores),
    ]


def _verdict(points: Points, most: int) -> list[str]:
    best = highest(points)
    if best is None:
        lines = [f"No rate at which {most} workers reach {ENOUGH} (goal: at {GOAL:,.0f} images/s): not met."]
    else:
        said = "met" if best.rate >= GOAL else "not met"
        lines = [
            f"Highest rate at which {most} workers reach {ENOUGH}: {best.rate:,.0f} images/s, with devices "
            f"of {best.device:,.0f} images/s (goal: {GOAL:,.0f}): {said}."
        ]
    cost = best or max(points.values(), key=lambda point: point.rate)
    if min(cost.producer, cost.redis) > 0:  # /proc counts hundredths of a second
        lines += [
            "",
            f"By the costs at {cost.rate:,.0f} images/s a core of a producer is full at "
            f"{1e6 / cost.producer:,.0f} images/s, and one of Redis at {1e6 / cost.redis:,.0f}. "
            f"At {FILL:.0%} of that, fleets take beside their devices:",
            "",
            table(HEADER, [needs(cost, rate).row() for rate in FLEETS]),
        ]
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    data = Path(os.environ.get("CAPTCHAFLEET_DATA") or ROOT.parent / "shared" / "data")
    parser.add_argument("--workers", type=int, nargs="+", default=list(WORKERS), metavar="N")
    parser.add_argument(
        "--rates", type=float, nargs="+", default=list(RATES), metavar="R", help="of a device"
    )
    parser.add_argument("--producers", type=int, default=1, help="that send at once (default 1)")
    parser.add_argument("--batch-size", type=int, help="of `producer submit` (default its own: up to 256)")
    parser.add_argument("--max-in-flight-mb", type=float, help="of `producer submit` (default its own)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of the steady state (default 10)")
    parser.add_argument("--most", type=float, default=12_000.0, metavar="RATE",
                        help="that the machine is taken to reach, to size jobs (default 12,000)")  # fmt: skip
    parser.add_argument("--unix", action="store_true", help="a Unix socket in place of TCP over the loopback")
    parser.add_argument("--originals", type=Path, default=data / "captcha_images_v2", help="the real PNGs")
    parser.add_argument("--folder", type=Path, help="for the links, on a file system with room for names")
    add_options(parser, 3)
    return parser


if __name__ == "__main__":
    sys.exit(main())
