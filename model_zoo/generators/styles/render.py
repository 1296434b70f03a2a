"""One image of a label in a style."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from model_zoo.generators.styles.damage import add_specks, bend, draw_strokes, spoil
from model_zoo.generators.styles.lettering import draw_text
from model_zoo.generators.styles.paper import draw_paper
from model_zoo.generators.styles.style import Style

NARROWEST = 16  # pixels


def render(label: str, style: Style, source: random.Random) -> np.ndarray[Any, Any]:
    """Draw `label`.

    Args:
        label: characters that the style's faces have.
        style: of the image.
        source: of all randomness; the same state draws the same image.

    Returns:
        Grey (H, W) at the style's own size.
    """
    height = max(NARROWEST, round(source.uniform(*style.height)))
    size = height, max(NARROWEST, round(height * style.aspect))
    noise = np.random.Generator(np.random.SFC64(source.getrandbits(64)))
    image = draw_paper(style, size, source, noise)
    text = draw_text(label, style, size, source)
    strokes = draw_strokes(style, size, source)
    if strokes is not None and style.warp_strokes:
        strokes = bend(strokes, style, source, noise)
    text = bend(text, style, source, noise)
    if strokes is not None and style.strokes_below:
        _over(image, strokes, _stroke_grey(style, source))
    image += text[:, :, 0] * (text[:, :, 1] - image)
    if strokes is not None and not style.strokes_below:
        _over(image, strokes, _stroke_grey(style, source))
    add_specks(image, style, source, noise)
    if style.border:
        image[0], image[-1], image[:, 0], image[:, -1] = (np.float32(source.uniform(*style.ink_grey)),) * 4
    return spoil(image, style, source, noise)


def _stroke_grey(style: Style, source: random.Random) -> float:
    match style.stroke_grey:
        case "ink":
            return source.uniform(*style.ink_grey)
        case "paper":
            return source.uniform(*style.paper_grey)
    return source.uniform(style.ink_grey[0], style.paper_grey[1])


def _over(image: np.ndarray[Any, Any], coverage: np.ndarray[Any, Any], grey: float) -> None:
    image += coverage.astype(np.float32) * np.float32(1 / 255) * (np.float32(grey) - image)
