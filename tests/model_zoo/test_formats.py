"""The first bytes of a file name its format, and a text that begins alike is not mistaken for one."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from PIL import Image, features

from model_zoo.formats import FORMAT_NAMES, HEAD_BYTES, IMAGE_EXTENSIONS, READABLE, sniff_format

WRITTEN_BY_PILLOW = [
    ("PNG", "png"),
    ("JPEG", "jpeg"),
    ("GIF", "gif"),
    ("BMP", "bmp"),
    ("WEBP", "webp"),
    ("TIFF", "tiff"),
    ("ICO", "ico"),
    ("JPEG2000", "jp2"),
    ("PPM", "pnm"),
    ("QOI", "qoi"),
    ("DDS", "dds"),
    ("ICNS", "icns"),
]


@pytest.mark.parametrize(("pillow_name", "expected"), WRITTEN_BY_PILLOW)
def test_what_pillow_writes_is_recognised(pillow_name: str, expected: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "white").save(buffer, pillow_name)
    assert sniff_format(buffer.getvalue()[:HEAD_BYTES]) == expected


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow is built without AVIF")
def test_an_avif_of_pillow_is_recognised() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "white").save(buffer, "AVIF")
    assert sniff_format(buffer.getvalue()[:HEAD_BYTES]) == "avif"


HEADS = [
    (b"\xff\xd8\xff", "jpeg", "cut after the marker's first byte"),
    (b"\x89PNG\n\x1a\n", "png", "a PNG whose line ends were converted is a damaged PNG, not a text"),
    (b"RIFF\x10\x00\x00\x00WEBPVP8L", "webp", "lossless"),
    (b"RIFF\x10\x00\x00\x00WEBP", "webp", "cut after the container's name"),
    (b"MM\x00*\x00\x00\x00\x08", "tiff", "big endian"),
    (b"II+\x00\x08\x00\x00\x00", "tiff", "BigTIFF"),
    (b"BM" + bytes(12) + b"\x0c\x00\x00\x00", "bmp", "the oldest header, of 12 bytes"),
    (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "heic", "a phone's photo"),
    (
        b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif",
        "avif",
        "the general brand first",
    ),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl", "in a container"),
    (b"\xff\x0a\xfa\x7f", "jxl", "a bare codestream"),
    (b"\xff\x4f\xff\x51\x00\x2f", "jp2", "a bare codestream"),
    (b"8BPS\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03", "psd", "version 1"),
    (b"P6\n# made by hand\n200 50\n255\n", "pnm", "a comment between magic and size"),
    (b"P5 200 50 255\n", "pnm", "all on one line"),
    (b"Pf\n200 50\n-1.0\n", "pnm", "floats"),
    (b"P7\nWIDTH 200\nHEIGHT 50\n", "pnm", "PAM names its fields"),
    (b'<svg xmlns="http://www.w3.org/2000/svg">', "svg", "bare"),
    (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- hand --><svg\n viewBox="0 0 1 1">', "svg", "after a prologue"),
    (b'<!DOCTYPE svg [ <!ENTITY a "b"> ]>\n<svg:svg xmlns:svg="...">', "svg", "entities, and a prefix"),
    (b"\x76\x2f\x31\x01\x02\x00\x00\x00", "exr", "the magic"),
]


@pytest.mark.parametrize(("head", "expected", "reason"), HEADS)
def test_a_head_names_its_format(head: bytes, expected: str, reason: str) -> None:
    assert sniff_format(head) == expected, reason


NO_IMAGES = [
    (b"", "no bytes"),
    (b"\x89PN", "too short for any magic"),
    (b"BM", "two letters"),
    (b"BMW 320d, first registered in 2014; 120,000 km", "a text beginning like a BMP"),
    (b"BM" + bytes(12) + b"\x0b\x00\x00\x00", "zeroes like a BMP's, but a header size that does not exist"),
    (b"P6 is the name of a level\n", "a text beginning like a PNM"),
    (b"P1\n", "a PNM without a size"),
    (b"P6\n200 times\n", "one number only"),
    (b"<svgs are nice", "a longer word"),
    (b"<html><svg viewBox='0 0 1 1'></svg></html>", "a page that contains a drawing"),
    (b"<?xml version='1.0'?><root/>", "other XML"),
    (b"<!-- a comment without an end <svg width='1'>", "all of the head is a comment"),
    (b"GIF file format, a history", "a text beginning like a GIF"),
    (b"II* is the second mark", "a text beginning like a TIFF"),
    (b"RIFF\x10\x00\x00\x00WAVEfmt ", "sound"),
    (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42", "a film"),
    (b"\x00\x00\x01\x00\x00\x00" + bytes(16), "an icon without entries"),
    (b"\x00\x00\x01\xba" + bytes(18), "an MPEG stream"),
    (b"\xff\xd8\xff\x00", "no marker of JPEG"),
    (b"qoif" + bytes(10), "a QOI of no pixels"),
    (b"icns are Apple's icons", "a text beginning like an ICNS"),
    (b"8BPS is the magic of Photoshop", "a text beginning like a PSD"),
    (b"%PDF-1.7", "a document"),
    (b"\x7fELF\x02\x01\x01", "a program"),
]


@pytest.mark.parametrize(("head", "reason"), NO_IMAGES)
def test_what_is_no_image_is_not_taken_for_one(head: bytes, reason: str) -> None:
    assert sniff_format(head) is None, reason


def test_every_extension_promises_a_format_with_a_name() -> None:
    assert set(IMAGE_EXTENSIONS.values()) == set(FORMAT_NAMES)
    assert set(FORMAT_NAMES) >= READABLE
    assert all(extension == extension.lower() and extension.startswith(".") for extension in IMAGE_EXTENSIONS)


def test_a_long_head_of_brackets_takes_no_time() -> None:
    assert sniff_format(b"<!" * (HEAD_BYTES // 2)) is None
    assert sniff_format(b"P6" + b"#\n" * (HEAD_BYTES // 2)) is None


def test_sniffing_imports_nothing_heavy() -> None:
    code = "import sys, model_zoo.formats; print(*({'numpy', 'PIL', 'torch'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
