"""Font faces and the masks of their glyphs, cached: what makes rendering quick."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ImageFont

from model_zoo.errors import DataError

SHIPPED = Path(__file__).parent.parent / "fonts"
LISTED = Path(__file__).parent / "faces.txt"
SYSTEM = Path("/usr/share/fonts")  # where Debian's packages put theirs

# Folders of the faces that captcha libraries mostly draw with: Arial, Times, Courier, Verdana and the like
# under their free names.
COMMON = frozenset(
    (
        "liberation",
        "dejavu",
        "freefont",
        "urw-base35",
        "crosextra",
        "croscore",
        "noto",
        "roboto",
        "open-sans",
        "lato",
    )
)
_TRIES = 60  # before a kind of face is taken to be missing

SIZES = (22, 36, 60)  # pixels of an em: masks are only drawn so large, and scaled from there

Mask = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Face:
    """One font file.

    Attributes:
        path: of the file.
        capitals: whether small letters look like capitals, so that only capitals can be told by it.
        display: whether it is a fancy face, which is drawn less often.
        common: whether it is one of those that most programs draw with, which are drawn more often.
    """

    path: str
    capitals: bool = False
    display: bool = False
    common: bool = False


@dataclass(frozen=True)
class Glyph:
    """One character at one size.

    Attributes:
        mask: coverage 0 to 255, (rows, columns), no larger than the ink.
        left: pixels from the origin to the first column.
        top: pixels from the baseline down to the first row; negative above.
        advance: pixels to the next origin.
    """

    mask: Mask
    left: int
    top: int
    advance: float


@cache
def shipped_faces() -> tuple[Face, ...]:
    """The faces that come with this package; the same everywhere."""
    files = (path for path in sorted(SHIPPED.iterdir()) if path.suffix in (".ttf", ".woff"))
    return tuple(Face(str(path), common=True) for path in files)


@cache
def listed_faces() -> tuple[Face, ...]:
    """The faces of Debian's packages that the generic model was trained with, see `faces.txt`.

    Raises:
        DataError: one is not installed.
    """
    faces = []
    for line in LISTED.read_text().splitlines():
        if line.startswith("#") or not line:
            continue
        path, _, kind = line.partition("\t")
        if not (SYSTEM / path).is_file():
            raise DataError(
                f"font {SYSTEM / path} of the list is not there; install the packages named in {LISTED}"
            )
        folder = path.split("/")[1]
        faces.append(Face(str(SYSTEM / path), "capitals" in kind, "display" in kind, folder in COMMON))
    return tuple(faces)


def choose(faces: Sequence[Face], source: random.Random, *, small: bool) -> Face:
    """One face: a fancy one in a fifth of the draws, a common one in two fifths, else any that is not fancy.

    Args:
        faces: to choose from; where there is none of a kind, it is one of the others.
        source: of the randomness.
        small: whether small letters are to be drawn, so that faces of capitals are out.
    """
    kind = source.random()
    for _ in range(_TRIES):
        face = source.choice(faces)
        fits = face.display if kind < 0.2 else face.common if kind < 0.6 else not face.display
        if fits and not (small and face.capitals):
            return face
    return source.choice([face for face in faces if not (small and face.capitals)])


def mask_size(wanted: float) -> int:
    """The size that masks are drawn at for an em of so many pixels: the next larger one."""
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


@lru_cache(maxsize=250_000)
def glyph(path: str, char: str, size: int) -> Glyph:
    """One character of a font file at an em of `size` pixels."""
    font = _font(path, size)
    mask, (left, top) = font.getmask2(char, mode="L", anchor="ls")
    columns, rows = mask.size
    pixels = np.array(mask, dtype=np.uint8).reshape(rows, columns)
    if not pixels.size:
        pixels = np.zeros((1, 1), np.uint8)
    return Glyph(pixels, int(left), int(top), font.getlength(char))


@lru_cache(maxsize=2_000)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)
