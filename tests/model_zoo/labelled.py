"""Small folders of labelled images, each with bytes of its own."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from model_zoo.style.samples import Samples

# Forty texts of which every character is in several.
TEXTS = tuple(f"{number % 10}{number // 10}{number * 3 % 10}ab"[: 3 + number % 3] for number in range(40))
STEMS = tuple(f"{text}.png" for text in TEXTS)


def noise(name: str, size: tuple[int, int] = (24, 8)) -> Image.Image:
    """Grey noise that no other name has.

    Args:
        name: that decides the pixels.
        size: (width, height).
    """
    source = np.random.default_rng(zlib.crc32(name.encode(errors="surrogateescape")))
    return Image.fromarray(source.integers(0, 256, (size[1], size[0]), dtype=np.uint8))


def write_images(folder: Path, names: Iterable[str] = STEMS) -> Path:
    """An image of each name, below `folder`, which is given back."""
    folder.mkdir(exist_ok=True)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(name).save(path, "PNG")
    return folder


def left_out(samples: Samples) -> list[tuple[str, str, str, str]]:
    """(file, label, kind, reason) of all that is unusable."""
    return [
        (problem.path.relative_to(samples.folder).as_posix(), problem.label, problem.kind, problem.reason)
        for problem in samples.unusable
    ]
