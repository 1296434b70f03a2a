"""What is refused before its pixels are looked at, with which code and sentence."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from model_zoo.errors import UnreadableImage
from model_zoo.preprocess import ImageLimits, read_file, read_image


def _encode(image: Image.Image, format_name: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def _noise(mode: str = "RGB") -> Image.Image:
    """An image of which no byte can be spared."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 32, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def _png_header(width: int, height: int) -> bytes:
    """The signature, an IHDR chunk, and the beginning of the data."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + header + b"\x00\x00\x01\x00IDAT" + bytes(256)


def _png_with_text_bomb() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "a" * 20_000_000, zip=True)
    return _encode(_noise(), pnginfo=info)


WANTED = "PNG, JPEG, GIF, BMP or WebP"
CONVERT = f"which is not read; convert it to {WANTED}"
REFUSED: list[tuple[str, Callable[[], Any], str, str]] = [
    ("no bytes", lambda: b"", "empty_file", "the file is empty; expected an image"),
    (
        "a text",
        lambda: b"hello, world",
        "not_an_image",
        f"the content starts with b'hello, w', expected {WANTED}",
    ),
    ("TIFF", lambda: _encode(_noise(), "TIFF"), "unsupported_format", f"the content is TIFF, {CONVERT}"),
    ("ICO", lambda: _encode(_noise(), "ICO"), "unsupported_format", f"the content is ICO, {CONVERT}"),
    ("PNM", lambda: _encode(_noise(), "PPM"), "unsupported_format", f"the content is PNM, {CONVERT}"),
    (
        "JPEG 2000",
        lambda: _encode(_noise(), "JPEG2000"),
        "unsupported_format",
        f"the content is JPEG 2000, {CONVERT}",
    ),
    (
        "SVG",
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "unsupported_format",
        f"the content is SVG, {CONVERT}",
    ),
    (
        "a huge PNG header",
        lambda: _png_header(30_000, 30_000),
        "too_many_pixels",
        "the header announces 30000 x 30000 = 900,000,000 pixels, "
        "the limit is 4,000,000; send a smaller image",
    ),
    (
        "a large PNG header, of which Pillow only warns",
        lambda: _png_header(10_000, 10_000),
        "too_many_pixels",
        "the header announces 10000 x 10000 = 100,000,000 pixels, "
        "the limit is 4,000,000; send a smaller image",
    ),
    (
        "a large array",
        lambda: np.zeros((2001, 2000), np.uint8),
        "too_many_pixels",
        "the header announces 2000 x 2001 = 4,002,000 pixels, the limit is 4,000,000; send a smaller image",
    ),
    (
        "a large file",
        lambda: bytes(10_485_761),
        "too_many_bytes",
        "the file has 10,485,761 bytes or more, the limit is 10,485,760; send a smaller image",
    ),
    (
        "a text chunk that unpacks to 20 MB",
        _png_with_text_bomb,
        "corrupt",
        "the image's data cannot be decoded (Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK); "
        "the file is damaged",
    ),
    (
        "floats",
        lambda: np.zeros((5, 5)),
        "not_an_image",
        "an array of float64 (5, 5) came, expected uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)",
    ),
    (
        "two channels",
        lambda: np.zeros((5, 5, 2), np.uint8),
        "not_an_image",
        "an array of uint8 (5, 5, 2) came, expected uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)",
    ),
    (
        "no pixels",
        lambda: np.zeros((0, 5), np.uint8),
        "empty_file",
        "an array of (0, 5) has no pixels; expected an image",
    ),
    (
        "a Pillow image with NaN",
        lambda: Image.fromarray(np.full((4, 4), np.nan, np.float32)),
        "corrupt",
        "the image has pixels that are no finite number",
    ),
]


@pytest.mark.parametrize(("kind", "source", "code", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_read_is_refused_with_a_code_and_a_sentence(
    kind: str, source: Callable[[], Any], code: str, message: str
) -> None:
    with pytest.raises(UnreadableImage) as caught:
        read_image(source())
    assert (caught.value.code, str(caught.value)) == (code, message), kind


def test_a_missing_file_has_vanished(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.png", tmp_path / "x\0y.png"):
        with pytest.raises(UnreadableImage) as caught:
            read_image(path)
        assert caught.value.code == "vanished"
    with pytest.raises(UnreadableImage) as caught:
        read_image(tmp_path / "gone.png")
    assert str(caught.value) == f"'{tmp_path}/gone.png' is not there; was it moved or deleted?"


def test_a_file_below_a_file_has_vanished(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(UnreadableImage) as caught:
        read_image(tmp_path / "file" / "below.png")
    assert caught.value.code == "vanished"


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may read everything, so the refusal comes from a stand-in.
    def refuse(path: str) -> os.stat_result:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(UnreadableImage) as caught:
        read_image("secret.png")
    monkeypatch.undo()
    assert caught.value.code == "permission_denied"
    assert str(caught.value) == "'secret.png' may not be read; give this user the right to read it"


def test_a_failing_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> os.stat_result:
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(os, "stat", fail)
    with pytest.raises(UnreadableImage) as caught:
        read_image("there.png")
    monkeypatch.undo()
    assert caught.value.code == "corrupt"
    assert str(caught.value) == ("'there.png' cannot be read (Input/output error); check the disk it is on")


def test_a_folder_and_a_pipe_are_no_images(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe):
        with pytest.raises(UnreadableImage) as caught:
            read_image(path)
        assert caught.value.code == "not_an_image"
        assert str(caught.value) == f"'{path}' is no regular file; give the path of an image"


def test_a_file_above_the_limit_is_not_read_at_all(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert caught.value.code == "too_many_bytes"


def test_limits_can_be_set() -> None:
    image = Image.new("L", (3000, 3000))
    assert read_image(image, ImageLimits(max_pixels=9_000_000)).shape == (3000, 3000)
    with pytest.raises(UnreadableImage) as caught:
        read_image(_encode(_noise()), ImageLimits(max_bytes=100))
    assert caught.value.code == "too_many_bytes"


def test_a_huge_header_costs_no_memory() -> None:
    code = (
        "import sys, resource, model_zoo.preprocess as p\n"
        "from model_zoo.errors import UnreadableImage\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: p.read_image(sys.stdin.buffer.read())\n"
        "except UnreadableImage as error: print(error.code)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    webp = bytearray(_encode(_noise("RGBA"), "WEBP", lossless=True, exif=b"Exif\0\0"))
    webp[24:30] = b"\xff\x3f\x00\xff\x3f\x00"  # the canvas of VP8X: 16384 x 16384
    for data in (_png_header(30_000, 30_000), bytes(webp)):
        result = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
        code_of_error, grown_kb = result.stdout.decode().split()
        assert code_of_error in ("too_many_pixels", "corrupt")
        assert int(grown_kb) < 20_000


@pytest.mark.parametrize("more", [10, 1000], ids=["within the limit", "above it"])
def test_a_file_that_grows_while_it_is_read_is_read_whole_or_refused(
    more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "grows.png"
    path.write_bytes(bytes(100))
    before = os.stat(path)
    path.write_bytes(bytes(100 + more))
    monkeypatch.setattr(os, "stat", lambda name: before)

    data = read_file(path, ImageLimits(max_bytes=500))
    monkeypatch.undo()

    # One byte above the limit tells that there are more.
    assert len(data) == min(100 + more, 501)
