"""A small job beside large ones: how much longer it takes than alone.

    .venv/bin/python benchmarks/fairness.py --json fairness.json
    .venv/bin/python benchmarks/fairness.py --workers 4 --rate 600

Redis, Celery workers and producers are real; only the workers' forward pass is a sleep of so many images a
second (`fleet.pretend`), so that a machine of two cores holds a fleet. Jobs of 200,000 images run; the small
one is 1,000 of the same images, with default settings or with --priority. The sides take turns, round after
round: for the job alone the large ones are stopped (SIGSTOP) until their batches are out of the way. Two
figures of the small job are told: the seconds from its first batch sent to its last answer journalled, and
those of the whole command, whose start and report nobody holds up.

--priority low makes the small job wait in line with the large ones: that is how it was for every job when a
model's batches had one queue without levels.

Exit codes: 0; 1 if a job failed or a large one ended too early.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleet.images import link_tree
from fleet.jobs import Running
from fleet.local import Fleet, FleetError
from speed.common import Machine, Runs, add_options, describe, in_turns, ratio, table, this_machine, write

from producer.queue import level_keys
from worker.celery_app import UNACKED_KEY
from worker.contract import queue_name

ROOT = Path(__file__).resolve().parent.parent
GOAL = 3.0  # times the time alone, with default settings
ALONE = "alone"
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Side:
    """The small job beside so many large ones."""

    large: int
    priority: str = "normal"


SIDES = {
    ALONE: Side(0),
    "beside one": Side(1),
    "beside three": Side(3),
    "beside three, --priority high": Side(3, "high"),
    "beside three, --priority low": Side(3, "low"),
}


@dataclass
class Arena:
    """A fleet with large jobs that can be stopped, and a small job to be timed."""

    fleet: Fleet
    workers: int
    large: Path
    small: Path
    jobs: list[Running] = field(default_factory=list)
    walls: dict[str, list[float]] = field(default_factory=dict)

    def start(self, jobs: int) -> None:
        """Start the large jobs and wait until the first images of each, which go before others, are read."""
        store = self.fleet.store
        self._client = store.client
        self._keys = level_keys(queue_name(store.workers()[0].fingerprint))
        self.jobs = [self.fleet.start_submit(self.large, "--labels", "none") for _ in range(jobs)]
        rest = self._keys[2]
        self._wait_for(lambda: self._length(rest) >= jobs * (1 + self.workers), "the large jobs' start")

    def seconds(self, name: str, side: Side) -> float:
        """Run the small job on a side; from its first sending to its last answer."""
        self._let_run(side.large)
        job = self.fleet.submit(self.small, "--labels", "none", "--priority", side.priority)
        if job.code != 0:
            raise FleetError(f"the small job ended with {job.code}: {job.out.strip()[-300:]}")
        self._check_large()
        self.walls.setdefault(name, []).append(job.wall_s)
        return job.seconds

    def _let_run(self, count: int) -> None:
        for number, running in enumerate(self.jobs):
            os.kill(running.pid, signal.SIGCONT if number < count else signal.SIGSTOP)
        if count:
            waiting = count * (1 + self.workers)
            self._wait_for(lambda: self._length(*self._keys) >= waiting, "the large jobs' batches")
        else:
            self._wait_for(lambda: not self._length(*self._keys), "the end of what large jobs had sent")
            self._wait_for(lambda: not self._client.hlen(UNACKED_KEY), "the end of what workers held")

    def _length(self, *keys: str) -> int:
        return sum(int(str(self._client.llen(key))) for key in keys)

    def _check_large(self) -> None:
        for running in self.jobs:
            if running.process.poll() is not None:
                raise FleetError(
                    f"a large job ended, see {running.log}; if it was done, give more --large-images"
                )

    def _wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self._check_large()
            if time.monotonic() > deadline:
                raise FleetError(f"{what} did not come within {PATIENCE_S:g} s")
            time.sleep(0.01)


@dataclass(frozen=True)
class Fairness:
    """What was found: both figures of every side, round by round."""

    seconds: dict[str, Runs]
    walls: dict[str, Runs]

    @property
    def ratios(self) -> dict[str, Runs]:
        """Of the seconds to those alone, round by round."""
        return {name: ratio(runs, self.seconds[ALONE]) for name, runs in self.seconds.items()}

    @property
    def worst(self) -> float:
        """The largest median ratio of the sides with default settings."""
        ratios = self.ratios
        return max(
            (ratios[name].median for name in ratios if name != ALONE and SIDES[name].priority == "normal"),
            default=1.0,
        )

    def text(self) -> str:
        """A table and the verdict."""
        rows = []
        for name, runs in self.seconds.items():
            times, walls = self.ratios[name], self.walls[name]
            rows.append(
                (
                    name,
                    f"{runs.median:.2f}",
                    f"{times.median:.2f}",
                    f"{times.low:.2f} to {times.high:.2f}",
                    f"{walls.median:.2f}",
                    f"{ratio(walls, self.walls[ALONE]).median:.2f}",
                )
            )
        header = ("the small job", "s", "x alone", "range", "command s", "x alone")
        verdict = "held" if self.worst <= GOAL else "MISSED"
        return (
            f"{table(header, rows)}\n\n"
            f"With default settings at most {self.worst:.2f} x the time alone; goal {GOAL:g} x: {verdict}"
        )

    def to_object(self) -> dict[str, object]:
        """For JSON."""
        return {
            "goal": GOAL,
            "worst": self.worst,
            "sides": {
                name: {
                    "seconds": self.seconds[name].to_object(),
                    "command_seconds": self.walls[name].to_object(),
                    "times_alone": self.ratios[name].to_object(),
                }
                for name in self.seconds
            },
        }


def measure(arguments: argparse.Namespace, folder: Path) -> Fairness:
    """Run all of it below a folder.

    Raises:
        FleetError: a server, a worker or a job failed.
    """
    large = link_tree(folder / "large", arguments.large_images, arguments.originals)
    small = link_tree(folder / "small", arguments.images, arguments.originals)
    sides = {name: SIDES[name] for name in (ALONE, *arguments.sides)}
    with Fleet(folder / "fleet") as fleet:
        fleet.start_pretended(arguments.workers, arguments.rate)
        arena = Arena(fleet, arguments.workers, large, small)
        arena.start(max(side.large for side in sides.values()))
        seconds = in_turns(
            {name: lambda name=name, side=side: arena.seconds(name, side) for name, side in sides.items()},
            arguments.rounds,
        )
    # The first round does not count.
    walls = {name: Runs(tuple(values[1:])) for name, values in arena.walls.items()}
    return Fairness(seconds, walls)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    arguments = _arguments(argv)
    machine: Machine = this_machine()
    with tempfile.TemporaryDirectory(prefix="fairness-", dir=arguments.folder) as folder:
        try:
            found = measure(arguments, Path(folder))
        except FleetError as error:
            print(f"fairness.py: {error}", file=sys.stderr)
            return 1
    print(
        f"{arguments.images:,} images beside jobs of {arguments.large_images:,}; workers: "
        f"{arguments.workers} of {arguments.rate:,g} images/s; medians of {arguments.rounds} rounds\n"
        f"{describe(machine)}\n\n{found.text()}"
    )
    settings = {
        name: getattr(arguments, name) for name in ("images", "large_images", "workers", "rate", "rounds")
    }
    write(arguments.json, "fairness", machine, {**settings, **found.to_object()})
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--images", type=int, default=1000, help="of the small job (default 1000)")
    parser.add_argument(
        "--large-images", type=int, default=200_000, help="of each large one (default 200000)"
    )
    parser.add_argument("--workers", type=int, default=1, help="(default 1)")
    parser.add_argument("--rate", type=float, default=2400, help="images/s of each worker (default 2400)")
    others = [name for name in SIDES if name != ALONE]
    parser.add_argument("--sides", nargs="+", choices=others, default=others, metavar="SIDE",
                        help=f"beside {ALONE!r}: of {others}")  # fmt: skip
    parser.add_argument("--originals", type=Path, default=ROOT / "examples" / "captchas", metavar="DIR",
                        help="images that all jobs consist of (default: the examples)")  # fmt: skip
    parser.add_argument("--folder", type=Path, metavar="DIR", help="for the files (default: the system's)")
    add_options(parser, rounds=5)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
