"""The text: characters laid out on a line and drawn into a layer of coverage and a layer of grey."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from model_zoo.generators.styles.faces import Face, Glyph, glyph, mask_size
from model_zoo.generators.styles.style import FILLS, Style

Layer = np.ndarray[Any, Any]

CAP = 0.72  # of an em: the height of a capital, about the same in most faces


@dataclass(frozen=True)
class _Placed:
    glyph: Glyph
    scale: float
    angle: float
    slant: float
    across: float
    y: float
    grey: float
    alpha: float
    distance: float


def draw_text(text: str, style: Style, size: tuple[int, int], source: random.Random) -> Layer:
    """The characters of `text`.

    Args:
        text: of the label.
        style: of the image.
        size: (H, W).
        source: of all randomness.

    Returns:
        (H, W, 2): coverage 0 to 1, and grey where there is coverage.
    """
    height, width = size
    cap = source.uniform(*style.cap) * height
    face = source.choice(style.faces)
    stretch = source.uniform(*style.stretch)
    grey = source.uniform(*style.ink_grey)
    spacing = source.uniform(*style.spacing)
    placed = [_place(char, style, face, cap, stretch, grey, spacing, height, source) for char in text]
    # What would run out of the image is drawn smaller.
    total = sum(it.distance for it in placed)
    room = width * source.uniform(0.86, 0.97)
    shrink = min(1.0, room / max(total, 1.0))
    slack = width - total * shrink
    x = slack * min(1.0, max(0.0, style.align + source.uniform(-0.1, 0.1)))
    middle = height / 2 + source.uniform(-0.5, 0.5) * max(0.0, height - cap * shrink * 1.15) * 0.5
    baseline = middle + cap * shrink / 2
    if style.cells:
        x, cell = width * 0.03, width * 0.94 / len(placed)
    layer = np.zeros((height, width, 2), np.float32)
    for it in placed:
        step = cell if style.cells else it.distance * shrink
        _draw(it, style, layer, x + step / 2, baseline + it.y * height, cap * shrink, shrink, source)
        x += step
    return layer


def _place(
    char: str, style: Style, face: Face, cap: float, stretch: float, grey: float, spacing: float,
    height: int, source: random.Random,
) -> _Placed:  # fmt: skip
    if style.face_per_character:
        face = source.choice(style.faces)
    em = cap / CAP * source.uniform(*style.growth)
    shape = glyph(face.path, char, mask_size(em))
    scale = em / mask_size(em)
    if style.ink_per_character:
        grey = source.uniform(*style.ink_grey)
    alpha = source.uniform(0.35, 0.8) if source.random() < style.faded else 1.0
    advance = max(shape.advance, 0.6 * shape.mask.shape[1])
    return _Placed(
        shape,
        scale,
        math.radians(source.uniform(*style.rotation)),
        source.uniform(*style.slant),
        stretch,
        source.uniform(-style.rise, style.rise),
        grey,
        alpha,
        advance * scale * stretch * spacing * source.uniform(0.94, 1.06),
    )


def _draw(
    it: _Placed, style: Style, layer: Layer, x: float, baseline: float, cap: float, shrink: float,
    source: random.Random,
) -> None:  # fmt: skip
    """One character, its middle at column x, turned about the middle of a capital."""
    height, width = layer.shape[:2]
    mask = it.glyph.mask
    scale = it.scale * shrink
    cos, sin = math.cos(it.angle), math.sin(it.angle)
    # Glyph pixels to image pixels: centre, scale, slant, turn, move.
    across = scale * it.across
    matrix = np.array(
        [
            [cos * across, cos * it.slant * scale - sin * scale],
            [sin * across, sin * it.slant * scale + cos * scale],
        ]
    )
    centre = np.array([mask.shape[1] / 2 - 0.5, -it.glyph.top - cap / scale / 2])
    offset = np.array([x, baseline - cap / 2]) - matrix @ centre
    affine = np.column_stack((matrix, offset))
    drawn = cv2.warpAffine(
        mask, affine, (width, height), flags=cv2.INTER_LINEAR if style.smooth else cv2.INTER_NEAREST
    )
    if not style.smooth:  # as bitmap fonts are: a pixel is ink or is not
        drawn = ((drawn > 127) * np.uint8(255)).astype(np.uint8)
    coverage = _filled(drawn, style, source, height).astype(np.float32) * np.float32(it.alpha / 255)
    if style.fill == "shadow":
        _put(layer, np.roll(coverage, (1 + height // 40, 1 + height // 40), (0, 1)) * 0.5, it.grey)
    _put(layer, coverage, it.grey)


def _put(layer: Layer, coverage: Layer, grey: float) -> None:
    """Paint over what is there."""
    under = layer[:, :, 0] * (1 - coverage)
    total = under + coverage
    np.divide(
        layer[:, :, 1] * under + np.float32(grey) * coverage, total, out=layer[:, :, 1], where=total > 1e-4
    )
    layer[:, :, 0] = total


def _filled(
    drawn: np.ndarray[Any, Any], style: Style, source: random.Random, height: int
) -> np.ndarray[Any, Any]:
    """The character with its edges moved, then as an outline, hatched and so on."""
    assert style.fill in FILLS
    weight = source.uniform(*style.weight) * height / 48
    if abs(weight) > 0.2:
        drawn = _thicker(drawn, weight)
    unit = max(1, round(height / 40))
    match style.fill:
        case "outline":
            fat = cv2.dilate(drawn, _disc(unit))
            drawn = cv2.subtract(fat, cv2.erode(drawn, _disc(1)) if height > 44 else drawn)
        case "edged":
            fat = cv2.dilate(drawn, _disc(unit))
            drawn = cv2.addWeighted(drawn, 0.45, cv2.subtract(fat, drawn), 1.0, 0)
        case "double":
            moved = np.roll(drawn, (unit, unit + 1), (0, 1))
            drawn = cv2.max(drawn, (moved * 0.6).astype(np.uint8))
        case "hatched":
            step = source.randint(3, 5)
            drawn = drawn.copy()
            if source.random() < 0.5:
                drawn[::step] //= 4
            else:
                drawn[:, ::step] //= 4
    return drawn


def _thicker(drawn: np.ndarray[Any, Any], weight: float) -> np.ndarray[Any, Any]:
    """Every edge moved by a fraction of a pixel or more: whole pixels, then a blend."""
    whole, part = divmod(abs(weight), 1.0)
    change = cv2.dilate if weight > 0 else cv2.erode
    if whole:
        drawn = change(drawn, _disc(1), iterations=int(whole))
    return cv2.addWeighted(drawn, 1 - part, change(drawn, _disc(1)), part, 0)


def _disc(radius: int) -> np.ndarray[Any, Any]:
    kernel: np.ndarray[Any, Any] = cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE if radius > 1 else cv2.MORPH_CROSS, (2 * radius + 1, 2 * radius + 1)
    )
    return kernel
