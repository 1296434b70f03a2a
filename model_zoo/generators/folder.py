"""A folder of synthetic images named LABEL.png."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from model_zoo.atomic import check_folder
from model_zoo.errors import DataError
from model_zoo.generators import kaptcha, varied
from model_zoo.generators.labels import distinct_labels
from model_zoo.generators.styles.example_options import KINDS, ExampleOptions


def kaptcha_image(text: str, source: random.Random) -> Image.Image:
    """One image in the style of Kaptcha, RGBA."""
    grey: np.ndarray[Any, np.dtype[np.uint8]] = kaptcha.render(text, source)
    return kaptcha.to_rgba(grey)


def two_fonts_image(text: str, source: random.Random) -> Image.Image:
    """One image in Kaptcha's style, nearest to the real ones: two fonts, chosen per character; RGBA."""
    return kaptcha.to_rgba(varied.render(text, source))


STYLES: dict[str, Callable[[str, random.Random], Image.Image]] = {
    "kaptcha": kaptcha_image,
    "kaptcha-two-fonts": two_fonts_image,
}


def write_examples(
    out: Path, *, style: str, count: int, seed: int, options: ExampleOptions | None = None
) -> list[Path]:
    """Write images with labels that no training stream yields.

    Args:
        out: the folder; made if it is not there, refused if it holds anything.
        style: one of `STYLES`; `random`, a style of its own seed; or `many`, every image in another one.
        count: how many images, each with another label as long as there are any.
        seed: the same seed writes the same images; a larger count only adds some.
        options: what the images of `random` and `many` are to be like.

    Returns:
        The files, in the order in which they were drawn.

    Raises:
        DataError: an unknown style, a folder that is not empty, one where nothing can be written, or a font
            that is not installed.
    """
    if style not in (*STYLES, *KINDS):
        raise DataError(f"style {style!r} is unknown; known are {', '.join((*STYLES, *KINDS))}")
    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"folder {str(out)!r} is not empty; give a new one")
    check_folder(out)
    drawn = (
        _of_styles(style, seed, options or ExampleOptions()) if style in KINDS else _of_kaptcha(style, seed)
    )
    paths = []
    for name, image in islice(drawn, count):
        paths.append(out / f"{name}.png")
        try:
            image.save(paths[-1], optimize=True)
        except OSError as error:
            raise DataError(
                f"image {str(paths[-1])!r} cannot be written ({error.strerror}); "
                "make room, or give another folder"
            ) from error
    return paths


def _of_styles(style: str, seed: int, options: ExampleOptions) -> Iterator[tuple[str, Image.Image]]:
    from model_zoo.generators.styles.examples import examples  # needs OpenCV, which Kaptcha's styles do not

    return examples(style, seed, options)


def _of_kaptcha(style: str, seed: int) -> Iterator[tuple[str, Image.Image]]:
    for label, source in distinct_labels("examples", seed):
        yield label, STYLES[style](label, source)
