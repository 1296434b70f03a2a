"""What a card says in more than one word: what was measured, what the model saw. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

DECODERS = ("exact", "beam", "greedy", "alignment-beam")


@dataclass(frozen=True)
class Accuracy:
    """Exact match over one part of the data, with its 95 % Wilson interval.

    Attributes:
        part: `test` or `validation`.
        decoder: what read the images, one of `DECODERS`.
        value: share of images whose whole text is right, 0 to 1.
        low: lower end of the interval.
        high: upper end of the interval.
        n: images in the part.
    """

    part: str
    decoder: str
    value: float
    low: float
    high: float
    n: int


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
