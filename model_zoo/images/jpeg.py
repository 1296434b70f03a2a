"""The grey pixels of a plain JPEG by libjpeg-turbo itself (simplejpeg), without what Pillow does around it.

Plain is what programs that draw captchas write: baseline, grey or YCbCr in one scan, without EXIF data,
colour profiles or previews. Pillow and simplejpeg have the same library decode it, with the same settings, so
the pixels are the same; simplejpeg refuses whatever the library warns of, and Pillow then decides. Source:
ITU-T T.81, annex B.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import features

Grey = NDArray[np.uint8]

_SOF0, _DHT, _SOS, _DQT, _DRI, _APP0, _COM = 0xC0, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0, 0xFE
_QUANTISATION_BYTES = 65  # of a table of 8 bits, with its number
_MAX_SEGMENTS = 64

# The components' identifiers and sampling factors: grey; YCbCr with colour at full, half and quarter density.
_GREY_COMPONENTS = (bytes((1, 0x11)),)
_COLOUR_COMPONENTS = tuple(bytes((1, luma, 2, 0x11, 3, 0x11)) for luma in (0x11, 0x21, 0x22))


@cache
def _decoder() -> Any:
    """The library's function; None where it is missing, or where Pillow was built with another library."""
    if not features.check_feature("libjpeg_turbo"):
        return None
    try:
        return importlib.import_module("simplejpeg").decode_jpeg
    except ImportError:
        return None


def read_jpeg(data: bytes, max_pixels: int, out: Grey | None = None) -> Grey | None:
    """The grey pixels of a plain JPEG.

    Args:
        data: of the file.
        max_pixels: width times height.
        out: (H, W), to be filled where the image is of that size.

    Returns:
        (height, width), `out` if it fits; None where the file is left to others.

    Raises:
        ImportError: numba is not installed.
    """
    from model_zoo.images import compiled  # compiles: only a process that reads images pays for it

    decode = _decoder()
    if decode is None:
        return None
    frame = _plain_frame(data)
    if frame is None:
        return None
    height, width, components = frame
    if not 0 < width * height <= max_pixels:
        return None
    try:
        pixels = decode(data, colorspace="RGB" if components == 3 else "GRAY", strict=True)
    except ValueError:  # an error or a warning of libjpeg
        return None
    if pixels.shape != (height, width, components):
        return None
    grey = np.empty((height, width), np.uint8) if out is None or out.shape != (height, width) else out
    if components == 1:
        grey[:] = pixels[:, :, 0]
    else:
        compiled.grey_of_rgb(pixels, grey)
    return grey


def _plain_frame(data: bytes) -> tuple[int, int, int] | None:
    """Height, width and the number of components of a plain JPEG; None for any other file."""
    if not data.endswith(b"\xff\xd9"):
        return None
    frame: tuple[int, int, int] | None = None
    position = 2
    for _ in range(_MAX_SEGMENTS):
        head = data[position : position + 4]
        if len(head) < 4 or head[0] != 0xFF:
            return None
        marker, length = head[1], head[2] << 8 | head[3]
        body = data[position + 4 : position + 2 + length]
        position += 2 + length
        if length < 2 or position > len(data) - 2:
            return None
        if marker == _SOS:
            return frame if frame is not None and _is_whole_scan(body, frame[2]) else None
        if marker == _SOF0:
            if frame is not None or (frame := _frame(body)) is None:
                return None
        elif marker == _DQT:
            if not _is_quantisation(body):
                return None
        elif marker == _APP0:
            if len(body) != 14 or not body.startswith(b"JFIF\0"):
                return None
        elif marker not in (_DHT, _DRI, _COM):
            return None
    return None


def _frame(body: bytes) -> tuple[int, int, int] | None:
    if len(body) < 6 or body[0] != 8 or len(body) != 6 + 3 * body[5]:
        return None
    components = bytes(byte for place, byte in enumerate(body[6:]) if place % 3 < 2)
    if components not in _GREY_COMPONENTS and components not in _COLOUR_COMPONENTS:
        return None
    return body[1] << 8 | body[2], body[3] << 8 | body[4], body[5]


def _is_quantisation(body: bytes) -> bool:
    """Tables of 8 bits, with the numbers 0 to 3."""
    return len(body) % _QUANTISATION_BYTES == 0 and all(number <= 3 for number in body[::_QUANTISATION_BYTES])


def _is_whole_scan(body: bytes, components: int) -> bool:
    """All components, all coefficients, at full precision."""
    return len(body) == 4 + 2 * components and body[0] == components and body[-3:] == b"\x00\x3f\x00"
