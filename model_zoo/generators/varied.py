"""Kaptcha with two fonts, and with as much variation as its real fonts leave us in doubt about.

Kaptcha draws each character in one of two fonts, Arial or Courier. Where Java has neither, it takes its own
sans for the first and its own monospaced font for the second, which are relatives of one another (the
"m" is 33 pixels wide or 24). Those two are not free; here each stands for several free fonts of a similar
build, every glyph stretched to the width measured on images of the style (parts 0 and 1 of
captcha_images_v2, see docs/training.md). A network that reads all of them should read the real ones too.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_zoo.generators import kaptcha
from model_zoo.generators.glyphs import Glyph, coverage, glyph

START = 28  # pixels: Kaptcha's width / (2 + length) of five characters


@dataclass(frozen=True)
class Box:
    """Where the ink of a character lies, measured at 40 pixels.

    Attributes:
        width: pixels from first to last ink.
        left: pixels from the origin to the first ink.
        advance: pixels to the next origin.
    """

    width: float
    left: float
    advance: int


@dataclass(frozen=True)
class Face:
    """A free font in the place of one of Kaptcha's.

    Attributes:
        file: in the folder `fonts`.
        height: scale that gives it the height of the real letters.
        weight: pixels by which its edges move outwards, for the boldness of the real letters.
    """

    file: str
    height: float
    weight: float


@dataclass(frozen=True)
class Variation:
    """How far an image may differ from the measured style; each value is the largest, drawn uniformly.

    Attributes:
        other_faces: share of the characters drawn in another face than the nearest.
        stretch: relative, across, of each character.
        height: relative, of the whole text.
        weight: pixels by which edges move, of the whole text; half as much again of each character.
        shift_x: pixels, of the whole text.
        shift_y: pixels, of the whole text.
        advance: pixels, of each character.
        stroke: relative width of the two strokes.
    """

    other_faces: float = 0.5
    stretch: float = 0.08
    height: float = 0.04
    weight: float = 0.35
    shift_x: float = 1.5
    shift_y: float = 0.8
    advance: float = 1.5
    stroke: float = 0.15


FAITHFUL = Variation(0, 0, 0, 0, 0, 0, 0, 0)

# The first is the nearest; all were compared pixel by pixel with first characters of real images.
PROPORTIONAL = (
    Face("Go-Bold.ttf", 0.96, 0.20),
    Face("Go-Medium.ttf", 0.955, 0.45),
    Face("noto-sans-latin-700-normal.woff", 0.99, -0.07),
    Face("noto-sans-latin-600-normal.woff", 0.96, 0.30),
    Face("DejaVuSansCondensed-Bold.ttf", 0.98, -0.25),
)
MONOSPACED = (
    Face("DejaVuSansMono-Bold.ttf", 1.0, -0.25),
    Face("Go-Bold.ttf", 0.96, 0.25),
    Face("noto-sans-mono-latin-700-normal.woff", 1.03, -0.45),
    Face("noto-sans-mono-latin-600-normal.woff", 0.99, -0.14),
    Face("noto-sans-latin-600-normal.woff", 0.96, 0.30),
)

# Of the proportional and of the monospaced font.
BOXES = {
    "2": (Box(18.9, 3.5, 19), Box(18.7, 4.7, 21)),
    "3": (Box(18.6, 4.5, 19), Box(18.3, 5.4, 20)),
    "4": (Box(21.1, 2.7, 21), Box(20.1, 3.9, 22)),
    "5": (Box(17.9, 5.0, 19), Box(17.1, 6.5, 19)),
    "6": (Box(20.5, 3.5, 21), Box(21.6, 3.9, 22)),
    "7": (Box(18.3, 4.8, 18), Box(17.9, 5.5, 20)),
    "8": (Box(21.1, 3.2, 21), Box(20.1, 4.9, 22)),
    "b": (Box(21.6, 4.5, 22), Box(20.8, 4.7, 22)),
    "c": (Box(18.6, 3.5, 20), Box(19.0, 5.0, 21)),
    "d": (Box(20.9, 3.5, 22), Box(21.9, 3.2, 23)),
    "e": (Box(20.8, 3.3, 22), Box(20.2, 4.5, 22)),
    "f": (Box(15.1, 3.3, 17), Box(18.0, 5.5, 22)),
    "g": (Box(20.4, 3.8, 22), Box(21.0, 3.3, 22)),
    "m": (Box(32.8, 4.5, 33), Box(22.1, 4.5, 24)),
    "n": (Box(19.1, 5.2, 21), Box(18.7, 5.7, 21)),
    "p": (Box(21.9, 4.5, 23), Box(21.7, 4.0, 22)),
    "w": (Box(31.8, 2.5, 33), Box(25.1, 2.7, 26)),
    "x": (Box(21.1, 3.3, 23), Box(20.4, 3.3, 22)),
    "y": (Box(22.1, 2.8, 24), Box(21.3, 3.0, 23)),
}


def render(
    text: str, source: random.Random, variation: Variation = FAITHFUL
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """One image of `text` in two fonts.

    Args:
        text: characters that the fonts have; more than about seven run out of the image.
        source: of all randomness.
        variation: how far from the measured style.

    Returns:
        uint8 (50, 200), grey.
    """
    ink = kaptcha.warped(_drawn_text(text, source, variation))
    wide = 1 + _spread(source, variation.stroke)
    ink = 1 - (1 - ink) * (1 - kaptcha.draw_strokes(source, whole=True, wide=wide))
    grey: np.ndarray[Any, np.dtype[np.uint8]] = np.rint(kaptcha.background() * (1 - ink)).astype(np.uint8)
    return grey


def _drawn_text(text: str, source: random.Random, variation: Variation) -> kaptcha.FloatImage:
    """Ink of the unwarped text, (50, 200), 0 to 1."""
    ink = np.zeros((kaptcha.HEIGHT, kaptcha.WIDTH), np.float32)
    height = 1 + _spread(source, variation.height)
    weight = _spread(source, variation.weight)
    x = START + _spread(source, variation.shift_x)
    baseline = kaptcha.BASELINE + 0.5 + _spread(source, variation.shift_y)
    for char in text:
        monospaced = source.random() < 0.5
        face = _chosen(MONOSPACED if monospaced else PROPORTIONAL, source, variation.other_faces)
        shape = glyph(face.file, char)
        box = BOXES[char][monospaced] if char in BOXES else _own_box(shape)
        bold = face.weight + weight + _spread(source, variation.weight / 2)
        across = (box.width - 2 * bold) / max(shape.width, 1) * (1 + _spread(source, variation.stretch))
        start, part = coverage(
            shape,
            scale=(across, face.height * height),
            weight=bold,
            x=x + box.left + bold - shape.left * across,
            baseline=baseline,
            size=ink.shape,
        )
        place = ink[:, start : start + part.shape[1]]
        np.maximum(place, part, out=place)
        x += box.advance + _spread(source, variation.advance)
    return ink


def _own_box(shape: Glyph) -> Box:
    """Of a character that was not measured: its own, by Kaptcha's rule."""
    return Box(shape.width, shape.left + 2, int(shape.width) + 2)


def _chosen(faces: tuple[Face, ...], source: random.Random, other: float) -> Face:
    return source.choice(faces[1:]) if source.random() < other else faces[0]


def _spread(source: random.Random, largest: float) -> float:
    return source.uniform(-largest, largest)
