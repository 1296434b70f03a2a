"""An audit with everything that is said of it: the answer in words, its notes, and what protects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from model_zoo.figures import Share
from model_zoo.split import RULE
from model_zoo.style.audit import Audit
from model_zoo.style.audit_journal import Run, of_size
from model_zoo.style.audit_labels import Doubt, doubts
from model_zoo.style.audit_plan import DRAWS
from model_zoo.style.audit_runner import TARGET
from model_zoo.style.audit_verdict import Verdict, targets_in_words
from model_zoo.style.bot import Bot, bot
from model_zoo.style.curve import Curve, Reached
from model_zoo.style.curve_text import interval_in_words
from model_zoo.style.figures import Figures, measure
from model_zoo.style.protection import Finding, findings
from model_zoo.style.reading import Reading
from model_zoo.style.texts import Texts, look_at_texts
from model_zoo.told import count, percent, percents

_MOST_RUNS_OVER = 0.5  # from this share on, runs that time ended are worth a warning


@dataclass(frozen=True)
class AuditReport:
    """An audit with everything that is said of it.

    Attributes:
        audit: what was found.
        curve: through its runs.
        verdict: what the curve means.
        median: the median run with the most samples; figures and answers are its.
        figures: of that run.
        texts: of all labels.
        findings: what protects and what does not.
        bots: readers of no, the fewest and the most samples, by the curve.
        doubts: test images whose labels may be wrong.
    """

    audit: Audit
    curve: Curve
    verdict: Verdict
    median: Run
    figures: Figures
    texts: Texts
    findings: tuple[Finding, ...]
    bots: tuple[Bot, ...]
    doubts: tuple[Doubt, ...]

    @property
    def answer(self) -> Reached:
        """From how many samples on 95 % are read."""
        return self.verdict.at(TARGET)

    @property
    def reached(self) -> tuple[Reached, ...]:
        """The same for every target."""
        return self.verdict.reached

    @property
    def zero_shot(self) -> Share:
        """Read right without a sample."""
        return self.verdict.zero_shot

    @property
    def headline(self) -> str:
        """The verdict, as a line."""
        return self.verdict.headline

    def interval(self, reached: Reached) -> str:
        """Of a number of samples, in words; empty while nothing is known."""
        unknown = self.verdict.made and reached.samples is None
        return "" if unknown else interval_in_words(reached, self.curve)

    def facts(self) -> list[str]:
        """What the verdict rests on, in three lines."""
        interval = self.interval(self.answer)
        none, most = self.bots[0], self.bots[-1]
        worse = self.curve.points[-1].mean < self.zero_shot.value
        how = "as without any, since trainings read less" if worse else "by the curve, the mean of the draws"
        return [
            f"samples it takes for {targets_in_words(self.verdict, (0.01, 0.1, 0.5, TARGET))}"
            + (f" (95 % interval: {interval})" if interval else ""),
            f"without samples: {_success(none)}",
            f"with {count(most.samples, 'sample')}: {_success(most)}; {how}, on "
            f"{count(len(self.audit.test), 'test image')}",
        ]

    def lines(self) -> list[str]:
        """The verdict in a few lines for a terminal."""
        return [self.headline, *self.facts(), *self.notes()]

    def notes(self) -> list[str]:
        """What a reader must know before believing the answer."""
        audit, notes = self.audit, self._unfinished()
        if not audit.unseen:
            notes.append(
                f"nobody knows which images {audit.head.model} was trained on; if these are among them, it "
                "takes more samples than is said here"
            )
        if self.doubts:
            notes.append(self._doubted())
        if worse := self._worse():
            notes.append(worse)
        runs = [run for run in audit.runs if run.size]
        over = sum(run.used_up for run in runs)
        if over > _MOST_RUNS_OVER * len(runs) and self.answer.samples != 0:
            notes.append(
                f"time ended {over} of {count(len(runs), 'training')} early; with more --minutes fewer "
                "samples may be enough"
            )
        if len(audit.test) < 100:
            notes.append(f"only {count(len(audit.test), 'test image')}: the intervals are wide")
        return notes

    def _unfinished(self) -> list[str]:
        """Whether trainings are missing, and how to go on."""
        audit = self.audit
        made = ", ".join(f"{size:,}: {draws}" for size, draws in audit.draws.items())
        if audit.stopped:
            return [
                f"stopped by Ctrl-C after {audit.trainings} of {count(audit.planned, 'training')} (made: "
                f"{made}); go on with the same command and --resume"
            ]
        if not audit.fell_short:
            return []
        more = (
            "more would narrow the answer"
            if audit.complete
            else f"go on with the same command, --resume and --minutes {audit.enough_minutes}"
        )
        return [
            f"--minutes {audit.minutes:g} was too little for {DRAWS} draws of every size (made: {made}); "
            + more
        ]

    def _doubted(self) -> str:
        first, n, test = self.doubts[0], len(self.doubts), len(self.audit.test)
        image, label = ("that image", "its label is") if n == 1 else ("those images", "their labels are")
        return (
            f"look at {n} of the {test:,} test labels first: most of the {first.of} larger trainings read "
            f"{image} alike and otherwise; if {label} wrong, nobody can be right on more than "
            f"{percent(1 - n / test)}"
        )

    def _worse(self) -> str | None:
        """Of sizes that are read worse than size 0, on average."""
        none = self.zero_shot.value
        worse = [point for point in self.curve.points if point.mean < none]
        if not worse:
            return None
        means = ", ".join(f"{percent(point.mean)} with {point.size:,}" for point in worse)
        return (
            f"on average, with some sizes less is read than without samples ({means}, {percent(none)} "
            "without); an attacker would keep the model as it is there, and so does the curve"
        )


def make_report(audit: Audit) -> AuditReport:
    """Everything that is said of an audit; none of its images is read again."""
    smallest, largest = audit.sizes[0], audit.sizes[-1]
    median = _median(audit, of_size(audit.runs, largest))
    answers = [
        Reading(file, text, probability)
        for file, text, probability in zip(audit.test, median.texts, median.probabilities, strict=True)
    ]
    figures = measure(answers)
    texts = look_at_texts([file.label for file in audit.samples.files])
    (without,) = of_size(audit.runs, 0)
    zero_shot = Share(audit.right(without), len(audit.test))
    made = f"{audit.trainings} of {count(audit.planned, 'training')} made"
    verdict = Verdict(audit.curve, zero_shot, None if audit.complete else made)
    levels = [level for level in audit.curve.levels if level.size in (smallest, largest)]
    return AuditReport(
        audit,
        audit.curve,
        verdict,
        median,
        figures,
        texts,
        findings(texts, audit.appearance, len(audit.samples.sizes), figures, answers, verdict),
        (
            bot(0, zero_shot.value, *zero_shot.interval),
            *(bot(level.size, level.value, level.low, level.high) for level in levels),
        ),
        doubts(audit.runs, audit.test),
    )


def _success(it: Bot) -> str:
    needed = "" if math.isinf(it.needed) else f", {it.needed:,.1f} attempts on average"
    return f"{percent(it.success)} ({percents(it.low, it.high)}){needed}"


def _median(audit: Audit, runs: Sequence[Run]) -> Run:
    """The run in the middle; the lower one of two."""
    middle = median_low([audit.right(run) for run in runs])
    return next(run for run in runs if audit.right(run) == middle)


def method(report: AuditReport) -> list[str]:
    """How it was measured and what that leaves open, as sentences."""
    audit = report.audit
    return [
        f"{count(len(audit.test), 'image')} of the test part judged every run ({RULE}). No training, and no "
        "decision when to end one, saw any of them.",
        f"Each run began afresh with {audit.head.model} and learnt from its n labelled images and nothing "
        "else; about one in seven of them ended the training. Like the reader without samples, it was told "
        "the characters and the lengths of the labels, which anyone sees. Each draw is n images by chance of "
        f"the {len(audit.pool):,} outside the test part; large draws share many, and at the largest size all "
        "of them, so there the draws differ little and the interval says little of another collection.",
        "The curve is the mean of the draws, made rising, nowhere below what is read without samples, and "
        "between two sizes straight in asin(sqrt(share)) over log n. Its interval holds "
        "what the test images and the draws leave open, from 4,000 redraws; docs/audit.md has the formulas "
        "and their sources.",
        f"Figures by character, place and length, and what is taken for what, are of one training: of those "
        f"with the most samples the one in the middle, draw {report.median.draw + 1}, which reads "
        f"{percent(report.figures.exact_match.value)}. All other figures are of the curve, the mean of "
        "draws.",
        "It is this reader's curve. Another one may need fewer samples, so it shows how weak the captcha is "
        "at least, not how strong.",
    ]
