"""What is done to text and image to make reading hard: bending, strokes, specks, blur, compression."""

from __future__ import annotations

import math
import random
from typing import Any

import cv2
import numpy as np

from model_zoo.generators.styles.style import Style

Array = np.ndarray[Any, Any]
Bytes = np.ndarray[Any, Any]

_SHIFT = 4  # bits of a pixel's fraction that OpenCV draws with


def bend(layer: Array, style: Style, source: random.Random, noise: np.random.Generator) -> Array:
    """A layer bent by waves, a smooth random field and a tilt; the same layer where the style has none.

    Args:
        layer: (H, W) or (H, W, 2).
        style: of the image.
        source: of the geometry.
        noise: of the field.
    """
    if not (any(style.wave) or style.bend or style.tilt):
        return layer
    height, width = layer.shape[:2]
    unit = height / 48
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None]
    x: Array = np.broadcast_to(columns, (height, width))
    y: Array = np.broadcast_to(rows, (height, width))
    if style.tilt:
        angle = math.radians(source.uniform(-style.tilt, style.tilt))
        # A tilt of the whole line, as a shear: wide images would turn out of the frame.
        y = y + np.float32(math.tan(angle)) * (columns - width / 2) * min(1.0, 2 * height / width)
    down, across = style.wave
    if down:
        length = source.uniform(*style.wavelength) * height * 2
        y = y + np.float32(down * unit) * np.sin(
            columns * np.float32(6.2832 / length) + np.float32(source.uniform(0, 6.3))
        )
    if across:
        length = source.uniform(*style.wavelength) * height
        x = x + np.float32(across * unit) * np.sin(
            rows * np.float32(6.2832 / length) + np.float32(source.uniform(0, 6.3))
        )
    if style.bend:
        cells = (3, max(3, round(3 * width / height)))
        for _ in range(2):
            few = (noise.random(cells, np.float32) - np.float32(0.5)) * np.float32(2 * style.bend * unit)
            field = cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC)
            x, y = y + field, x  # the first field goes down, the second across
    flags = cv2.INTER_LINEAR if style.smooth else cv2.INTER_NEAREST
    bent: Array = cv2.remap(
        layer, np.ascontiguousarray(x, np.float32), np.ascontiguousarray(y, np.float32), flags,
        borderMode=cv2.BORDER_CONSTANT, borderValue=0,
    )  # fmt: skip
    return bent


def draw_strokes(style: Style, size: tuple[int, int], source: random.Random) -> Bytes | None:
    """The coverage of the style's strokes, (H, W) 0 to 255; None where it has none."""
    if not style.strokes:
        return None
    layer = np.zeros(size, np.uint8)
    kind_of_line = cv2.LINE_AA if style.smooth else cv2.LINE_8
    for kind, fewest, most in style.strokes:
        for _ in range(source.randint(fewest, most)):
            width = max(1, round(source.uniform(*style.stroke_width) * size[0] / 48))
            # Thinner than a pixel is paler.
            value = round(255 * min(1.0, source.uniform(*style.stroke_width) * size[0] / 48 + 0.3))
            for points in _points(kind, size, source):
                fixed = np.rint(np.asarray(points) * (1 << _SHIFT)).astype(np.int32)
                cv2.polylines(layer, [fixed], False, value, width, kind_of_line, _SHIFT)
    return layer


def _points(kind: str, size: tuple[int, int], source: random.Random) -> list[Array]:
    """The polylines (n, 2) of one stroke."""
    height, width = size

    def anywhere() -> tuple[float, float]:
        return source.uniform(-0.05, 1.05) * width, source.uniform(0, 1) * height

    match kind:
        case "line":
            return [np.array([anywhere(), anywhere()], np.float32)]
        case "strike":
            ends = [(source.uniform(0, 0.15) * width, source.uniform(0.2, 0.8) * height),
                    (source.uniform(0.85, 1) * width, source.uniform(0.2, 0.8) * height)]  # fmt: skip
            return [np.array(ends, np.float32)]
        case "dashes":
            x, y = anywhere()
            angle, length = source.uniform(0, 6.3), source.uniform(0.08, 0.35) * height
            return [
                np.array([(x, y), (x + length * math.cos(angle), y + length * math.sin(angle))], np.float32)
            ]
        case "curve":
            # Mostly from side to side, as most libraries draw them.
            whole = source.random() < 0.7
            corners = [anywhere() for _ in range(4)]
            if whole:
                corners[0], corners[3] = (0.0, corners[0][1]), (float(width), corners[3][1])
            return [_bezier(np.array(corners, np.float32))]
        case "arc" | "ellipse":
            x, y = anywhere()
            across, down = source.uniform(0.1, 0.6) * width, source.uniform(0.15, 0.8) * height
            start = source.uniform(0, 6.3)
            angles = np.linspace(start, start + (6.3 if kind == "ellipse" else source.uniform(1, 4)), 24)
            return [np.stack((x + across * np.cos(angles), y + down * np.sin(angles)), 1).astype(np.float32)]
        case "grid":
            step = source.uniform(0.2, 0.6) * height
            shift = source.random() * step
            lines: list[Any] = [[(x, 0), (x, height)] for x in np.arange(shift, width, step)]
            if source.random() < 0.8:
                lines += [[(0, y), (width, y)] for y in np.arange(shift, height, step)]
            return [np.array(line, np.float32) for line in lines]
    raise ValueError(f"stroke {kind!r} is unknown")


def _bezier(corners: Array) -> Array:
    """21 points of a cubic Bezier curve with four corners (4, 2)."""
    t = np.linspace(0, 1, 21, dtype=np.float32)[:, None]
    a, b, c, d = corners
    curve: Array = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    return curve


def add_specks(image: Array, style: Style, source: random.Random, noise: np.random.Generator) -> None:
    """Dots in greys of their own, drawn into the image (H, W)."""
    if not style.specks:
        return
    height, width = image.shape
    count = int(style.specks * height * width / style.speck_size**2 * source.uniform(0.3, 1))
    if not count:
        return
    rows, columns = noise.integers(0, height, count), noise.integers(0, width, count)
    own = style.stroke_grey == "own"
    greys = noise.random(count, np.float32) if own else np.float32(source.uniform(*style.ink_grey))
    for down in range(style.speck_size):
        for right in range(style.speck_size):
            image[np.minimum(rows + down, height - 1), np.minimum(columns + right, width - 1)] = greys


def spoil(image: Array, style: Style, source: random.Random, noise: np.random.Generator) -> Bytes:
    """Blur, coarse pixels, noise, two greys, compression; grey values (H, W) 0 to 1 to bytes."""
    height, width = image.shape
    blur = source.uniform(*style.blur) * height / 48
    if blur > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    coarse = source.uniform(*style.coarse)
    if coarse > 1.05:
        small = (max(8, round(width / coarse)), max(8, round(height / coarse)))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        image = cv2.resize(
            image, (width, height), interpolation=source.choice((cv2.INTER_LINEAR, cv2.INTER_NEAREST))
        )
    if style.noise:
        image = image + np.float32(style.noise) * noise.standard_normal(image.shape, np.float32)
    pixels: Bytes = np.clip(image * 255, 0, 255).astype(np.uint8)
    if style.threshold:
        inks, papers = style.ink_grey, style.paper_grey
        limit = 255 * (sum(inks) + sum(papers)) / 4
        pixels = ((pixels > limit) * np.uint8(255)).astype(np.uint8)
    if style.jpeg is not None:
        quality = source.randint(*style.jpeg)
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return pixels
