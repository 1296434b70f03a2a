"""Which way up an image is, from EXIF data as it should be and as it should not."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from model_zoo.exif import orientation


def _block(*entries: tuple[int, int, int], order: str = ">") -> bytes:
    """TIFF header and a directory of (tag, type, value) entries."""
    body = struct.pack(f"{order}H", len(entries))
    for tag, kind, value in entries:
        body += struct.pack(f"{order}HHIHH", tag, kind, 1, value, 0)
    mark = b"MM\0*" if order == ">" else b"II*\0"
    return mark + struct.pack(f"{order}I", 8) + body


@pytest.mark.parametrize("value", range(1, 9))
def test_what_pillow_writes_is_read(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    exif[0x010E] = "a description, which stands before"
    assert orientation(exif.tobytes()) == value


CASES = [
    (_block((0x0112, 3, 6)), 6, "big endian, no mark in front"),
    (_block((0x0112, 3, 6), order="<"), 6, "little endian"),
    (b"Exif\0\0" + _block((0x010F, 3, 1), (0x0112, 3, 8)), 8, "a mark in front, the second entry"),
    (b"", 1, "nothing"),
    (b"Exif\0\0", 1, "the mark alone"),
    (b"XX\0*\0\0\0\x08", 1, "no byte order"),
    (_block(), 1, "an empty directory"),
    (_block((0x010F, 3, 6)), 1, "another tag"),
    (_block((0x0112, 3, 9)), 1, "a value that does not exist"),
    (_block((0x0112, 4, 6)), 1, "a value of another type"),
    (_block((0x0112, 3, 6))[:-6], 1, "cut within the entry"),
    (b"MM\0*\xff\xff\xff\xff", 1, "a directory behind the end"),
]


@pytest.mark.parametrize(("exif", "expected", "reason"), CASES)
def test_data_of_every_kind_has_an_orientation(exif: bytes, expected: int, reason: str) -> None:
    assert orientation(exif) == expected, reason


@given(st.sampled_from([b"", b"II*\0", b"MM\0*", b"Exif\0\0MM\0*\0\0\0\x08"]), st.binary(max_size=60))
def test_any_bytes_have_an_orientation(start: bytes, rest: bytes) -> None:
    assert 1 <= orientation(start + rest) <= 8
