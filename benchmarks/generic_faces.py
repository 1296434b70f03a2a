"""Chooses the fonts of Debian's packages that `generic` is trained with, and writes their list.

    apt-get install PACKAGES      # those that the list names
    .venv/bin/python benchmarks/generic_faces.py

A face stays if it has all 62 characters, if no earlier one draws them just the same, and if one can read it:
its glyphs are compared with those of six plain faces. Installing other packages makes another list, and
another list other training images.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import ImageFont

from model_zoo.atomic import write_whole
from model_zoo.generators.styles.faces import LISTED, SYSTEM
from model_zoo.generators.styles.style import ALL, CAPITALS, DIGITS, SMALL

FACES = SYSTEM / "truetype"  # where the reference faces are

SIZE = 48  # pixels of an em
LARGEST = 200  # pixels of a glyph; larger ones are pictures
FEWEST_PIXELS, DARK = 12, 100  # of a glyph that can be seen, and what counts as ink

# Packages of hundreds of scripts: of their faces only those made for Latin.
NOTO = ("NotoSans-", "NotoSerif-", "NotoMono", "NotoSansMono", "NotoSansDisplay-", "NotoSerifDisplay-")

REFERENCES = (
    "dejavu/DejaVuSans.ttf", "dejavu/DejaVuSerif.ttf", "liberation/LiberationSans-Bold.ttf",
    "liberation/LiberationSerif-Italic.ttf", "liberation/LiberationMono-Regular.ttf",
    "dejavu/DejaVuSans-BoldOblique.ttf",
)  # fmt: skip

# Shares of characters whose nearest reference glyph is one of the same character.
LEAST_CAPITALS, LEAST_DIGITS, LEAST_SMALL = 0.62, 0.6, 0.62
# Small letters that differ from their capitals, and from what correlation on they do not.
TELLING, ALIKE = "abdefghijlmnqrt", 0.93
# Fancy faces: those of three families, and what is hard to read.
FANCY, FANCY_BELOW = ("aenigma", "rampart", "humor"), 0.75

# Characters that no font need tell apart.
_FOLDED = {"1": "l", "I": "l", "i": "l", "0": "o"}

Mask = np.ndarray[Any, np.dtype[np.uint8]]
Shape = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Legibility:
    """How well a face reads.

    Attributes:
        capitals: share of capitals that are nearest to their own reference.
        small: of small letters.
        digits: of digits.
        alike: share of `TELLING` that look like their capitals.
    """

    capitals: float
    small: float
    digits: float
    alike: float

    @property
    def capitals_only(self) -> bool:
        """Whether small letters are drawn as capitals."""
        return self.alike > 0.5

    @property
    def legible(self) -> bool:
        """Whether a reader could be asked to tell the characters."""
        small = self.capitals_only or self.small >= LEAST_SMALL
        return self.capitals >= LEAST_CAPITALS and self.digits >= LEAST_DIGITS and small

    def kinds(self, path: str) -> str:
        """What is special about the face at `path`, as the list says it."""
        fancy = any(it in path for it in FANCY) or min(self.capitals, self.digits) < FANCY_BELOW
        return " ".join(["capitals"] * self.capitals_only + ["display"] * fancy)


class References:
    """The glyphs of the reference faces."""

    def __init__(self) -> None:
        shapes = []
        for name in REFERENCES:
            font = ImageFont.truetype(str(FACES / name), SIZE)
            shapes += [shape(mask(font, char)) for char in ALL]
        self._shapes = np.array(shapes)
        self._texts = ALL * len(REFERENCES)

    def judge(self, glyphs: dict[str, Mask]) -> Legibility | None:
        """How well a face reads; None if a glyph can hardly be seen."""
        shapes = {char: shape(glyph) for char, glyph in glyphs.items()}
        if any(it is None for it in shapes.values()):
            return None

        def share(chars: str) -> float:
            found = (self._texts[int((self._shapes @ shapes[char]).argmax())] for char in chars)
            return float(np.mean([fold(it) == fold(char) for it, char in zip(found, chars, strict=True)]))

        alike = np.mean([float(shapes[char] @ shapes[char.upper()]) > ALIKE for char in TELLING])
        return Legibility(share(CAPITALS), share(SMALL), share(DIGITS), float(alike))


def fold(char: str) -> str:
    """The character without case, and without what tells 1, l, I and i or 0 and O apart."""
    return _FOLDED.get(char, char.lower())


def mask(font: ImageFont.FreeTypeFont, char: str) -> Mask:
    """Coverage 0 to 255 (rows, columns) of a glyph, no larger than its ink; empty where there is none."""
    drawn, _ = font.getmask2(char, mode="L", anchor="ls")
    columns, rows = drawn.size
    return np.array(drawn, np.uint8).reshape(rows, columns) if rows * columns else np.zeros((0, 0), np.uint8)


def shape(glyph: Mask) -> Shape | None:
    """A glyph scaled into 32 x 32, blurred, of mean 0 and norm 1: (1024,); None where hardly any ink is."""
    rows, columns = np.where(glyph > DARK)
    if len(rows) < FEWEST_PIXELS:
        return None
    ink = glyph[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = ink.shape
    scale = 28 / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    ink = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    field = np.zeros((32, 32), np.float32)
    y, x = (32 - ink.shape[0]) // 2, (32 - ink.shape[1]) // 2
    field[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    flat = cv2.GaussianBlur(field, (0, 0), 1.5).ravel()
    flat -= flat.mean()
    return flat / np.linalg.norm(flat)


def glyphs_of(path: Path) -> dict[str, Mask] | None:
    """The glyphs of all 62 characters; None if the face lacks one, or cannot be drawn."""
    try:
        font = ImageFont.truetype(str(path), SIZE)
        missing = mask(font, "\uffff").tobytes()  # what is drawn for a character that is not there
        glyphs = {char: mask(font, char) for char in ALL}
    except OSError:
        return None
    for glyph in glyphs.values():
        if not glyph.size or max(glyph.shape) > LARGEST or glyph.tobytes() == missing:
            return None
    return glyphs


def candidates() -> Iterator[Path]:
    """All faces below `SYSTEM`, in the order of their paths."""
    for path in sorted(SYSTEM.rglob("*"), key=str):
        foreign = "noto" in str(path.parent) and not path.name.startswith(NOTO)
        if path.suffix.lower() in (".ttf", ".otf") and not foreign:
            yield path


def choose(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """The faces that stay: path below `SYSTEM`, and what is special."""
    references = References()
    seen = set()
    chosen = []
    for path in paths:
        glyphs = glyphs_of(path)
        if glyphs is None:
            continue
        drawn = hashlib.sha256(b"".join(glyphs[char].tobytes() for char in ALL)).digest()
        if drawn in seen:
            continue
        seen.add(drawn)
        found = references.judge(glyphs)
        if found is not None and found.legible:
            chosen.append((str(path.relative_to(SYSTEM)), found.kinds(str(path))))
    return sorted(chosen)


def packages_of(paths: Sequence[str]) -> list[str]:
    """The Debian packages that these files below `SYSTEM` came with."""
    told = subprocess.run(
        ["dpkg", "-S", *(str(SYSTEM / path) for path in paths)], capture_output=True, text=True, check=False
    )
    return sorted({line.partition(":")[0] for line in told.stdout.splitlines()})


def text_of(faces: Sequence[tuple[str, str]], packages: Sequence[str]) -> str:
    """The list as it is written."""
    names = textwrap.wrap(" ".join(packages), 100, break_on_hyphens=False, break_long_words=False)
    lines = [
        f"# Fonts that the generic model is trained with, below {SYSTEM}; after a tab what is special.",
        "# Chosen by `python benchmarks/generic_faces.py` among those of these Debian packages:",
        *(f"#   {line}" for line in names),
        *(f"{path}\t{kinds}" if kinds else path for path, kinds in faces),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=LISTED, help="the list; default: the one that ships")
    options = parser.parse_args()
    paths = list(candidates())
    faces = choose(paths)
    packages = packages_of([path for path, _ in faces])
    write_whole(options.out, text_of(faces, packages).encode())
    print(f"{options.out}: {len(faces)} of {len(paths)} faces, of {len(packages)} packages")


if __name__ == "__main__":
    main()
