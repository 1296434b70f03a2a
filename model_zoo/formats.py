"""Which image format a file's first bytes say it is. Standard library only, so that a producer can use it.

A magic number of two printable bytes ("BM", "P6") is also how a text may begin, so every short magic is
backed by a second field of the same header. Sources: the formats' specifications, Pillow's plugins.
"""

from __future__ import annotations

import re
import struct

HEAD_BYTES = 4096  # what `sniff_format` wants to see; only an SVG's prologue needs more than 64

READABLE = frozenset({"png", "jpeg", "gif", "bmp", "webp"})

# What a person calls the format.
FORMAT_NAMES: dict[str, str] = {
    "png": "PNG",
    "jpeg": "JPEG",
    "gif": "GIF",
    "bmp": "BMP",
    "webp": "WebP",
    "tiff": "TIFF",
    "ico": "ICO",
    "avif": "AVIF",
    "heic": "HEIC",
    "jp2": "JPEG 2000",
    "jxl": "JPEG XL",
    "psd": "Photoshop",
    "pnm": "PNM",
    "svg": "SVG",
    "qoi": "QOI",
    "dds": "DDS",
    "exr": "OpenEXR",
    "icns": "ICNS",
}

# Lower-case extension -> the format it promises, readable or not.
IMAGE_EXTENSIONS: dict[str, str] = {
    f".{extension}": name
    for name, extensions in {
        "png": "png apng",
        "jpeg": "jpg jpeg jpe jfif",
        "gif": "gif",
        "bmp": "bmp dib",
        "webp": "webp",
        "tiff": "tif tiff",
        "ico": "ico cur",
        "avif": "avif avifs",
        "heic": "heic heif hif",
        "jp2": "jp2 j2k j2c jpc jpf jpx",
        "jxl": "jxl",
        "psd": "psd psb",
        "pnm": "pnm pbm pgm ppm pam pfm",
        "svg": "svg",
        "qoi": "qoi",
        "dds": "dds",
        "exr": "exr",
        "icns": "icns",
    }.items()
    for extension in extensions.split()
}

# Magic numbers that no text begins with: long, or with a byte that no encoding of text has there.
_UNMISTAKABLE: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),  # BigTIFF
    (b"MM\x00+", "tiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),  # a bare codestream
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (b"\xff\x0a", "jxl"),  # a bare codestream; its next bits are a size, any value of which is valid
    (b"8BPS\x00\x01\x00\x00\x00\x00\x00\x00", "psd"),
    (b"8BPS\x00\x02\x00\x00\x00\x00\x00\x00", "psd"),
    (b"DDS \x7c\x00\x00\x00", "dds"),
    (b"\x76\x2f\x31\x01", "exr"),
)

_BMP_HEADER_BYTES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
# A magic, then width and height; comments may stand anywhere between. P7 names its fields instead.
_PNM = re.compile(rb"P[1-6Ff](?:\s|#[^\n]*\n)+\d{1,9}(?:\s|#[^\n]*\n)+\d{1,9}\s|P7\n(?:#[^\n]*\n)*WIDTH \d")


def sniff_format(head: bytes) -> str | None:
    """The image format that a file's first bytes announce, readable or not.

    Args:
        head: the first `HEAD_BYTES` bytes of the file, or all of a shorter one.

    Returns:
        A key of `FORMAT_NAMES`; None where the bytes are no image that we know of.
    """
    for magic, name in _UNMISTAKABLE:
        if head.startswith(magic):
            return name
    for name, test in _TESTS:
        if test(head):
            return name
    return _sniff_box(head)


def _is_jpeg(head: bytes) -> bool:
    """Start of image, then a marker: 0xC0 to 0xFE."""
    return head[:3] == b"\xff\xd8\xff" and (len(head) == 3 or 0xC0 <= head[3] <= 0xFE)


def _is_bmp(head: bytes) -> bool:
    """ "BM", four reserved bytes of zero, and the size of a header that exists."""
    return (
        head[:2] == b"BM"
        and len(head) >= 18
        and head[6:10] == bytes(4)
        and struct.unpack_from("<I", head, 14)[0] in _BMP_HEADER_BYTES
    )


def _is_webp(head: bytes) -> bool:
    """A RIFF container of kind WEBP, whose first chunk starts with VP8."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP" and b"VP8".startswith(head[12:15])


def _is_ico(head: bytes) -> bool:
    """An icon or cursor: a directory with at least one entry, whose data starts after the directory."""
    if head[:4] not in (b"\x00\x00\x01\x00", b"\x00\x00\x02\x00") or len(head) < 22:
        return False
    count = int.from_bytes(head[4:6], "little")
    size, offset = struct.unpack_from("<II", head, 14)
    return count > 0 and head[9] == 0 and size > 0 and offset >= 6 + 16 * count


def _is_pnm(head: bytes) -> bool:
    return _PNM.match(head) is not None


def _is_qoi(head: bytes) -> bool:
    """Sides above zero, 3 or 4 channels, one of two colour spaces."""
    if head[:4] != b"qoif" or len(head) < 14:
        return False
    width, height, channels, space = struct.unpack_from(">IIBB", head, 4)
    return width > 0 and height > 0 and channels in (3, 4) and space in (0, 1)


def _is_icns(head: bytes) -> bool:
    """A length in big endian, then the type of the first element: four printable characters."""
    return head[:4] == b"icns" and len(head) >= 16 and head[4] == 0 and head[8:12].isascii() and head[12] == 0


def _is_svg(head: bytes) -> bool:
    """XML whose root element is `svg`; a page that merely contains one is no image."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while text.startswith((b"<?", b"<!")):
        end = b"?>" if text[1:2] == b"?" else b"-->" if text.startswith(b"<!--") else b">"
        if text.startswith(b"<!DOCTYPE") and b"[" in text[: text.find(b">") + 1]:
            end = b"]>"
        text = text.partition(end)[2].lstrip()
    return re.match(rb"<(?:svg:)?svg(?:\s[^<]*=|>|/)", text) is not None


_TESTS = (
    ("jpeg", _is_jpeg),
    ("bmp", _is_bmp),
    ("webp", _is_webp),
    ("ico", _is_ico),
    ("pnm", _is_pnm),
    ("qoi", _is_qoi),
    ("icns", _is_icns),
    ("svg", _is_svg),
)


def _sniff_box(head: bytes) -> str | None:
    """AVIF or HEIC, by the brands in the first box; MP4 is a file of such boxes too."""
    if head[4:8] != b"ftyp":
        return None
    end = min(len(head), int.from_bytes(head[:4], "big"))
    brands = {head[8:12], *(head[start : start + 4] for start in range(16, end - 3, 4))}
    # AVIF files may name the general brand mif1 first, so theirs decide before HEIC's.
    if brands & _AVIF_BRANDS:
        return "avif"
    return "heic" if brands & _HEIC_BRANDS else None
