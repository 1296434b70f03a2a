"""Glyphs of the shipped fonts as fields of signed distances: cheap to stretch and to thicken.

The distance of every point to the outline, positive inside: a threshold draws the glyph, another threshold
draws it bolder (Green 2007, Improved alpha-tested magnification for vector textures). The outlines come from
font files alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = Path(__file__).parent / "fonts"
FONT_SIZE = 40  # pixels

FINENESS = 6  # cells of a field per pixel, in each direction
REACH = 2  # pixels: distances beyond it are cut off
STEPS = 40  # units of a stored distance per pixel
MARGIN = 10  # pixels of the field left of the origin
ASCENT, FIELD_HEIGHT, FIELD_WIDTH = 42, 60, 72  # pixels of the field

Field = np.ndarray[Any, np.dtype[np.int8]]
Coverage = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Glyph:
    """One character of one font at 40 pixels.

    Attributes:
        field: signed distances in 1/40 pixel, (60 * 6, 72 * 6); the origin is 42 pixels down and 10 in.
        left: pixels from the origin to the first ink.
        width: pixels from the first ink to the last.
    """

    field: Field
    left: float
    width: float


@cache
def glyph(font: str, char: str) -> Glyph:
    """The field of a character.

    Args:
        font: a file of the folder `fonts`.
        char: one character; what the font does not have comes as its box.
    """
    canvas = Image.new("L", (FIELD_WIDTH * FINENESS, FIELD_HEIGHT * FINENESS), 0)
    place = (MARGIN * FINENESS, ASCENT * FINENESS)
    ImageDraw.Draw(canvas).text(place, char, font=_font(font), fill=255, anchor="ls")
    inside = np.asarray(canvas) > 127
    columns = np.flatnonzero(inside.any(axis=0))
    first, last = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else place[:1] * 2
    field = np.where(inside, _distance_to(~inside), -_distance_to(inside)) * (STEPS / FINENESS)
    return Glyph(
        np.rint(field).astype(np.int8), (first - MARGIN * FINENESS) / FINENESS, (last - first) / FINENESS
    )


@cache
def _font(font: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / font), FONT_SIZE * FINENESS)


def _distance_to(cells: np.ndarray[Any, np.dtype[np.bool_]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Distance of every cell to the nearest of `cells`, up to REACH pixels, in cells; half one at a border.

    Along the columns first, then over the rows: the Euclidean transform of Saito and Toriwaki (1994).
    """
    limit = REACH * FINENESS
    along = _lowest(np.where(cells, 0, limit**2).astype(np.float32), limit)
    squares = _lowest(along.T, limit).T
    distance: Coverage = np.maximum(np.sqrt(squares) - np.float32(0.5), 0)
    return distance


def _lowest(squares: np.ndarray[Any, Any], limit: int) -> np.ndarray[Any, Any]:
    """The lowest of squares[y + k] + k * k over k, for every y."""
    lowest = squares.copy()
    for k in range(1, limit):
        np.minimum(lowest[k:], squares[:-k] + k * k, out=lowest[k:])
        np.minimum(lowest[:-k], squares[k:] + k * k, out=lowest[:-k])
    return lowest


def coverage(
    shape: Glyph,
    *,
    scale: tuple[float, float],
    weight: float,
    x: float,
    baseline: float,
    size: tuple[int, int],
) -> tuple[int, Coverage]:
    """How much of each pixel a glyph covers.

    Args:
        shape: of `glyph`.
        scale: stretch across and down, about the origin.
        weight: pixels by which every edge moves outwards.
        x: column of the origin.
        baseline: row of the origin.
        size: (H, W) of the image.

    Returns:
        The first column that the glyph touches and its ink from there, float32 (H, columns), 0 to 1.
    """
    across, down = scale
    start = max(0, int(x + shape.left * across - 2))
    stop = max(start, min(size[1], int(x + (shape.left + shape.width) * across + 4)))
    columns = ((np.arange(start, stop) + 0.5 - x) / across + MARGIN) * FINENESS
    rows = ((np.arange(size[0]) + 0.5 - baseline) / down + ASCENT) * FINENESS
    height, width = shape.field.shape
    picked = shape.field[
        np.clip(rows, 0, height - 1).astype(np.intp)[:, None],
        np.clip(columns, 0, width - 1).astype(np.intp)[None, :],
    ]
    distance = picked * np.float32((across * down) ** 0.5 / STEPS)
    return start, np.clip(distance + np.float32(weight + 0.5), 0, 1)
