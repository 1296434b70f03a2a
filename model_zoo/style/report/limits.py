"""What the figure of a training does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_zoo.style.figures import doubted
from model_zoo.told import count, percents

if TYPE_CHECKING:
    from model_zoo.style.report.training import TrainingReport


def limits(report: TrainingReport) -> list[str]:
    """What somebody might read into the figure, and should not."""
    exact, seen = report.figures.exact_match, {file.label for file in report.training}
    learnt = set().union(*seen)
    new = [file for file in report.test if not learnt.issuperset(file.label)]
    again = sum(file.label in seen for file in report.test)
    told = [
        "It is about images like these. Whether other images of the same captcha look like these, or will "
        "after a change of the site, it cannot say.",
        "A reading counts as wrong where it differs from the label, also where the label is what is wrong"
        f"{_may_be(report)}.",
        f"The probability of an answer is the model's own ({report.tempered.told}), and no measurement of a "
        "single image.",
    ]
    if exact.n < 100:
        told.insert(
            0,
            f"It rests on {count(exact.n, 'test image')}. More labelled images would narrow the interval of "
            f"{percents(*exact.interval)}.",
        )
    if again:
        told.append(
            f"{count(again, 'test image')} of {exact.n:,} show a text that a training image shows too, in "
            "another picture; if new texts are harder, this figure is too good."
        )
    if new:
        chars = ", ".join(sorted(set().union(*(file.label for file in new)) - learnt))
        told.append(
            f"{count(len(new), 'test image')} of {exact.n:,} "
            f"{'has' if len(new) == 1 else 'have'} a character that no training image shows ({chars}), and "
            "cannot be read right; add images with it."
        )
    if report.tuned.start.images is None:
        told.append(
            f"Which images {report.tuned.start.name}, that it began with, had learnt from is not known. Were "
            "test images among them, this figure is too good."
        )
    return told


def _may_be(report: TrainingReport) -> str:
    """How many of the wrong answers have a label to look at."""
    n = len(doubted(report.figures))
    return f"; {n:,} of the {count(len(report.figures.wrong), 'wrong answer')} may be such" if n else ""
