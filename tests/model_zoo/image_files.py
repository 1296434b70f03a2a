"""PNG and JPEG files of many kinds, and ways of changing them, for the tests of model_zoo.images."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

Chunk = tuple[bytes, bytes]

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode(image: Image.Image, format_name: str = "PNG", **options: Any) -> bytes:
    """The file that Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def noise(mode: str, width: int = 23, height: int = 9, seed: int = 0) -> Image.Image:
    """An image of which no byte can be spared, of a mode that PNG has."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    if mode == "LA":
        return Image.merge("LA", [Image.fromarray(pixels[:, :, band]) for band in (0, 1)])
    return Image.fromarray(pixels).convert(mode) if mode != "RGBA" else Image.fromarray(pixels)


def ramp(mode: str = "RGB", width: int = 23, height: int = 9) -> Image.Image:
    """A smooth image."""
    rows, columns = np.mgrid[0:height, 0:width]
    bands = [(rows * 5 + columns * step) % 256 for step in (3, 4, 7)]
    return Image.fromarray(np.stack(bands, axis=-1).astype(np.uint8)).convert(mode)


def chunks(data: bytes) -> list[Chunk]:
    """Names and bodies; what comes after the last whole one is dropped."""
    found, position = [], len(SIGNATURE)
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        found.append((name, data[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def chunk(name: bytes, body: bytes) -> bytes:
    """With its length and checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def joined(parts: Iterable[Chunk]) -> bytes:
    """A PNG of these chunks."""
    return SIGNATURE + b"".join(chunk(name, body) for name, body in parts)


def with_chunk(data: bytes, name: bytes, body: bytes, place: int = 1) -> bytes:
    """One chunk more, before that place."""
    parts = chunks(data)
    return joined([*parts[:place], (name, body), *parts[place:]])


def with_pixels(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The scanlines changed, and deflated again into one chunk."""
    parts = chunks(data)
    scanlines = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    first = [name for name, _ in parts].index(b"IDAT")
    rest = [part for part in parts[first:] if part[0] != b"IDAT"]
    return joined([*parts[:first], (b"IDAT", zlib.compress(change(scanlines))), *rest])


def with_filters(data: bytes, filters: Sequence[int]) -> bytes:
    """Each scanline said to be filtered so, in turns: other pixels, but a whole file."""
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    line = 1 + (width * bits * channels + 7) // 8

    def change(scanlines: bytes) -> bytes:
        changed = bytearray(scanlines)
        for row in range(height):
            changed[row * line] = filters[row % len(filters)]
        return bytes(changed)

    return with_pixels(data, change)


def header(data: bytes, **fields: int) -> bytes:
    """The PNG with other fields in its header, whose checksum fits."""
    names = ("width", "height", "bits", "colour", "compression", "filters", "interlace")
    parts = chunks(data)
    values = dict(zip(names, struct.unpack(">IIBBBBB", parts[0][1]), strict=True)) | fields
    return joined([(b"IHDR", struct.pack(">IIBBBBB", *values.values())), *parts[1:]])


def palette(bits: int, alphas: bytes | None = None) -> bytes:
    """An indexed PNG of so many bits."""
    image = noise("RGB").quantize(2**bits if bits < 8 else 200)
    return encode(image, bits=bits, **({} if alphas is None else {"transparency": alphas}))


_ALL_FILTERS = (4, 3, 2, 1, 0, 4, 4)

PLAIN: dict[str, bytes] = {
    **{f"PNG {mode}": encode(noise(mode)) for mode in ("1", "L", "LA", "RGB", "RGBA")},
    **{
        f"PNG {mode}, all filters": with_filters(encode(noise(mode)), _ALL_FILTERS)
        for mode in ("1", "L", "LA", "RGB", "RGBA")
    },
    **{f"indexed, {bits} bits": palette(bits) for bits in (1, 2, 4, 8)},
    **{f"indexed, {bits} bits, transparent": palette(bits, bytes((0, 99))) for bits in (1, 2, 4, 8)},
    "indexed, one colour transparent": palette(8, bytes((255, 0))),
    "indexed, 8 bits, all filters": with_filters(
        encode(Image.fromarray(np.zeros((9, 23), np.uint8)).convert("P")), _ALL_FILTERS
    ),
    **{
        f"grey, {bits} bits": joined(
            [
                (b"IHDR", struct.pack(">IIBBBBB", 16, 4, bits, 0, 0, 0, 0)),
                (b"IDAT", zlib.compress(b"".join(b"\0" + bytes(range(9, 9 + 2 * bits)) for _ in range(4)))),
                (b"IEND", b""),
            ]
        )
        for bits in (1, 2, 4)
    },
    "smooth": encode(ramp()),
    "white ink on nothing": encode(Image.merge("RGBA", [Image.new("L", (23, 9), 250)] * 3 + [ramp("L")])),
    "nothing at all": encode(Image.new("RGBA", (5, 4))),
    "more than is inflated at one go": encode(noise("RGB", 100, 60)),
    "one pixel": encode(Image.new("RGB", (1, 1), "red")),
    "a comment": with_chunk(encode(ramp()), b"tEXt", b"Comment\0made for a test"),
    "harmless chunks": with_chunk(
        with_chunk(with_chunk(encode(ramp()), b"gAMA", bytes(4)), b"pHYs", bytes(9)), b"tIME", bytes(7), 4
    ),
    "pixels in three chunks": joined(
        [
            part
            for name, body in chunks(encode(noise("RGB")))
            for part in (
                [(name, body[:5]), (name, body[5:9]), (name, body[9:])] if name == b"IDAT" else [(name, body)]
            )
        ]
    ),
}
PLAIN_JPEGS: dict[str, bytes] = {
    "JPEG L": encode(noise("L"), "JPEG"),
    **{f"JPEG, subsampling {way}": encode(ramp(), "JPEG", subsampling=way) for way in (0, 1, 2)},
    "JPEG noise": encode(noise("RGB"), "JPEG", quality=95),
    "JPEG with a comment": encode(ramp(), "JPEG", comment="made for a test"),
    "JPEG with restarts": encode(ramp("RGB", 60, 40), "JPEG", restart_marker_blocks=2),
}

_TEXT_BOMB = b"Comment\0\0" + zlib.compress(bytes(3_000_000))
_JPEG = PLAIN_JPEGS["JPEG, subsampling 1"]
_SOF = _JPEG[_JPEG.index(b"\xff\xc0") :][:19]
_COMMENTED = PngInfo()
_COMMENTED.add_text("Comment", "made for a test")
# Files that are read, or not, by Pillow alone.
OTHERS: dict[str, bytes] = {
    "16 bits": encode(Image.fromarray(np.arange(200, dtype=np.uint16).reshape(10, 20) * 300)),
    "interlaced": header(encode(noise("L")), interlace=1),
    "a transparent grey": encode(ramp("L"), transparency=20),
    "a transparent colour": encode(ramp(), transparency=(0, 0, 0)),
    "animated": encode(noise("RGB"), save_all=True, append_images=[ramp()]),
    "turned by EXIF": with_chunk(
        encode(ramp()), b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    ),
    "a text named transparency": with_chunk(encode(ramp("L")), b"tEXt", b"transparency\0x"),
    "a text named exif": with_chunk(encode(ramp("L")), b"tEXt", b"exif\0MM\0*"),
    "a text named interlace": with_chunk(encode(ramp("L")), b"tEXt", b"interlace\0x"),
    "a text bomb": with_chunk(encode(ramp()), b"zTXt", _TEXT_BOMB),
    "a gamma of two bytes": with_chunk(encode(ramp()), b"gAMA", bytes(2)),
    **{
        f"{bits} bits, a colour that is not in the palette": joined(
            [(name, body[:3] if name == b"PLTE" else body) for name, body in chunks(palette(bits))]
        )
        for bits in (1, 2, 4, 8)
    },
    "two palettes": with_chunk(palette(8), b"PLTE", bytes(range(250, 256))),
    "two lists of alphas": with_chunk(palette(4, bytes((0, 99))), b"tRNS", bytes((99, 0)), 2),
    "more alphas than colours": with_chunk(palette(1), b"tRNS", bytes(3), 2),
    "no palette": joined([part for part in chunks(palette(8)) if part[0] != b"PLTE"]),
    "a filter that does not exist": with_filters(encode(noise("RGB")), (5,)),
    "too few scanlines": with_pixels(encode(noise("RGB")), lambda scanlines: scanlines[:-70]),
    "too many scanlines": with_pixels(encode(noise("RGB")), lambda scanlines: scanlines + bytes(70)),
    "a chunk amid the pixels": joined(
        [
            part
            for name, body in chunks(encode(noise("RGB")))
            for part in (
                [(name, body[:9]), (b"tIME", bytes(7)), (name, body[9:])]
                if name == b"IDAT"
                else [(name, body)]
            )
        ]
    ),
    "a long comment": with_chunk(encode(ramp()), b"tEXt", b"Comment\0" + bytes(2000)),
    **{
        f"{length} stream without its checksum": joined(
            [
                (name, body[:-4] if name == b"IDAT" else body)
                for name, body in chunks(encode(noise("RGB", *size)))
            ]
        )
        for length, size in (("a short", (23, 9)), ("a long", (100, 60)))
    },
    "bytes after its end": encode(ramp()) + b"more",
    "no end": encode(ramp())[:-12],
    **{
        f"a wrong checksum of {name.decode()}": encode(ramp(), pnginfo=_COMMENTED).replace(
            chunk(name, body), chunk(name, body)[:-1] + bytes([chunk(name, body)[-1] ^ 1])
        )
        for name, body in chunks(encode(ramp(), pnginfo=_COMMENTED))
    },
    "another way of filtering": header(encode(ramp()), filters=1),
    "another way of deflating": header(encode(ramp()), compression=1),
    "a header of no pixels": header(encode(ramp()), width=0),
    "a header of too many": header(encode(ramp()), width=50_000, height=50_000),
    "a colour type that does not exist": header(encode(ramp()), colour=5),
    "progressive": encode(ramp(), "JPEG", progressive=True),
    "CMYK": encode(ramp("CMYK"), "JPEG"),
    "a JPEG with EXIF": encode(ramp(), "JPEG", exif=Image.Exif()),
    "a JPEG that ends early": encode(noise("RGB"), "JPEG")[:-100],
    "a JPEG that ends early, with an end mark": encode(noise("RGB"), "JPEG")[:-100] + b"\xff\xd9",
    "a JPEG with bytes after its end": _JPEG + b"more",
    "a JPEG with a preview": _JPEG.replace(b"\xff\xe0\x00\x10JFIF", b"\xff\xe0\x00\x13JFIF").replace(
        b"\x01\x00\x01\x00\x00\xff\xdb", b"\x01\x00\x01\x01\x01abc\xff\xdb"
    ),
    "a JPEG with Adobe's mark": _JPEG[:2] + b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0\0" + _JPEG[2:],
    "a JPEG with padding": _JPEG[:2] + b"\xff" + _JPEG[2:],
    "a JPEG of two frames": _JPEG.replace(_SOF, _SOF + _SOF),
    "a JPEG of 12 bits": _JPEG.replace(_SOF, _SOF[:4] + b"\x0c" + _SOF[5:]),
    "a JPEG of 4:4:0": _JPEG.replace(_SOF, _SOF[:11] + b"\x12" + _SOF[12:]),
    "a JPEG of other components": _JPEG.replace(_SOF, _SOF[:10] + b"\x07" + _SOF[11:]),
    "a JPEG with a part of its coefficients": _JPEG.replace(b"\x00\x3f\x00", b"\x00\x3e\x00", 1),
    "a JPEG of no height": _JPEG.replace(_SOF, _SOF[:5] + bytes(2) + _SOF[7:]),
    "GIF": encode(noise("P"), "GIF"),
    "BMP": encode(noise("RGB"), "BMP"),
    "WebP": encode(noise("RGB"), "WEBP", lossless=True),
    "no image": b"hello, world",
    "nothing": b"",
}

_NAMES = (
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"bKGD", b"hIST"),
    *(b"tIME", b"sBIT", b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"acTL", b"fcTL"),
)
_BODIES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from((4, 6, 7, 8, 9, 13, 26, 32)).map(bytes),
    st.sampled_from((b"Comment\0text", b"transparency\0text", b"exif\0MM\0*", b"bbox\0x", _TEXT_BOMB)),
)


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """The file after one change: of bytes anywhere, or of a PNG's chunks with checksums that fit."""
    is_png = data.startswith(SIGNATURE) and len(chunks(data)) > 1
    ways = ("flip", "cut", "grow", "chunk", "body", "order", "pixels") if is_png else ("flip", "cut", "grow")
    way = draw(st.sampled_from(ways))
    if way == "grow":
        return data + draw(st.binary(min_size=1, max_size=9))
    if way == "cut" or not data:
        return data[: draw(st.integers(0, len(data)))]
    if way == "flip":
        place = draw(st.integers(0, len(data) - 1))
        return data[:place] + bytes([data[place] ^ 1 << draw(st.integers(0, 7))]) + data[place + 1 :]
    parts = chunks(data)
    place = draw(st.integers(0, len(parts) - 1))
    name, body = parts[place]
    if way == "chunk":
        return with_chunk(data, draw(st.sampled_from(_NAMES)), draw(_BODIES), place)
    if way == "order":
        other = draw(st.integers(0, len(parts) - 1))
        kept = parts if draw(st.booleans()) else parts[:place] + parts[place + 1 :]
        return joined([*kept[:other], parts[place], *kept[other:]])
    if way == "pixels":
        start, stop = sorted(draw(st.tuples(st.integers(0, 600), st.integers(0, 600))))
        put = draw(st.binary(max_size=4))
        try:
            return with_pixels(data, lambda scanlines: scanlines[:start] + put + scanlines[stop:])
        except (ValueError, zlib.error):  # no pixels, or none that inflate
            return data
    at = draw(st.integers(0, len(body)))
    parts[place] = (name, body[:at] + draw(st.binary(max_size=2)) + body[at + draw(st.integers(0, 2)) :])
    return joined(parts)
