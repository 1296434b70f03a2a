"""Lines over training images in the images' own greys: what hides a part of one hides another part elsewhere.

Of a few hundred images few have a line just where two characters differ, so a network that trains on them
takes the line for a part of the character. `strokes` are those of one generator; these are of any style.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from model_zoo.training.strokes import ink_of

# Drawn once, 0.6 ms each, and used again and again.
BANK_SIZE = 1500

_FINER = 3  # times finer than the image: lines are antialiased
_COUNTS = (1, 1, 2, 3)  # lines of an image, one of these
_THIN, _THICK = 1.0, 3.5  # pixels
_POINTS = 24  # of a curve
_EVERY = 7  # pixels of which one tells the greys of an image
_TEXT, _BETWEEN = 0.5, 0.3  # shares of lines as dark as the text, and of any grey between the extremes


def draw_lines(images: torch.Tensor, probability: float, source: torch.Generator) -> torch.Tensor:
    """Some of the images with one to three curved lines over them, across the image or short.

    A line is as dark as the text, of a grey between the darkest and the lightest, or of that of some pixel.

    Args:
        images: (N, 1, H, W), grey in 0..1.
        probability: that an image gets them.
        source: of the randomness, on the device of the images.
    """
    n = len(images)
    ink = ink_of(_bank(*images.shape[2:]), n, probability, source)
    return images * (1 - ink) + _greys(images, source).view(n, 1, 1, 1) * ink


def _greys(images: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    """(N,) a grey for the lines of each image."""
    flat = images.flatten(1)[:, ::_EVERY]
    n, pixels = flat.shape
    dark, light = torch.quantile(flat, torch.tensor([0.02, 0.98], device=flat.device), dim=1)
    middle = flat.median(dim=1).values
    # The text covers less than its background, so it is the extreme that is farther from the median.
    text = torch.where(middle - dark > light - middle, dark, light)
    between = dark + torch.rand(n, generator=source, device=source.device) * (light - dark)
    some = torch.randint(pixels, (n, 1), generator=source, device=source.device)
    pixel = flat.gather(1, some)[:, 0]
    kind = torch.rand(n, generator=source, device=source.device)
    return torch.where(kind < _TEXT, text, torch.where(kind < _TEXT + _BETWEEN, between, pixel))


@lru_cache(maxsize=2)
def _bank(height: int, width: int) -> torch.Tensor:
    """Ink of lines, uint8 (BANK_SIZE, 1, H, W); the same in every run."""
    source = random.Random("lines over training images")
    return torch.from_numpy(np.stack([_ink(source, height, width) for _ in range(BANK_SIZE)]))[:, None]


def _ink(source: random.Random, height: int, width: int) -> np.ndarray[Any, Any]:
    canvas = Image.new("L", (width * _FINER, height * _FINER))
    draw = ImageDraw.Draw(canvas)
    for _ in range(source.choice(_COUNTS)):
        thickness = source.uniform(_THIN, _THICK)
        corners = (_across if source.random() < 0.5 else _short)(source, height, width)
        points = [(x * _FINER, y * _FINER) for x, y in _bezier(corners)]
        draw.line(points, fill=255, width=round(thickness * _FINER), joint="curve")
    return np.asarray(canvas.resize((width, height), Image.Resampling.BOX))


def _across(source: random.Random, height: int, width: int) -> np.ndarray[Any, Any]:
    """(4, 2) control points of a curve from left to right."""
    x = np.array([source.uniform(-0.05, 0.25), 0.3, 0.65, source.uniform(0.75, 1.05)]) * width
    y = np.array([source.uniform(-0.1, 1.1) for _ in range(4)]) * height
    return np.stack([x, y], axis=1)


def _short(source: random.Random, height: int, width: int) -> np.ndarray[Any, Any]:
    """(4, 2) control points of a slightly bent line that begins anywhere."""
    length, angle = source.uniform(0.2, 1.25) * height, source.uniform(0, 2 * math.pi)
    begin = np.array([source.uniform(0, width), source.uniform(0, height)])
    along = np.outer(np.linspace(0, length, 4), [math.cos(angle), math.sin(angle)])
    bent = np.array([[source.uniform(-1, 1) for _ in range(2)] for _ in range(4)]) * height / 16
    points: np.ndarray[Any, Any] = begin + along + bent
    return points


def _bezier(corners: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(_POINTS, 2) of the cubic Bézier curve with control points (4, 2)."""
    t = np.linspace(0, 1, _POINTS)[:, None]
    weights = np.concatenate([(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3], axis=1)
    points: np.ndarray[Any, Any] = weights @ corners
    return points
