"""The look of Kaptcha's default settings: a fixed ripple, two strokes, a grey gradient.

After the published source of Google's Kaptcha (Java, Apache-2.0: DefaultWordRenderer, WaterRipple,
DefaultNoise, DefaultBackground) and of the JH Labs filters that it calls (WaterFilter, RippleFilter),
written anew; sizes and offsets measured on images of that style. The font is DejaVu Sans Condensed Bold,
narrowed: of the free fonts at hand the nearest to the humanist sans of those images.

Only the text and the two strokes vary: the warp is the same in every image. This is the look of the examples
and of the benchmarks, in one font; `varied` holds the nearer one, in two.
"""

from __future__ import annotations

import itertools
import math
import random
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 200, 50  # pixels

FONT_FILE = Path(__file__).parent / "fonts" / "DejaVuSansCondensed-Bold.ttf"
FONT_SIZE = 40  # pixels
BASELINE = (HEIGHT - FONT_SIZE) // 5 + FONT_SIZE  # Kaptcha's rule
TEXT_X = 30  # measured; the warp moves it left by up to 2.6 pixels
NARROWED = 0.9  # measured: the width of "2", "n" and "m" against this font's
ADVANCE_GAP = 0  # pixels between visual widths; measured

SUPERSAMPLING = 4  # text and strokes are drawn at 4 times the size, then averaged

# Segments of a stroke become thinner: 0.9 * (4 - i), constant from the third on.
STROKE_WIDTHS = (3.6, 2.7, 1.8)
# The x coordinates of the control points of the two strokes, as shares of the width.
STROKE_XS = ((0.1, 0.1, 0.25, 0.25), (0.1, 0.25, 0.5, 0.9))
FLATNESS = 2.0  # pixels: how far a segment may be from its curve

FloatImage = np.ndarray[Any, np.dtype[np.float32]]
Point = tuple[float, float]


def render(text: str, source: random.Random) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """One image of `text`.

    Args:
        text: characters that the font has; more than about seven run out of the image.
        source: draws the strokes, 8 numbers.

    Returns:
        uint8 (50, 200), grey.
    """
    ink = warped(_drawn_text(text))
    ink = 1 - (1 - ink) * (1 - draw_strokes(source))
    grey: np.ndarray[Any, np.dtype[np.uint8]] = np.rint(background() * (1 - ink)).astype(np.uint8)
    return grey


def to_rgba(grey: np.ndarray[Any, np.dtype[np.uint8]]) -> Image.Image:
    """An opaque RGBA image, the mode in which images of this style come."""
    return Image.fromarray(grey).convert("RGBA")


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT_FILE), FONT_SIZE * SUPERSAMPLING)


def _drawn_text(text: str) -> FloatImage:
    """Ink of the unwarped text, (50, 200), 0 to 1."""
    canvas = Image.new("L", (round(WIDTH * SUPERSAMPLING / NARROWED), HEIGHT * SUPERSAMPLING), 0)
    draw, font, x = ImageDraw.Draw(canvas), _font(), TEXT_X
    for char in text:
        place = (x * SUPERSAMPLING / NARROWED, BASELINE * SUPERSAMPLING)
        draw.text(place, char, font=font, fill=255, anchor="ls")
        left, _, right, _ = font.getbbox(char, anchor="ls")
        x += int((right - left) * NARROWED / SUPERSAMPLING) + ADVANCE_GAP
    return _averaged(canvas)


def _averaged(canvas: Image.Image) -> FloatImage:
    small = canvas.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / np.float32(255)


@lru_cache(maxsize=1)
def background() -> FloatImage:
    """A linear gradient from light grey at the top left to white at the bottom right, (50, 200)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    gradient: FloatImage = (192 + 63 * (x * WIDTH + y * HEIGHT) / (WIDTH**2 + HEIGHT**2)).astype(np.float32)
    return gradient


def warped(ink: FloatImage) -> FloatImage:
    """The water filter, then the ripple filter, each with bilinear sampling."""
    for corners, weights in _warp_tables():
        ink = (ink.ravel()[corners] * weights).sum(axis=0, dtype=np.float32).reshape(HEIGHT, WIDTH)
    return ink


@lru_cache(maxsize=1)
def _warp_tables() -> tuple[tuple[np.ndarray[Any, Any], FloatImage], ...]:
    """For each filter the 4 source pixels of every pixel and their weights, each (4, 50 * 200)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    return _sampling(*_water_source(x, y)), _sampling(*_ripple_source(x, y))


def _water_source(x: Any, y: Any) -> tuple[Any, Any]:
    """Where the water filter takes each pixel from: rings around the centre, amplitude 1.5, wavelength 2."""
    amplitude, phase, wavelength, radius = 1.5, 10.0, 2.0, 50.0
    dx, dy = x - WIDTH / 2, y - HEIGHT / 2
    distance = np.hypot(dx, dy)
    amount = amplitude * np.sin(distance / wavelength * 2 * math.pi - phase) * (radius - distance) / radius
    amount *= wavelength / np.where(distance > 0, distance, wavelength)
    amount[distance > radius] = 0
    return x + dx * amount, y + dy * amount


def _ripple_source(x: Any, y: Any) -> tuple[Any, Any]:
    """Where the ripple filter takes each pixel from: a sine along each axis."""
    return x + 2.6 * np.sin(y / 15), y + 1.7 * np.sin(x / 5)


def _sampling(x: Any, y: Any) -> tuple[np.ndarray[Any, Any], FloatImage]:
    """Bilinear sampling at (x, y), edges repeated, as indices and weights."""
    x, y = np.clip(x, 0, WIDTH - 1).ravel(), np.clip(y, 0, HEIGHT - 1).ravel()
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, bottom = np.minimum(left + 1, WIDTH - 1), np.minimum(top + 1, HEIGHT - 1)
    across, down = x - left, y - top
    corners = np.stack([row * WIDTH + column for row in (top, bottom) for column in (left, right)])
    weights = np.stack([v * h for v in (1 - down, down) for h in (1 - across, across)])
    return corners, weights.astype(np.float32)


def draw_strokes(source: random.Random, *, whole: bool = False, wide: float = 1.0) -> FloatImage:
    """Ink of the two strokes, (50, 200), 0 to 1.

    Args:
        source: draws 8 numbers.
        whole: whether the ends of segments are the centres of whole pixels, as Java draws them.
        wide: factor on the widths.
    """
    canvas = Image.new("L", (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING), 0)
    draw = ImageDraw.Draw(canvas)
    for xs in STROKE_XS:
        points = _flattened([(x * WIDTH, source.random() * HEIGHT) for x in xs])
        if whole:
            points = [(int(x) + 0.5, int(y) + 0.5) for x, y in points]
        for number, (start, end) in enumerate(itertools.pairwise(points)):
            width = wide * STROKE_WIDTHS[min(number, len(STROKE_WIDTHS) - 1)]
            draw.polygon(_square_capped(start, end, width), fill=255)
    return _averaged(canvas)


def _flattened(curve: list[Point], depth: int = 10) -> list[Point]:
    """Points along a cubic Bezier curve (4 control points), halved until each piece is flat enough."""
    first, second, third, last = curve
    if depth == 0 or max(_distance(point, first, last) for point in (second, third)) < FLATNESS:
        return [first, last]
    a, b, c = _middle(first, second), _middle(second, third), _middle(third, last)
    d, e = _middle(a, b), _middle(b, c)
    centre = _middle(d, e)
    return _flattened([first, a, d, centre], depth - 1) + _flattened([centre, e, c, last], depth - 1)[1:]


def _middle(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _distance(point: Point, start: Point, end: Point) -> float:
    """From a point to the segment between two others, in pixels."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    px, py = point[0] - start[0], point[1] - start[1]
    along = (px * dx + py * dy) / (dx * dx + dy * dy) if dx or dy else 0.0
    along = min(1.0, max(0.0, along))
    return math.hypot(px - along * dx, py - along * dy)


def _square_capped(start: Point, end: Point, width: float) -> list[Point]:
    """Corners of a thick segment on the supersampled canvas; caps reach half a width beyond its ends."""
    length = math.hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    ux, uy = (end[0] - start[0]) / length * width / 2, (end[1] - start[1]) / length * width / 2
    corners = [
        (start[0] - ux - uy, start[1] - uy + ux),
        (end[0] + ux - uy, end[1] + uy + ux),
        (end[0] + ux + uy, end[1] + uy - ux),
        (start[0] - ux + uy, start[1] - uy - ux),
    ]
    return [(x * SUPERSAMPLING, y * SUPERSAMPLING) for x, y in corners]
