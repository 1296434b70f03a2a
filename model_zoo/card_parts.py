"""What a card says in more than one word: what was measured, what the model saw. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from model_zoo.constraint_texts import ConstraintTexts

DECODERS = ("exact", "beam", "greedy", "alignment-beam")


@dataclass(frozen=True)
class Accuracy:
    """Exact match over one part of the data, with its 95 % Wilson interval.

    Attributes:
        part: `test`, `validation`, or `out-of-fold`: every image read by a model of the same recipe that was
            fitted without the fold it lies in.
        decoder: what read the images, one of `DECODERS`.
        value: share of images whose whole text is right, 0 to 1.
        low: lower end of the interval.
        high: upper end of the interval.
        n: images in the part.
        seed: of the training, where several were measured; None where one model was.
        constraints: what answers were known to keep, e.g. their length; None: nothing.
    """

    part: str
    decoder: str
    value: float
    low: float
    high: float
    n: int
    seed: int | None = None
    constraints: ConstraintTexts | None = None


@dataclass(frozen=True)
class CalibrationError:
    """How far probabilities are from the share that is right: the expected calibration error (ECE), 0 to 1.

    Guo et al. (2017), On calibration of modern neural networks, equation 3.

    Attributes:
        equal_width: over 15 bins of the same width, as there; the figure that others publish.
        equal_mass: over 15 bins of the same number of answers; it tells more where nearly all are sure.
    """

    equal_width: float
    equal_mass: float


@dataclass(frozen=True)
class ReliabilityRow:
    """The answers whose probabilities lie in one bin.

    Attributes:
        low: probability at which the bin begins, itself left out but for 0.
        high: probability at which it ends, itself included.
        n: answers in it, at least 1.
        mean_probability: of them.
        right: how many of them are right.
    """

    low: float
    high: float
    n: int
    mean_probability: float
    right: int


@dataclass(frozen=True)
class Calibration:
    """What the probabilities of a model's answers are worth.

    Attributes:
        part: as of `Accuracy`.
        decoder: what read the images, one of `DECODERS`.
        n: answers.
        before: at temperature 1.
        after: at the model's temperature.
        table: the bins of equal width that are not empty, at the model's temperature.
        seed: as of `Accuracy`.
        constraints: as of `Accuracy`; a probability is among the texts that they allow.
    """

    part: str
    decoder: str
    n: int
    before: CalibrationError
    after: CalibrationError
    table: tuple[ReliabilityRow, ...]
    seed: int | None = None
    constraints: ConstraintTexts | None = None


@dataclass(frozen=True)
class Threshold:
    """The probability from which on answers are precise enough.

    Attributes:
        target: the precision asked for, e.g. 0.99.
        probability: the smallest P of which it is proven; None where n does not support the target.
        kept: answers with at least this probability; without one, those that were tested first.
        errors: how many of them are wrong.
        low: the lower bound of their precision.
    """

    target: float
    probability: float | None
    kept: int
    errors: int
    low: float


@dataclass(frozen=True)
class Precision:
    """From which probability on answers are right as often as asked for; see `calibration.thresholds`.

    Attributes:
        part: as of `Accuracy`.
        decoder: what read the images, one of `DECODERS`.
        n: answers.
        confidence: of each lower bound, one-sided.
        thresholds: one for each target.
        seed: as of `Accuracy`.
        constraints: as of `Accuracy`.
    """

    part: str
    decoder: str
    n: int
    confidence: float
    thresholds: tuple[Threshold, ...]
    seed: int | None = None
    constraints: ConstraintTexts | None = None


def answers_needed(target: float, confidence: float = 0.95) -> int:
    """The fewest answers, all of them right, that prove a precision of `target`: 299 for 0.99.

    With n answers and no error the Clopper-Pearson bound is (1 - confidence) ** (1 / n).
    """
    return math.ceil(math.log(1 - confidence) / math.log(target))


@dataclass(frozen=True)
class Member:
    """A model that an ensemble asks, pinned.

    Attributes:
        name: of the model, looked up beside the ensemble's card, then in the zoo.
        fingerprint: of its card and weights.
        sha256: of its weights.
    """

    name: str
    fingerprint: str
    sha256: str


@dataclass(frozen=True)
class TrainingData:
    """What the model saw, so that anyone can tell whether an image was among it.

    Attributes:
        name: of the data set.
        train: labelled images the weights were fitted to.
        validation: images that chose epochs and augmentation.
        test: images looked at once, at the end.
        split: the rule, in words.
        split_seed: seed of the rule; None where the rule needs none.
        sha256: over the sorted sha256 of all files (see `split.data_hash`).
        synthetic: generated images mixed into each epoch.
        source: where the labelled images come from.
    """

    name: str
    train: int
    validation: int
    test: int
    split: str
    split_seed: int | None
    sha256: str
    synthetic: int
    source: str = ""
