"""The paper that a transparent image is shown on."""

from __future__ import annotations

import numpy as np
from PIL import Image

# A difference of grey values that is no text: of an image that shows no more over white, black is tried.
FAINT = 32


def over_paper(image: Image.Image) -> Image.Image:
    """The grey image over white; over black where white shows nothing, or less than a faint trace.

    Black text on nothing must not become black on black, nor white text white on white.

    Args:
        image: of any mode with transparency.

    Returns:
        Of mode L.
    """
    rgba = image.convert("LA") if image.mode == "La" else image
    rgba = rgba.convert("RGBA")
    ink, alpha = rgba.convert("L"), rgba.getchannel("A")
    white = _pasted(ink, alpha, 255)
    if _contrast(white) >= FAINT:
        return white
    return max(white, _pasted(ink, alpha, 0), key=_contrast)  # of equals the first


def _pasted(ink: Image.Image, alpha: Image.Image, paper: int) -> Image.Image:
    sheet = Image.new("L", ink.size, paper)
    sheet.paste(ink, mask=alpha)
    return sheet


def _contrast(grey: Image.Image) -> float:
    """The lightest less the darkest pixel."""
    return float(np.ptp(np.asarray(grey, np.int16)))
