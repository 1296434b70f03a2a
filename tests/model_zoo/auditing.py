"""An attacker that learns at once and as well as told, and a clock that only its work moves."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labelled import noise

from model_zoo.split import LabelledFile
from model_zoo.style.attack import LabelFormat, Outcome
from model_zoo.style.audit_plan import Draw
from model_zoo.style.audit_runner import Clock
from model_zoo.style.samples import Samples, read_samples

CHARACTERS = "abcdef"


def some_samples(folder: Path, count: int = 120) -> Samples:
    """Images with texts of four characters, none of them rare.

    BMP, whose bytes no library's version changes: they say which part an image falls into.
    """
    rng = random.Random(1)
    texts = {"".join(rng.choice(CHARACTERS) for _ in range(4)) for _ in range(2 * count)}
    folder.mkdir()
    for text in sorted(texts)[:count]:
        noise(text).save(folder / f"{text}.bmp")
    return read_samples(folder)


@dataclass
class Pretender:
    """Reads a share of the images right that grows with the samples.

    Attributes:
        half: samples with which half of the images are read.
        start: share that is read without samples.
        lazy: share of its time after which a training stops by itself; above 1 it takes longer than it may.
        least: seconds that a training takes in any case, as its first pass over the images does.
        interrupt_at: number of the training, from 0, in which Ctrl-C comes; None for never.
        unseen: whether it is known that it begins without having learnt from an image.
        out_of_time: whether it says that time ended its trainings.
        sure_of: what it reads instead of these labels, whatever it has learnt.
        now: of its clock, in seconds.
        draws: what it learnt from, and the seconds that it might take.
    """

    half: float = 20.0
    start: float = 0.0
    lazy: float = 1.0
    least: float = 0.0
    interrupt_at: int | None = None
    unseen: bool = True
    out_of_time: bool = False
    sure_of: Mapping[str, str] = field(default_factory=dict)
    now: float = 0.0
    draws: list[tuple[Draw, float]] = field(default_factory=list)

    def clock(self) -> Clock:
        """Stands still but for this attacker's work."""
        return Clock(lambda: self.now)

    def model(self) -> str:
        return "generic@0123456789ab"

    def knows_none_of(self, files: Sequence[LabelledFile]) -> bool:
        return self.unseen

    def zero_shot(self, test: Sequence[LabelledFile], known: LabelFormat) -> Outcome:
        self.now += 0.5
        return self._read(test, self.start, 0)

    def fine_tuned(
        self,
        draw: Draw,
        test: Sequence[LabelledFile],
        known: LabelFormat,
        *,
        seconds: float,
        seed: int,
        on_epoch: Callable[[float], None],
    ) -> Outcome:
        if len(self.draws) == self.interrupt_at:
            raise KeyboardInterrupt
        self.draws.append((draw, seconds))
        took = max(self.lazy * seconds, self.least)
        on_epoch(took / 2)
        self.now += took + 0.5
        n = len(draw.training) + len(draw.validation)
        outcome = self._read(test, 1 / (1 + (self.half / n) ** 3), seed)
        return Outcome(outcome.texts, outcome.probabilities, took, 7, "as it says", self.out_of_time)

    def _read(self, test: Sequence[LabelledFile], share: float, seed: int) -> Outcome:
        rng = random.Random(seed)
        right = [rng.random() < share for _ in test]
        texts = tuple(
            file.label if it else file.label[:-1] + "?" for file, it in zip(test, right, strict=True)
        )
        probabilities = tuple(0.9 if it else 0.4 for it in right)
        if self.sure_of:
            told = [self.sure_of.get(file.label) for file in test]
            texts = tuple(it or text for it, text in zip(told, texts, strict=True))
            probabilities = tuple(0.96 if it else p for it, p in zip(told, probabilities, strict=True))
        return Outcome(texts, probabilities)


def logistic(size: float, half: float, slope: float) -> float:
    """A learning curve: the share that is read with so many samples."""
    return 1 / (1 + math.exp(-slope * (math.log(size) - math.log(half))))
