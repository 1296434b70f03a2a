"""The run: every side's process, their rounds one after another, and what each of them reads."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from decoders.environments import why_missing
from decoders.process import SideFailedError, SideProcess
from decoders.sides import Side

# Items of a set that are timed; a slower side takes them in parts, another part each round.
TIMED_ITEMS = 1024


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: the rate is the median of as many.
        seconds: each side's share of a round; at least one call.
        read_items: of each set, for accuracy, mass and agreement.
    """

    threads: tuple[int, ...]
    rounds: int
    seconds: float
    read_items: int


@dataclass
class Measured:
    """What the run found.

    Attributes:
        rates: items/s by threads, set and side.
        texts: strings of the first items by set and side, one list an item.
        versions: of each side's environment.
        failures: why a side has no figures, in a sentence.
    """

    rates: dict[int, dict[str, dict[str, float]]] = field(default_factory=dict)
    texts: dict[str, dict[str, list[list[str]]]] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def measure(sides: Sequence[Side], sets: Mapping[str, Path], plan: Plan) -> Measured:
    """Measure every side on every set; one that fails is left out from there on, with its reason."""
    found = Measured(texts={name: {} for name in sets})
    for threads in plan.threads:
        running = _start(sides, threads, found)
        try:
            for name, path in sets.items():
                _say(f"{threads} thread{'s'[: threads - 1]}, {name}: loading")
                for side in list(running):
                    _ask(running, side, found, do="load", path=str(path))
                rates = _rounds(running, plan, found, f"{threads} thread{'s'[: threads - 1]}, {name}")
                found.rates.setdefault(threads, {})[name] = rates
                if threads == plan.threads[0] and plan.read_items:
                    _read(running, name, plan.read_items, found)
        finally:
            for process in running.values():
                process.close()
    _say("")
    return found


def _start(sides: Sequence[Side], threads: int, found: Measured) -> dict[str, SideProcess]:
    running = {}
    for side in sides:
        missing = why_missing(side.environment)
        if missing is not None:
            found.failures[side.name] = missing
        if side.name in found.failures:
            continue
        _say(f"{threads} thread{'s'[: threads - 1]}: starting {side.name}")
        try:
            running[side.name] = SideProcess(side, threads)
        except SideFailedError as failure:
            found.failures[side.name] = str(failure)
        else:
            found.versions[side.name] = running[side.name].versions
    return running


def _rounds(running: dict[str, SideProcess], plan: Plan, found: Measured, where: str) -> dict[str, float]:
    """Median rate of each side. Sides take turns, so that a disturbance meets them all."""
    rates: dict[str, list[float]] = {name: [] for name in running}
    for turn in range(plan.rounds):
        _say(f"{where}: round {turn + 1} of {plan.rounds}")
        for name in list(running):
            items = running[name].side.items
            first = turn % max(1, TIMED_ITEMS // items) * items
            answer = _ask(running, name, found, do="time", first=first, seconds=plan.seconds)
            if answer is not None:
                rates[name].append(answer["rate"])
    return {name: statistics.median(rates[name]) for name in running}


def _read(running: dict[str, SideProcess], set_name: str, items: int, found: Measured) -> None:
    for name in list(running):
        _say(f"{set_name}: {name} reads {items} items")
        answer = _ask(running, name, found, do="read", items=items)
        if answer is not None:
            found.texts[set_name][name] = answer["texts"]


def _ask(
    running: dict[str, SideProcess], name: str, found: Measured, do: str, **arguments: object
) -> dict[str, Any] | None:
    """One request; a side that fails runs no longer."""
    try:
        return running[name].ask(do, **arguments)
    except SideFailedError as failure:
        found.failures[name] = str(failure)
        del running[name]
        return None


def _say(text: str) -> None:
    """Progress, one line that replaces itself, only where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
