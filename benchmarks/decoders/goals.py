"""What the decoder is to reach beside each peer, and how a ratio is judged. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["met", "floor only", "not met", "not measured"]
SetRates = Mapping[str, Mapping[str, float]]  # items/s of each side, by set


@dataclass(frozen=True)
class Goal:
    """How many times as fast as `peer` our side `ours` is to be, on the worst set.

    Attributes:
        floor: the least that is acceptable; None where there is the goal alone.
    """

    ours: str
    peer: str
    floor: float | None
    goal: float


@dataclass(frozen=True)
class Ratio:
    """A goal beside what was measured: ours / peer on each set.

    Attributes:
        worst_set: the set of the smallest ratio; None where a side was not measured.
    """

    goal: Goal
    by_set: dict[str, float]
    worst_set: str | None
    verdict: Verdict

    @property
    def worst(self) -> float | None:
        """The smallest ratio."""
        return None if self.worst_set is None else self.by_set[self.worst_set]


_PEERS = (
    ("fast-ctc-decode-cut", 1.3, 3.0),
    ("fast-ctc-decode", 30.0, 100.0),
    ("flashlight-text", 60.0, 150.0),
    ("pyctcdecode", 70.0, 200.0),
    ("alignment-beam", 80.0, 200.0),
    ("nemo", 12.0, 30.0),
    ("greedy", 0.2, 0.5),
    ("best-path", 0.2, 0.5),
)
GOALS = (
    *(Goal(ours, *peer) for ours in ("exact", "exact-torch") for peer in _PEERS),
    Goal("exact-length-5", "exact", None, 0.5),
    Goal("exact-ten", "flashlight-text-ten", None, 50.0),
)


def judge(value: float, floor: float | None, goal: float) -> Verdict:
    """Where a value stands; reaching a bound exactly is enough."""
    if value >= goal:
        return "met"
    return "floor only" if floor is not None and value >= floor else "not met"


def compare(rates: SetRates, goals: Sequence[Goal]) -> list[Ratio]:
    """Each goal's ratios; a side without a rate on every set leaves its goals `not measured`."""
    found = []
    for goal in goals:
        by_set = {
            name: sides[goal.ours] / sides[goal.peer]
            for name, sides in rates.items()
            if goal.ours in sides and goal.peer in sides
        }
        if not rates or len(by_set) < len(rates):
            found.append(Ratio(goal, by_set, None, "not measured"))
            continue
        worst = min(by_set, key=by_set.__getitem__)
        found.append(Ratio(goal, by_set, worst, judge(by_set[worst], goal.floor, goal.goal)))
    return found
