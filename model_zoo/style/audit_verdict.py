"""The verdict of an audit: what a bot needs first, which just tries again, and then what 95 % take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from model_zoo.figures import Share
from model_zoo.style.audit_runner import TARGET
from model_zoo.style.curve import Curve, Reached, with_zero_shot
from model_zoo.style.curve_text import in_words, number_in_words, share_in_words
from model_zoo.told import count, percent

BROKEN = 0.01  # the share that breaks a scheme, see `audit_runner.TARGETS`

Kind = Literal["broken", "holds", "open"]


@dataclass(frozen=True)
class Verdict:
    """From how many samples a captcha is broken, and from how many it is read at 95 %.

    Attributes:
        curve: through the trainings.
        zero_shot: read right without samples.
        made: "1 of 15 trainings made", as long as a planned size has none; else None.
    """

    curve: Curve
    zero_shot: Share
    made: str | None = None

    @property
    def reached(self) -> tuple[Reached, ...]:
        """For every target; 0 samples where it is reached without any, no interval while nothing is known."""
        found = [
            with_zero_shot(it, self.zero_shot.value, self.zero_shot.interval) for it in self.curve.reached
        ]
        return tuple(
            Reached(it.target, None, None, None) if self.made and it.samples is None else it for it in found
        )

    def at(self, target: float) -> Reached:
        """For one target of the audit."""
        return next(it for it in self.reached if it.target == target)

    @property
    def kind(self) -> Kind:
        """Whether 1 % are read; `open` where the interval does not tell, or trainings are missing."""
        broken = self.at(BROKEN)
        if broken.samples is not None:
            return "broken"
        return "holds" if broken.low is None and not self.made else "open"

    def number(self, reached: Reached) -> str:
        """How many samples, as "120", "at most 10", "more than 490" or "not known yet"."""
        unknown = self.made and reached.samples is None
        return "not known yet" if unknown else number_in_words(reached, self.curve)

    @property
    def headline(self) -> str:
        """The verdict, as a line."""
        if self.kind != "broken":
            return self._unbroken()
        return self._broken() if self.at(TARGET).samples == 0 else f"{self._broken()}; {self.answer}"

    @property
    def answer(self) -> str:
        """From how many samples on 95 % are read, as a line."""
        answer, target = self.at(TARGET), share_in_words(TARGET)
        if answer.samples is None:
            if self.made:
                return f"{target}: no answer yet, {self.made}"
            return f"{target} not reached with {count(self.curve.levels[-1].size, 'sample')}"
        if not answer.samples:
            return f"{target} without samples"
        how = "with" if answer.samples <= self.curve.levels[0].size else "from"
        more = f" ({self.made})" if self.made else ""
        return f"{target} {how} {in_words(answer, self.curve)}{more}"

    def _broken(self) -> str:
        broken, least = self.at(BROKEN), self.curve.levels[0]
        if not broken.samples:
            return f"broken without samples: {percent(self.zero_shot.value)} are read"
        if broken.samples <= least.size:
            return f"broken with {in_words(broken, self.curve)}: {percent(least.value)} are read"
        return f"broken from {in_words(broken, self.curve)}: {share_in_words(BROKEN)} are read"

    def _unbroken(self) -> str:
        most = self.curve.levels[-1]
        if self.made:
            return f"no answer yet: {self.made}"
        read = f"{count(most.size, 'sample')}: {percent(most.value)} are read"
        if self.kind == "holds":
            return f"holds at {read}"
        return f"may hold at {read}, but the test images leave up to {percent(most.high)} open"


def targets_in_words(verdict: Verdict, targets: Sequence[float]) -> str:
    """What some targets take, as "1 %: 0, 50 %: 12, 95 %: more than 204"."""
    return ", ".join(f"{share_in_words(it)}: {verdict.number(verdict.at(it))}" for it in targets)
