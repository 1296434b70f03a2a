"""Backgrounds."""

from __future__ import annotations

import random
from typing import Any

import cv2
import numpy as np

from model_zoo.generators.styles.faces import glyph, mask_size
from model_zoo.generators.styles.style import Style

Grey = np.ndarray[Any, np.dtype[np.float32]]


def draw_paper(
    style: Style, size: tuple[int, int], source: random.Random, noise: np.random.Generator
) -> Grey:
    """A background.

    Args:
        style: of the image.
        size: (H, W).
        source: of the geometry.
        noise: of the pixels.

    Returns:
        (H, W), grey values around 0 to 1.
    """
    height, width = size
    base = np.float32(source.uniform(*style.paper_grey))
    depth = np.float32(style.paper_depth)
    paper = np.full(size, base, np.float32)
    # Patterns go to where there is room: dark paper gets lighter, light paper darker.
    sign = np.float32(-1 if base > 0.5 else 1)
    match style.paper:
        case "gradient":
            x, y = source.uniform(-1, 1), source.uniform(-1, 1)
            ramp = (
                np.linspace(-x, x, width, dtype=np.float32)
                + np.linspace(-y, y, height, dtype=np.float32)[:, None]
            )
            paper += sign * depth * 2 * (ramp - ramp.min()) / max(float(np.ptp(ramp)), 1e-6)
        case "noise":
            paper += depth * 0.5 * noise.standard_normal(size, np.float32)
        case "clouds":
            cells = (source.randint(2, 5), source.randint(3, 9))
            paper += (
                sign
                * depth
                * cv2.resize(noise.random(cells, np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
            )
        case "lines":
            period, angle = (
                source.uniform(3, 12),
                source.choice((0.0, 0.0, 1.57, 0.8, source.uniform(0, 3.1))),
            )
            x, y = np.cos(angle), np.sin(angle)
            phase = (
                np.arange(width, dtype=np.float32) * np.float32(x / period)
                + (np.arange(height, dtype=np.float32) * np.float32(y / period))[:, None]
            )
            paper += sign * depth * ((phase % 1) < source.uniform(0.1, 0.5))
        case "dots":
            step = source.randint(3, 8)
            paper[source.randrange(step) :: step, source.randrange(step) :: step] += sign * depth * 1.5
        case "ghosts":
            _ghosts(style, paper, sign * depth, source)
        case "shapes":
            for _ in range(source.randint(2, 10)):
                centre = (source.randrange(width), source.randrange(height))
                grey = float(base + sign * depth * np.float32(source.random()))
                axes = (source.randint(2, width // 3), source.randint(2, height // 2))
                thickness = source.choice((-1, 1, 1, 2))
                if source.random() < 0.5:
                    cv2.ellipse(
                        paper, centre, axes, source.uniform(0, 180), 0, 360, grey, thickness, cv2.LINE_AA
                    )
                else:
                    corner = (centre[0] + axes[0], centre[1] + axes[1])
                    cv2.rectangle(paper, centre, corner, grey, thickness)
        case "blocks":
            cells = (source.randint(1, 4), source.randint(2, 8))
            paper += (
                sign
                * depth
                * cv2.resize(
                    noise.random(cells, np.float32), (width, height), interpolation=cv2.INTER_NEAREST
                )
            )
    return paper


def _ghosts(style: Style, paper: Grey, depth: np.floating[Any], source: random.Random) -> None:
    """Small pale characters behind the text."""
    height, width = paper.shape
    size = mask_size(height * source.uniform(0.15, 0.35))
    for _ in range(source.randint(5, 30)):
        shape = glyph(style.faces[0].path, source.choice(style.charset), size).mask
        shape = shape[: height - 1, : width - 1]
        y, x = source.randrange(height - shape.shape[0]), source.randrange(width - shape.shape[1])
        paper[y : y + shape.shape[0], x : x + shape.shape[1]] += depth * (shape.astype(np.float32) / 255)
