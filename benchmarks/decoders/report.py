"""The figures as Markdown tables for people, and as one object for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from decoders.checks import LIKELY, Checks
from decoders.goals import GOALS, Ratio, Verdict, compare
from decoders.machine import Machine
from decoders.measure import Measured, Plan
from decoders.sides import Side


@dataclass(frozen=True)
class Report:
    """Everything that one run found."""

    machine: Machine
    plan: Plan
    sides: tuple[Side, ...]
    measured: Measured
    checks: dict[str, Checks]

    def ratios(self, threads: int) -> list[Ratio]:
        """Our sides beside the peers, as far as both were wanted."""
        names = {side.name for side in self.sides}
        goals = [goal for goal in GOALS if {goal.ours, goal.peer} <= names]
        return compare(self.measured.rates[threads], goals)

    @property
    def violations(self) -> int:
        """Items on which a side found a more probable string than the exact decoder."""
        return sum(sum(checks.better.values()) for checks in self.checks.values())

    @property
    def mass_verdict(self) -> Verdict:
        """Whether our ten strings hold at least the mass of flashlight-text's on every set."""
        masses = [checks.mass for checks in self.checks.values()]
        if not masses or any(len(mass) < 2 for mass in masses):
            return "not measured"
        return "met" if all(m["exact-ten"] >= m["flashlight-text-ten"] for m in masses) else "not met"

    def as_json(self) -> dict[str, Any]:
        """One object for `json.dump`."""
        measured = self.measured
        return {
            "machine": asdict(self.machine),
            "plan": asdict(self.plan),
            "sides": [
                asdict(side)
                | {"versions": measured.versions.get(side.name), "failure": measured.failures.get(side.name)}
                for side in self.sides
            ],
            "rates": measured.rates,
            "ratios": {
                threads: [asdict(ratio) | {"worst": ratio.worst} for ratio in self.ratios(threads)]
                for threads in measured.rates
            },
            "checks": {name: asdict(checks) for name, checks in self.checks.items()},
            "mass_verdict": self.mass_verdict,
            "violations": self.violations,
        }

    def text(self) -> str:
        """All tables."""
        parts = [self._head(), self._side_table()]
        for threads in self.measured.rates:
            words = f"{threads} thread" + "s" * (threads > 1)
            parts += [f"## Rates, items/s, {words}", self._rate_table(threads)]
            parts += [f"## Ratios, {words}", self._ratio_table(threads)]
        if self.checks:
            parts += [
                "## Exact match, %",
                self._check_table("exact_match", lambda share: f"{100 * share:.2f}"),
            ]
            masses = self._check_table("mass", lambda mass: f"{mass:.6f}")
            parts += [f"## Mean mass of the ten strings: {self.mass_verdict}", masses]
            parts += ["## Certificates of the exact decoder", self._certificates()]
            parts += ["## Items with a string less probable than `exact`'s", self._check_table("worse", str)]
            parts += ["## Items with a more probable one (must be 0)", self._check_table("better", str)]
        return "\n\n".join(parts)

    def _head(self) -> str:
        machine, plan = self.machine, self.plan
        return (
            f"{machine.cpu}, {machine.cores} cores, {machine.system}, Python {machine.python}, "
            f"load before the run {machine.load:.2f}.\n"
            f"From one float32 (N, T, C) array in memory to N strings with log-probabilities; median of "
            f"{plan.rounds} rounds, in which the sides take turns."
        )

    def _side_table(self) -> str:
        rows = []
        for side in self.sides:
            versions = self.measured.versions.get(side.name, {})
            state = self.measured.failures.get(side.name) or ", ".join(map(" ".join, versions.items()))
            rows.append([side.name, side.settings, str(side.items), _SPLITS[side.split], state])
        return table(["side", "settings", "N a call", "two threads", "versions"], rows)

    def _rate_table(self, threads: int) -> str:
        rates = self.measured.rates[threads]
        rows = [
            [side.name, *(_rate(rates[name].get(side.name)) for name in rates)]
            for side in self.sides
            if side.name not in self.measured.failures
        ]
        return table(["side", *rates], rows, right=len(rates))

    def _ratio_table(self, threads: int) -> str:
        rates = self.measured.rates[threads]
        rows = []
        for ratio in self.ratios(threads):
            bounds = "-" if ratio.goal.floor is None else f"{ratio.goal.floor:g}"
            rows.append(
                [
                    f"{ratio.goal.ours} / {ratio.goal.peer}",
                    *(_factor(ratio.by_set.get(name)) for name in rates),
                    _factor(ratio.worst),
                    f"{bounds} / {ratio.goal.goal:g}",
                    ratio.verdict,
                ]
            )
        return table(["ratio", *rates, "worst", "floor / goal", "verdict"], rows, right=len(rates) + 2)

    def _certificates(self) -> str:
        rows = [
            ["proven, %", *(f"{100 * checks.proven:.2f}" for checks in self.checks.values())],
            [
                f"unproven at a probability of {LIKELY:g} or more, items (must be 0)",
                *(str(checks.unproven_likely) for checks in self.checks.values()),
            ],
        ]
        return table(["", *self.checks], rows, right=len(self.checks))

    def _check_table(self, what: str, shown: Any) -> str:
        columns: dict[str, Mapping[str, Any]] = {name: getattr(c, what) for name, c in self.checks.items()}
        names = dict.fromkeys(name for column in columns.values() for name in column)
        rows = [[name, *(shown(c[name]) if name in c else "-" for c in columns.values())] for name in names]
        return table(["side", *columns], rows, right=len(columns))


_SPLITS = {"own": "its own", "processes": "two processes, half each"}


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _factor(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: int = 0) -> str:
    """Markdown, in columns that also line up as plain text; `right` of them after the first are numbers."""
    table = [list(head), *map(list, rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    numbers = range(1, right + 1)
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in table
    ]
    rule = ["-" * (width - 1) + ":" if i in numbers else "-" * width for i, width in enumerate(widths)]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[1:]])
