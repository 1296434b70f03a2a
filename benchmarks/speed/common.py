"""Medians of several runs, a table, and one JSON object: the same in every benchmark of speed and memory.

Rates of a machine that others share move by a tenth from minute to minute. So the sides of a comparison take
turns, round by round, and only ratios of one run are told.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from decoders.machine import Machine, this_machine


@dataclass(frozen=True)
class Runs:
    """One figure, measured several times.

    Attributes:
        values: in the order in which they were measured.
    """

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the values."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The least."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The most."""
        return max(self.values)

    def to_object(self) -> dict[str, Any]:
        """For JSON."""
        return {"median": self.median, "low": self.low, "high": self.high, "values": list(self.values)}


def in_turns(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Runs]:
    """Every side once a round, in turns, after a round that does not count.

    Args:
        sides: what to measure; each returns its figure.
        rounds: that count.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, measure in sides.items():
            progress(f"round {number}/{rounds}: {name}")
            value = measure()
            if number:
                found[name].append(value)
    progress("")
    return {name: Runs(tuple(values)) for name, values in found.items()}


def ratio(over: Runs, under: Runs) -> Runs:
    """Round by round, one side divided by the other."""
    return Runs(tuple(a / b for a, b in zip(over.values, under.values, strict=True)))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def progress(what: str) -> None:
    """Say on the terminal what is being measured, in place of what was said before; quiet elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def add_options(parser: argparse.ArgumentParser, rounds: int) -> None:
    """`--rounds` and `--json`, which every benchmark has."""
    parser.add_argument(
        "--rounds", type=int, default=rounds, help=f"of which medians are told (default {rounds})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one JSON object")


def describe(machine: Machine) -> str:
    """The machine in one sentence."""
    busy = f", {machine.load:g} processes at work before the run" if machine.load >= 0.1 else ""
    return f"{machine.cpu}, {machine.cores} cores, {machine.system}, Python {machine.python}{busy}"


def write(path: Path | None, benchmark: str, machine: Machine, figures: Mapping[str, Any]) -> None:
    """One JSON object: the benchmark, the machine, the figures; nothing where no file is wanted.

    Args:
        path: of the file.
        benchmark: the script's name.
        machine: as `this_machine` described it before the run.
        figures: what was found; `Runs` as their `to_object`.
    """
    if path is None:
        return
    content = {"benchmark": benchmark, "machine": asdict(machine), **figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="ascii")


__all__ = [
    "Machine",
    "Runs",
    "add_options",
    "describe",
    "in_turns",
    "progress",
    "ratio",
    "table",
    "this_machine",
    "write",
]
