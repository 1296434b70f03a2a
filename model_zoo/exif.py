"""The one thing that EXIF data says about pixels: which way up they are. Standard library only.

Pillow can read all of EXIF, and raises or warns of whatever is damaged there; an image is worth more than it.
Source: Exif 2.32 (CIPA DC-008), section 4.6.
"""

from __future__ import annotations

import struct

UPRIGHT = 1

_ORIENTATION_TAG = 0x0112
_SHORT = 3  # the type of its value: an unsigned integer of 16 bits
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}


def orientation(exif: bytes) -> int:
    """How the pixels are turned, 1 to 8; 1, upright, also where the data is damaged or silent.

    Args:
        exif: as it stands in a PNG, JPEG or WebP, with or without the mark "Exif" in front.
    """
    block = exif.removeprefix(b"Exif\0\0")
    order = _BYTE_ORDERS.get(block[:2])
    if order is None:
        return UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        (entries,) = struct.unpack_from(f"{order}H", block, directory)
        for entry in range(entries):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", block, directory + 2 + 12 * entry)
            if tag == _ORIENTATION_TAG:
                return value if kind == _SHORT and 1 <= value <= 8 else UPRIGHT
    except struct.error:  # it points behind its own end
        return UPRIGHT
    return UPRIGHT
