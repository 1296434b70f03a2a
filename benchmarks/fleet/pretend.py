"""A worker whose forward pass is a sleep: `python -P -m fleet.pretend -A worker.celery_app worker ...`.

All else is the real worker's: Celery's two processes, the start of a batch, its blob fetched and unpacked,
the hash that tells a training image, the answers encoded, the commit. Only what `Solver.solve` does is
replaced (image decoding, forward pass, CTC decoding): it sleeps for as long as the device would take, and no
core is used meanwhile, as if the device had cores of its own.

Needs no torch.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# The application first, before Celery looks for it in the working directory; see worker.node.
import worker.celery_app
import worker.solving
from model_zoo.cards import DEFAULT_MODEL, ModelCard, find_card
from model_zoo.seen import TrainingImages, training_images
from worker.settings import Settings

# A file with the device's images a second, read again for every batch, so that a sweep restarts no worker.
RATE_VARIABLE = "FLEET_RATE_FILE"


@dataclass(frozen=True)
class Candidate:
    """As `model_zoo.decode.Candidate`, without torch."""

    text: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """As `model_zoo.solver.Prediction`, of as many characters in JSON as a real one."""

    text: str = "2b827"
    probability: float = 0.9987654321012345
    n_best: tuple[Candidate, ...] = (Candidate("2b827", 0.9987654321012345),)
    error: None = None
    proven: bool = True
    allowed_mass: float = 0.9999876543210123
    probability_high: None = None


@dataclass(frozen=True)
class Device:
    """Stands for a `torch.device`."""

    type: str = "cpu"

    def __str__(self) -> str:
        return "pretended"


class PretendedSolver:
    """Stands for `model_zoo.solver.Solver`.

    Args:
        card: of the model that it says it serves.
        known: the model's training images, which are looked for as ever.
        rate: the file with the images a second.
    """

    device = Device()

    def __init__(self, card: ModelCard, known: TrainingImages | None, rate: Path) -> None:
        self.card = card
        self.training_images = known
        self._rate = rate

    def solve(self, images: Sequence[bytes], *_: object, **__: object) -> list[Prediction]:
        """Sleep for `len(images) / rate` seconds; one answer an image."""
        time.sleep(len(images) / float(self._rate.read_text("ascii")))
        return [Prediction()] * len(images)


def load(settings: Settings) -> PretendedSolver:
    """In the place of `worker.solving.load`."""
    import model_zoo.preprocess  # noqa: F401 - a real worker has it in memory when its first batch comes

    card, directory = find_card(settings.model or DEFAULT_MODEL)
    return PretendedSolver(card, training_images(card, directory), Path(os.environ[RATE_VARIABLE]))


# Celery starts the worker's child afresh (spawn), and a fresh child imports this module first, under the
# second name; so the loader is replaced in both processes before `worker.tasks` takes it, and nowhere else.
if __name__ in ("__main__", "__mp_main__"):
    worker.solving.load = load  # type: ignore[assignment]

if __name__ == "__main__":
    from celery.__main__ import main

    sys.exit(main())
