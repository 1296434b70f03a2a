"""Test images whose labels may be wrong: larger trainings read them alike and otherwise than labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from model_zoo.split import LabelledFile
from model_zoo.style.audit_journal import Run

# Probability of such a reading, on average over the trainings that agree on it. What is only hard to read is
# read alike as well, but with less: 0.6 to 0.8 at six images of a made-up style that was read at 89 %.
SURE = 0.9

# Readers that miss more than this share of the images so surely cannot accuse a label.
_MOST = 0.3

# So many trainings must agree: one alone agrees with itself, and two did on an image that is hard to read.
_FEWEST = 3


@dataclass(frozen=True)
class Doubt:
    """A test image whose label to look at.

    Attributes:
        file: the image and its label.
        text: read by most of the larger trainings.
        trainings: how many of them read it.
        of: how many there are.
        probability: of the text, on average over those that read it.
    """

    file: LabelledFile
    text: str
    trainings: int
    of: int
    probability: float


def larger(runs: Sequence[Run]) -> list[Run]:
    """The trainings of the larger half of the sizes."""
    sizes = sorted({run.size for run in runs if run.size})
    return [run for run in runs if run.size in sizes[len(sizes) // 2 :]]


def doubts(runs: Sequence[Run], test: Sequence[LabelledFile]) -> tuple[Doubt, ...]:
    """The test images that most of the larger trainings surely read otherwise, the surest first.

    No training has seen their labels, so what several read alike is not learnt from these.

    Args:
        runs: of an audit.
        test: the images, in the order of the runs' texts.
    """
    judges = larger(runs)
    found = []
    for at, file in enumerate(test):
        text, votes = Counter(run.texts[at] for run in judges).most_common(1)[0]
        sure = fmean(run.probabilities[at] for run in judges if run.texts[at] == text)
        if text != file.label and votes > len(judges) / 2 and votes >= _FEWEST and sure >= SURE:
            found.append(Doubt(file, text, votes, len(judges), sure))
    if len(found) > _MOST * len(test):
        return ()
    return tuple(sorted(found, key=lambda it: (-it.probability, it.file.path.as_posix())))
