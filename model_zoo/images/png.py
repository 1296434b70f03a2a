"""The grey pixels of a plain PNG, of which every byte is accounted for; any other is somebody else's.

What is read here is what Pillow reads too, with the same pixels: each chunk is one that Pillow passes over or
that is understood here, every length and checksum fits, the scanlines are inflated to their last byte and its
checksum. Pillow is more generous (it does not look at the checksums of pixels, and shows images that end
early), so None is no verdict. Source: PNG specification (third edition), chapters 5, 9 and 11.
"""

from __future__ import annotations

import importlib
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_zoo.paper import FAINT

Grey = NDArray[np.uint8]


def _best_zlib() -> Any:
    """zlib-ng, which inflates 1.7 times as fast as zlib and as Pillow's own wheels do; or zlib."""
    try:
        return importlib.import_module("zlib_ng.zlib_ng")
    except ImportError:
        return zlib


_zlib = _best_zlib()

_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_HEADER = struct.Struct(">IIBBBBBI")  # width, height, bits, colour, compression, filters, interlace, checksum
_CHUNK = struct.Struct(">I4s")
_CHECKSUM = struct.Struct(">I")

_GREY, _RGB, _INDEXED, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _RGB: 3, _INDEXED: 1, _GREY_ALPHA: 2, _RGBA: 4}

# Chunks that change nothing here nor in Pillow, and their lengths where Pillow looks into them.
_HARMLESS = {
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"pHYs": 9,
    **dict.fromkeys((b"bKGD", b"hIST", b"sBIT", b"tIME")),
}
# Texts that are only texts: Pillow keeps them among what decides how pixels are shown ("transparency").
_KEYWORDS = frozenset(
    {
        *(b"Author", b"Comment", b"Copyright", b"Creation Time", b"Description", b"Disclaimer", b"Software"),
        *(b"Source", b"Title", b"Warning", b"date:create", b"date:modify", b"date:timestamp"),
    }
)
_MAX_TEXT = 1024
_MAX_CHUNKS = 256  # of a captcha; each costs a microsecond

_MOST = 1032  # bytes that one byte of a deflate stream can become (zlib's documentation)


def _frozen(levels: list[int]) -> Grey:
    pixels = np.repeat(np.array(levels, np.uint8), 3)
    pixels.flags.writeable = False  # as those of a file are, so that one compiled function takes both
    return pixels


# Grey of few bits, as a palette.
_GREY_PALETTES = {bits: _frozen([255 * i // (2**bits - 1) for i in range(2**bits)]) for bits in (1, 2, 4, 8)}
_NO_ALPHAS = _frozen([])


@dataclass(slots=True)
class _Plain:
    """What is needed of a file: see `compiled.grey_of_scanlines`."""

    width: int
    height: int
    bits: int
    channels: int
    palette: Grey
    alphas: Grey
    stream: bytes  # deflated

    @property
    def has_alpha(self) -> bool:
        """Whether a pixel may be transparent."""
        return self.channels in (2, 4) or self.alphas.size > 0

    @property
    def scanline_bytes(self) -> int:
        """With the filters' types."""
        return self.height * (1 + (self.width * self.channels * self.bits + 7) // 8)


def read_png(data: bytes, max_pixels: int, out: Grey | None = None) -> Grey | None:
    """The grey pixels of a plain PNG.

    Args:
        data: of the file.
        max_pixels: width times height.
        out: (H, W), to be filled where the image is of that size; it may be left half filled.

    Returns:
        (height, width), `out` if it fits; None where the file is left to others.

    Raises:
        ImportError: numba is not installed.
    """
    from model_zoo.images import compiled  # compiles: only a process that reads images pays for it

    plain = _plain(data, max_pixels)
    if plain is None:
        return None
    inflated = _inflated(plain.stream, plain.scanline_bytes, 4 * max_pixels)
    if inflated is None:
        return None
    scanlines = np.frombuffer(inflated, np.uint8)

    def drawn(paper: int, grey: Grey) -> int:
        contrast: int = compiled.grey_of_scanlines(
            scanlines, plain.channels, plain.bits, plain.palette, plain.alphas, paper, grey
        )
        return contrast

    size = (plain.height, plain.width)
    grey = np.empty(size, np.uint8) if out is None or out.shape != size else out
    contrast = drawn(255, grey)
    if contrast < 0:
        return None
    if contrast < FAINT and plain.has_alpha:
        on_black = np.empty(size, np.uint8)
        if drawn(0, on_black) > contrast:
            grey[:] = on_black
    return grey


def _plain(data: bytes, max_pixels: int) -> _Plain | None:
    """The parts of a plain PNG; None for any other file."""
    if not data.startswith(_HEAD) or len(data) < 33:
        return None
    width, height, bits, colour, compression, filters, interlace, checksum = _HEADER.unpack_from(data, 16)
    channels = _CHANNELS.get(colour)
    if (
        channels is None
        or not (bits == 8 or (channels == 1 and bits in (1, 2, 4)))
        or compression
        or filters
        or interlace
        or not 0 < width * height <= max_pixels
        or _zlib.crc32(data[12:29]) != checksum
    ):
        return None
    plain = _Plain(width, height, bits, channels, _GREY_PALETTES[bits], _NO_ALPHAS, b"")
    return plain if _has_only_plain_chunks(data, colour, plain) else None


def _has_only_plain_chunks(data: bytes, colour: int, plain: _Plain) -> bool:
    """Fill in the palette, its alphas and the deflated scanlines; whether nothing else is in the file."""
    streams: list[bytes] = []
    is_indexed = colour == _INDEXED
    has_palette = has_alphas = has_ended = False
    position = 33
    for _ in range(_MAX_CHUNKS):
        if position + 12 > len(data):
            return False
        length, name = _CHUNK.unpack_from(data, position)
        body = position + 8
        end = body + length
        if end + 4 > len(data):
            return False
        if _zlib.crc32(data[position + 4 : end]) != _CHECKSUM.unpack_from(data, end)[0]:
            return False
        position = end + 4
        if name == b"IDAT":
            if has_ended or (is_indexed and not has_palette):
                return False
            streams.append(data[body:end])
            continue
        has_ended = bool(streams)
        if name == b"IEND":
            plain.stream = streams[0] if len(streams) == 1 else b"".join(streams)
            return has_ended and length == 0 and position == len(data)
        if name == b"PLTE":
            if not is_indexed or has_palette or has_ended or length % 3 or not 0 < length <= 768:
                return False
            plain.palette, has_palette = np.frombuffer(data, np.uint8, length, body), True
        elif name == b"tRNS":
            if not has_palette or has_alphas or has_ended or not 0 < length <= plain.palette.size // 3:
                return False
            plain.alphas, has_alphas = np.frombuffer(data, np.uint8, length, body), True
        elif name == b"tEXt":
            if length > _MAX_TEXT or data[body:end].partition(b"\0")[0] not in _KEYWORDS:
                return False
        elif name not in _HARMLESS or _HARMLESS[name] not in (None, length):
            return False
    return False


def _inflated(stream: bytes, size: int, room: int) -> bytes | None:
    """What the stream inflates to, if that is `size` bytes and its checksum fits.

    Args:
        stream: zlib's.
        size: in bytes.
        room: what inflating may take in bytes, besides that.
    """
    try:
        if len(stream) * _MOST <= room:  # at one go, which is faster: it cannot become more
            inflated: bytes = _zlib.decompress(stream, bufsize=size)
            return inflated if len(inflated) == size else None
        inflater = _zlib.decompressobj()
        inflated = inflater.decompress(stream, size + 1)
    except _zlib.error:
        return None
    return inflated if len(inflated) == size and inflater.eof else None
