"""What generated images are to be like; OpenCV is not needed to say it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from model_zoo.constraints import range_advice
from model_zoo.errors import DataError
from model_zoo.generators.styles.style import ALL

KINDS = ("random", "many")  # one style for all images, or each its own
FONTS = ("shipped", "listed")
LONGEST = 24  # characters: as many as the generic model has time steps
WIDEST, HIGHEST = 2048, 512  # pixels
SMALLEST = 16  # pixels, either way


@dataclass(frozen=True)
class ExampleOptions:
    """What the images are to be like; None is drawn.

    Attributes:
        style_seed: of the one style; `many` has none.
        charset: of the labels.
        length: the fewest and the most characters.
        size: (W, H) in pixels.
        fonts: `shipped`, which are the same everywhere, or `listed`, of Debian's packages.
    """

    style_seed: int = 0
    charset: str | None = None
    length: tuple[int, int] | None = None
    size: tuple[int, int] | None = None
    fonts: str = "shipped"

    def __post_init__(self) -> None:
        if foreign := sorted(set(self.charset or "") - set(ALL)):
            advice = range_advice(self.charset or "") if foreign[0] == "-" else ""
            raise DataError(f"character {foreign[0]!r} is in no font of ours; give some of {ALL}{advice}")
        if self.length is not None and self.length[1] > LONGEST:
            raise DataError(
                f"{self.length[1]} characters are more than a model reads; give {LONGEST} at most"
            )


def parse_size(text: str) -> tuple[int, int]:
    """`"160x60"` as (160, 60): width and height in pixels.

    Raises:
        DataError: anything else, or a size that is no captcha's.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*x\s*(\d{1,6})\s*", text)
    if match is None:
        raise DataError(f"size {text!r} is no width and height; give pixels like 160x60")
    width, height = int(match[1]), int(match[2])
    if not (SMALLEST <= width <= WIDEST and SMALLEST <= height <= HIGHEST):
        raise DataError(
            f"size {text!r} is out of range; give {SMALLEST}x{SMALLEST} to {WIDEST}x{HIGHEST} pixels"
        )
    return width, height
