"""Folders of labelled captchas in one easy style, and settings that make a training short."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from model_zoo.charset import Charset
from model_zoo.generators.styles.render import render
from model_zoo.generators.styles.style import DIGITS, draw_style
from model_zoo.split import LabelledFile
from model_zoo.style.backbone import style_network
from model_zoo.style.tuned import StyleEpoch, Suspect, Tuned
from model_zoo.style.tuning import STYLE, tune
from model_zoo.training.data import Normalisation
from model_zoo.training.fit import Fit
from model_zoo.training.log import EpochLog
from model_zoo.training.start import Start, load_start

Tune = Callable[..., Tuned]

# What `quickly` sets, as lines of a program as well: a process that is killed has to set them itself.
SHORT = {
    "model_zoo.style.looked_at.BANK": 32,
    "model_zoo.style.epochs.LEAST_IMAGES": 48,
    "model_zoo.style.epochs.AS_MANY_GENERATED": 10,
    "model_zoo.style.rounds.FIRST_ROUND": 128,
}


def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short epochs, short rounds, few generated images."""
    for name, value in SHORT.items():
        monkeypatch.setattr(name, value)


def in_a_program() -> str:
    """`quickly` for a process of its own."""
    lines = [f"import {name.rpartition('.')[0]}; {name} = {value}" for name, value in SHORT.items()]
    return "\n".join(lines)


def write_style(
    folder: Path,
    count: int,
    *,
    charset: str = DIGITS,
    length: tuple[int, int] = (4, 4),
    capitals: bool = False,
    seed: int = 0,
) -> Path:
    """Images named LABEL_NUMBER.bmp, all in one style that is easy to read.

    Args:
        folder: that gets them, and is given back.
        count: how many.
        charset: of the labels.
        length: of the labels.
        capitals: whether the images show capitals where the labels have small letters.
        seed: of the labels.
    """
    shown = charset.upper() if capitals else charset
    style = draw_style(random.Random(5), charset=shown, length=length, hardness=0.3)
    source = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        label = "".join(source.choice(charset) for _ in range(source.randint(*length)))
        image = render(label.upper() if capitals else label, style, source)
        Image.fromarray(image).save(folder / f"{label}_{number}.bmp")
    return folder


def untrained(
    training: Sequence[LabelledFile],
    validation: Sequence[LabelledFile],
    *,
    start: str | Start = "generic",
    charset: str | None = None,
    suspects: tuple[Suspect, ...] = (),
) -> Tuned:
    """What `tune` would give after no time: the generic model with a head for the labels."""
    given = start if isinstance(start, Start) else load_start(start)
    labels = [file.label for file in (*training, *validation)]
    chars = Charset(charset or "".join(sorted({char for label in labels for char in label})))
    network = style_network(given, chars, given.card.height, given.card.width, "labelled").eval()
    return Tuned(
        network=network,
        charset=chars,
        normalise=Normalisation(given.card.mean, given.card.std),
        height=given.card.height,
        width=given.card.width,
        time_steps=given.card.time_steps,
        epochs=(StyleEpoch(1, 1.0, 0.5, 0.5, 0.7, 1.0),),
        stopped="it was not begun",
        suspects=suspects,
        seconds=1.0,
        images=len(training),
        recipe=STYLE,
        start=given,
        length=(min(map(len, labels)), max(map(len, labels))),
    )


@dataclass
class Clock:
    """Stands still but for the work of its fits.

    Attributes:
        per_image: seconds that training takes an image.
        figures: exact match on the validation images after each round; the last one stays.
        validation_losses: their mean loss, likewise; that of the training is always 1.
        trains: whether the epochs train, or only take their time.
        now: seconds.
        begun: seconds at which each epoch began.
        rounds: the labels of each epoch, generated ones included.
    """

    per_image: float = 0.01
    figures: tuple[float, ...] = (0.5,)
    validation_losses: tuple[float, ...] = (1.0,)
    trains: bool = False
    now: float = 0.0
    begun: list[float] = field(default_factory=list)
    rounds: list[tuple[str, ...]] = field(default_factory=list)

    def perf_counter(self) -> float:
        """In the place of that of `time`."""
        return self.now

    def install(self, set_attribute: Callable[[str, object], object]) -> None:
        """Make `tune` live by this clock."""
        clock = self

        class Timed(Fit):
            def epoch(self) -> EpochLog:
                clock.begun.append(clock.now)
                if clock.trains:
                    return super().epoch()
                given = self.images(self.state.epoch)
                images = len(given)
                clock.now += images * clock.per_image
                clock.rounds.append(given.labels)
                self.state.epoch += 1
                number = self.recipe.seed % 100
                with torch.no_grad():
                    self.state.average.state_dict()["head.bias"].fill_(number)
                figure = clock.figures[min(number, len(clock.figures) - 1)]
                loss = clock.validation_losses[min(number, len(clock.validation_losses) - 1)]
                return EpochLog(self.state.epoch, images, 1.0, loss, validation_exact_match=figure)

            def losses(
                self, images: object, batches: Sequence[torch.Tensor], _: object
            ) -> Iterator[torch.Tensor]:
                if clock.trains:
                    yield from super().losses(images, batches, _)  # type: ignore[arg-type]
                else:
                    yield from (torch.tensor(float(len(batch))) for batch in batches)

            def descend(self, loss: torch.Tensor) -> None:
                if clock.trains:
                    super().descend(loss)
                    clock.now += clock.per_image * self.recipe.batch_size
                else:
                    clock.now += clock.per_image * loss.item()

        set_attribute("model_zoo.style.tuning.time", self)
        set_attribute("model_zoo.style.tuning.Fit", Timed)


def tune_by_clock(files: Sequence[LabelledFile], monkeypatch: pytest.MonkeyPatch) -> Tune:
    """`tune` on the first thirty files, with the others to validate, from the model `tiny`, by a `Clock`."""
    quickly(monkeypatch)

    def run(clock: Clock | None = None, **options: Any) -> Tuned:
        (clock or Clock()).install(monkeypatch.setattr)
        given = {"seconds": 100.0, "start": "tiny", "device": "cpu", **options}
        return tune(given.pop("training", files[:30]), given.pop("validation", files[30:]), **given)

    return run
