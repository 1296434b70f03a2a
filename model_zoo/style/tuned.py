"""What training on one style gives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from model_zoo.charset import Charset
from model_zoo.split import LabelledFile
from model_zoo.style.backbone import Case
from model_zoo.training.data import Normalisation
from model_zoo.training.recipe import Recipe
from model_zoo.training.start import Start


@dataclass(frozen=True)
class Suspect:
    """A label that may be wrong: the reading disagrees with it, and surely."""

    file: LabelledFile
    reading: str
    probability: float


@dataclass(frozen=True)
class StyleEpoch:
    """One epoch.

    Attributes:
        epoch: from 1, over all rounds.
        seconds: since the start.
        loss: mean over the images trained on.
        validation_exact_match: None without validation images.
        validation_loss: likewise.
        share: of the round that is done, 0 to 1.
        round: from 1.
    """

    epoch: int
    seconds: float
    loss: float
    validation_exact_match: float | None
    validation_loss: float | None = None
    share: float = 0.0
    round: int = 1


@dataclass(frozen=True)
class Tuned:
    """A reader of one style.

    Attributes:
        network: in evaluation mode.
        charset: of its classes.
        normalise: what it expects.
        height: of the input, in pixels.
        width: of the input, in pixels.
        time_steps: T.
        epochs: of all rounds, in their order.
        stopped: why it ended, a phrase.
        suspects: among training and validation images.
        seconds: that it took.
        images: trained on.
        recipe: of the round whose weights these are, with the seed of the training.
        start: that it began with.
        length: the fewest and the most characters of the labels.
        round: whose weights these are, from 1.
        out_of_time: whether the budget ended it.
        looked_at: images among which suspects were looked for.
        case: in which the start draws the letters of the labels.
        threads: of torch, that were fastest; None where that is not known.
    """

    network: nn.Module
    charset: Charset
    normalise: Normalisation
    height: int
    width: int
    time_steps: int
    epochs: tuple[StyleEpoch, ...]
    stopped: str
    suspects: tuple[Suspect, ...]
    seconds: float
    images: int
    recipe: Recipe
    start: Start
    length: tuple[int, int]
    round: int = 1
    looked_at: int = 0
    out_of_time: bool = False
    case: Case = "labelled"
    threads: int | None = None


def in_words(seconds: float) -> str:
    """`20 minutes`, `90 seconds`."""
    if seconds >= 120:
        return f"{seconds / 60:.3g} minutes"
    return f"{seconds:.3g} seconds"
