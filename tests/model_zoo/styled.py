"""Folders of labelled captchas in one easy style, and settings that make a training short."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from model_zoo.charset import Charset
from model_zoo.generators.styles.render import render
from model_zoo.generators.styles.style import DIGITS, draw_style
from model_zoo.split import LabelledFile
from model_zoo.style.body import style_network
from model_zoo.style.tuned import Moment, Suspect, Tuned
from model_zoo.style.tuning import STYLE
from model_zoo.training.data import Normalisation
from model_zoo.training.start import load_start

# What `quickly` sets, as lines of a program as well: a process that is killed has to set them itself.
SHORT = {
    "model_zoo.style.looked_at.BANK": 32,
    "model_zoo.style.tuning.LEAST_IMAGES": 48,
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
    """Images named LABEL_NUMBER.png, all in one style that is easy to read.

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
        Image.fromarray(image).save(folder / f"{label}_{number}.png")
    return folder


def untrained(
    training: Sequence[LabelledFile],
    validation: Sequence[LabelledFile],
    *,
    start: str = "generic",
    charset: str | None = None,
    suspects: tuple[Suspect, ...] = (),
) -> Tuned:
    """What `tune` would give after no time: the generic model with a head for the labels."""
    given = load_start(start)
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
        moments=(Moment(1, 1.0, 0.5, 0.5, 0.7, 1.0),),
        stopped="it was not begun",
        suspects=suspects,
        seconds=1.0,
        images=len(training),
        recipe=STYLE,
        start=given,
        length=(min(map(len, labels)), max(map(len, labels))),
    )
