"""How much the images of a captcha differ in their look, in numbers; not how hard they are to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_zoo.preprocess import read_image, resize_grey
from model_zoo.split import LabelledFile

MOST = 200  # images that are looked at
_HEIGHT, _WIDTH = 32, 96  # to which all are squeezed, in pixels


@dataclass(frozen=True)
class Appearance:
    """What some images look like, all in grey.

    Attributes:
        images: how many were looked at.
        ground_low: the 5 % point of the images' median greys, 0 black to 255 white.
        ground_high: the 95 % point.
        common: share of the variance of all pixels that lies in the mean image, so is the same in every
            image: near 1 for one picture again and again, near 0 for images that have nothing in one place.
    """

    images: int
    ground_low: float
    ground_high: float
    common: float


def measure_appearance(files: Sequence[LabelledFile]) -> Appearance:
    """Measure at most `MOST` images, evenly spread over `files`, at least two of them.

    Raises:
        UnreadableImage: an image has gone or changed since it was checked.
    """
    step = max(len(files) // MOST, 1)
    greys = [read_image(file.path) for file in files[::step][:MOST]]
    medians = [float(np.median(grey)) for grey in greys]
    pixels = np.stack([resize_grey(grey, _HEIGHT, _WIDTH) for grey in greys]).astype(np.float64)
    total = float(pixels.var())
    # Of n images that share nothing, the mean image still has 1/n of their variance.
    own = float(pixels.var(axis=0, ddof=1).mean())
    shared = float(pixels.mean(axis=0).var()) - own / len(greys)
    low, high = np.percentile(medians, [5, 95])
    return Appearance(
        len(greys), float(low), float(high), min(max(shared / total, 0.0), 1.0) if total else 1.0
    )
