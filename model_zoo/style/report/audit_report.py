"""An audit with everything that is said of it: the answer in words, its notes, and what protects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from model_zoo.figures import Share
from model_zoo.split import RULE
from model_zoo.style.audit import Audit
from model_zoo.style.audit_journal import Run, of_size
from model_zoo.style.audit_plan import DRAWS
from model_zoo.style.audit_runner import TARGET
from model_zoo.style.bot import Bot, bot
from model_zoo.style.curve import Curve, Reached, with_zero_shot
from model_zoo.style.curve_text import interval_in_words, share_in_words
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
        median: the median run with the most samples; figures, answers and findings are its.
        figures: of that run.
        texts: of all labels.
        findings: what protects and what does not.
        bots: readers of no, the fewest and the most samples.
    """

    audit: Audit
    curve: Curve
    median: Run
    figures: Figures
    texts: Texts
    findings: tuple[Finding, ...]
    bots: tuple[Bot, ...]

    @property
    def answer(self) -> Reached:
        """From how many samples on 95 % are read."""
        return next(it for it in self.reached if it.target == TARGET)

    @property
    def reached(self) -> tuple[Reached, ...]:
        """The same for every target; 0 samples where it is reached without any."""
        return _reached(self.curve, self.zero_shot)

    @property
    def zero_shot(self) -> Share:
        """Read right without a sample."""
        return self.bots[0].success

    @property
    def headline(self) -> str:
        """The answer, as a line."""
        target = share_in_words(TARGET)
        if self.answer.samples == 0:
            return f"read at {target} without one sample"
        most = self.curve.levels[-1].size
        if self.answer.samples is None:
            return f"not read at {target} with {count(most, 'sample')}"
        first = self.answer.samples <= self.curve.levels[0].size
        return f"read at {target} {'with at most' if first else 'from'} {self.answer.samples:,} samples"

    def lines(self) -> list[str]:
        """The answer in a few lines for a terminal."""
        most = self.curve.levels[-1]
        return [
            f"{self.headline} (95 % interval: {interval_in_words(self.answer, self.curve)})",
            f"without samples: {percent(self.zero_shot.value)} ({percents(*self.zero_shot.interval)})",
            f"with {most.size:,}: {percent(most.value)} ({percents(most.low, most.high)}), on "
            f"{count(len(self.audit.test), 'test image')}",
            *self.notes(),
        ]

    def notes(self) -> list[str]:
        """What a reader must know before believing the answer."""
        audit, notes = self.audit, []
        if not audit.unseen:
            notes.append(
                f"nobody knows which images {audit.head.model} was trained on; if these are among them, it "
                "takes more samples than is said here"
            )
        if audit.fell_short:
            made = ", ".join(f"{size:,}: {draws}" for size, draws in audit.draws.items())
            notes.append(
                f"--minutes {audit.minutes:g} was too little for {DRAWS} draws of every size (made: {made}); "
                "more would narrow the answer"
            )
        runs = [run for run in audit.runs if run.size]
        over = sum(run.used_up for run in runs)
        if over > _MOST_RUNS_OVER * len(runs) and self.answer.samples != 0:
            notes.append(
                f"time ended {over} of {len(runs)} trainings before they stopped by themselves; with "
                "more --minutes fewer samples may be enough"
            )
        if len(audit.test) < 100:
            notes.append(f"only {count(len(audit.test), 'test image')}: the intervals are wide")
        return notes


def make_report(audit: Audit) -> AuditReport:
    """Everything that is said of an audit; none of its images is read again."""
    smallest, largest = audit.sizes[0], audit.sizes[-1]
    chosen = {size: _median(audit, of_size(audit.runs, size)) for size in (0, smallest, largest)}
    answers = [
        Reading(file, text, probability)
        for file, text, probability in zip(
            audit.test, chosen[largest].texts, chosen[largest].probabilities, strict=True
        )
    ]
    figures = measure(answers)
    texts = look_at_texts([file.label for file in audit.samples.files])
    n = len(audit.test)
    shares = {size: Share(audit.right(run), n) for size, run in chosen.items()}
    (answer,) = (it for it in _reached(audit.curve, shares[0]) if it.target == TARGET)
    return AuditReport(
        audit,
        audit.curve,
        chosen[largest],
        figures,
        texts,
        findings(texts, audit.appearance, len(audit.samples.sizes), figures, answers, audit.curve, answer),
        tuple(bot(size, share) for size, share in shares.items()),
    )


def _reached(curve: Curve, zero_shot: Share) -> tuple[Reached, ...]:
    return tuple(with_zero_shot(it, zero_shot.value, zero_shot.interval) for it in curve.reached)


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
        "The curve is the mean of the draws, made rising, and between two sizes straight in "
        "asin(sqrt(share)) over log n. Its interval holds what the test images and the draws leave open, "
        "from 4,000 redraws; docs/audit.md has the formulas and their sources.",
        "Figures by character and place, and what protects, are of the median run with the most samples.",
        "It is this reader's curve. Another one may need fewer samples, so it shows how weak the captcha is "
        "at least, not how strong.",
    ]
