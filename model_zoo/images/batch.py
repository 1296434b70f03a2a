"""Images of any kind to one batch of a size."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_zoo.errors import UnreadableImage
from model_zoo.images.jpeg import read_jpeg
from model_zoo.images.png import read_png
from model_zoo.preprocess import DEFAULT_LIMITS, ImageLimits, ImageSource, read_file, read_image, resize_grey

Grey = NDArray[np.uint8]

log = logging.getLogger(__name__)

# How files begin -> who may know how to read them faster than Pillow.
_READERS: dict[bytes, Callable[[bytes, int, Grey | None], Grey | None]] = {
    b"\x89P": read_png,
    b"\xff\xd8": read_jpeg,
}


@cache
def _has_compiled() -> bool:
    try:
        from model_zoo.images import compiled  # noqa: F401 - whether it can be
    except ImportError as error:
        log.warning("images are read by Pillow alone, more slowly: %s", error)
        return False
    return True


def read_batch(
    images: Sequence[ImageSource], limits: ImageLimits, height: int, width: int
) -> tuple[Grey, list[UnreadableImage | None]]:
    """Read images and bring them to one size: of each `resize_grey(read_image(image), height, width)`.

    Args:
        images: as `read_image` takes them.
        limits: what each may cost.
        height: of the result, in pixels.
        width: of the result, in pixels.

    Returns:
        uint8 (N, 1, H, W) of those that could be read, in order, and for every image its error or None.
    """
    batch = np.empty((len(images), 1, height, width), np.uint8)
    errors: list[UnreadableImage | None] = []
    count = 0
    for image in images:
        row = batch[count, 0]
        try:
            grey = read_grey(image, limits, row)
            if grey is not row:
                row[:] = resize_grey(grey, height, width)
            errors.append(None)
            count += 1
        except UnreadableImage as error:
            errors.append(error)
    return batch[:count], errors


def read_grey(source: ImageSource, limits: ImageLimits = DEFAULT_LIMITS, out: Grey | None = None) -> Grey:
    """What `read_image` returns, faster where the image is a plain PNG or JPEG.

    Args:
        source: as `read_image` takes it.
        limits: what it may cost.
        out: (H, W), may be filled and returned where the image is of that size.

    Raises:
        UnreadableImage: as `read_image` raises it.
    """
    if isinstance(source, (str, os.PathLike)):
        source = read_file(source, limits)
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = bytes(source)
        read = _READERS.get(source[:2])
        if read is not None and len(source) <= limits.max_bytes and _has_compiled():
            grey = read(source, limits.max_pixels, out)
            if grey is not None:
                return grey
    return read_image(source, limits)


def warm_up() -> None:
    """Have compiled what reading a PNG or a JPEG takes, so that the first batch does not wait for it."""
    blank = Image.new("RGB", (8, 8))
    for format_name in ("PNG", "JPEG"):
        file = io.BytesIO()
        blank.save(file, format_name)
        read_grey(file.getvalue())
