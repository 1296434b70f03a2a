"""Every kind of image that is read, every kind that is refused, and files that were damaged."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from model_zoo.preprocess import read_image, resize_grey, to_batch


def _encode(image: Image.Image, format_name: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def _noise(mode: str = "RGB") -> Image.Image:
    """An image of which no byte can be spared."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 32, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def _drawing(mode: str = "L", paper: Any = 255, ink: Any = 0) -> Image.Image:
    """16 x 8: paper with a block of ink at columns 4 to 7, rows 2 to 5."""
    image = Image.new(mode, (16, 8), paper)
    image.paste(ink, (4, 2, 8, 6))
    return image


DRAWING = np.full((8, 16), 255, np.uint8)
DRAWING[2:6, 4:8] = 0


def _palette_with_transparency() -> bytes:
    image = _drawing("P", 0, 1)
    image.putpalette([0, 0, 0, 0, 0, 0])  # paper and ink are both black, the paper is transparent
    return _encode(image, transparency=0)


def _animated(format_name: str, **options: Any) -> bytes:
    frames = [_drawing("RGB", "white", "black"), Image.new("RGB", (16, 8), "red")]
    return _encode(frames[0], format_name, save_all=True, append_images=frames[1:], **options)


def _sixteen_bits() -> bytes:
    return _encode(Image.fromarray(DRAWING.astype(np.uint16) * 257))


def _sixteen_bits_with_transparency() -> bytes:
    pixels = np.where(DRAWING == 255, 300, 0).astype(np.uint16)  # 300 is nearly black, and transparent
    return _encode(Image.fromarray(pixels), transparency=300)


def _clear_paper(mode: str) -> Image.Image:
    """Black on nothing."""
    nothing, ink = ((0, 0), (0, 255)) if mode == "LA" else ((0, 0, 0, 0), (0, 0, 0, 255))
    return _drawing(mode, nothing, ink)


def _turned(orientation: int) -> bytes:
    """A quarter turn in the pixels that EXIF says to undo."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _encode(_drawing().transpose(Image.Transpose.ROTATE_90), exif=exif)


SAME_DRAWING: list[tuple[str, Callable[[], Any]]] = [
    ("grey PNG", lambda: _encode(_drawing())),
    ("RGB PNG", lambda: _encode(_drawing("RGB", "white", "black"))),
    ("1 bit", lambda: _encode(_drawing("1", 1, 0))),
    ("palette", lambda: _encode(_drawing("RGB", "white", "black").convert("P"))),
    ("palette with transparency", _palette_with_transparency),
    ("RGBA, black on nothing", lambda: _encode(_clear_paper("RGBA"))),
    ("grey with alpha, black on nothing", lambda: _encode(_clear_paper("LA"))),
    (
        "RGB with a transparent colour",
        lambda: _encode(_drawing("RGB", "red", "black"), transparency=(255, 0, 0)),
    ),
    ("16-bit grey", _sixteen_bits),
    ("16-bit grey with a transparent value", _sixteen_bits_with_transparency),
    ("GIF", lambda: _encode(_drawing(), "GIF")),
    ("animated GIF, first frame", lambda: _animated("GIF")),
    ("animated PNG, first frame", lambda: _animated("PNG")),
    ("animated WebP, first frame", lambda: _animated("WEBP", lossless=True)),
    ("WebP with alpha", lambda: _encode(_clear_paper("RGBA"), "WEBP", lossless=True)),
    ("BMP", lambda: _encode(_drawing("RGB", "white", "black"), "BMP")),
    ("1-bit BMP", lambda: _encode(_drawing("1", 1, 0), "BMP")),
    ("turned, and EXIF says so", lambda: _turned(6)),
    ("bytearray", lambda: bytearray(_encode(_drawing()))),
    ("memoryview", lambda: memoryview(_encode(_drawing()))),
    ("Pillow image", _drawing),
    ("Pillow image, premultiplied", lambda: _clear_paper("RGBA").convert("RGBa")),
    ("Pillow image of mode I", lambda: Image.fromarray(DRAWING.astype(np.int32) * 257)),
    ("Pillow image of mode F", lambda: Image.fromarray(DRAWING.astype(np.float32))),
    (
        "Pillow image, a TIFF that the caller opened",
        lambda: Image.open(io.BytesIO(_encode(_drawing(), "TIFF"))),
    ),
    ("array (H, W)", lambda: DRAWING),
    ("array (H, W, 1)", lambda: DRAWING[:, :, None]),
    ("array (H, W, 3)", lambda: np.repeat(DRAWING[:, :, None], 3, 2)),
    ("array (H, W, 4)", lambda: np.asarray(_clear_paper("RGBA"))),
    ("array with strides", lambda: np.repeat(DRAWING, 2, 1)[:, ::2]),
]


@pytest.mark.parametrize(("kind", "source"), SAME_DRAWING, ids=[kind for kind, _ in SAME_DRAWING])
def test_every_kind_of_image_is_read_as_shown_on_white(kind: str, source: Callable[[], Any]) -> None:
    grey = read_image(source())
    assert grey.dtype == np.uint8
    np.testing.assert_array_equal(grey, DRAWING, err_msg=kind)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_is_read_up_to_its_losses(mode: str) -> None:
    picture = _drawing("RGB", "white", "black").convert(mode)
    grey = read_image(_encode(picture, "JPEG", quality=95)).astype(int)
    assert np.abs(grey - DRAWING).max() < 12


def test_half_transparent_ink_is_mixed_with_white() -> None:
    assert read_image(_encode(_drawing("RGBA", (0, 0, 0, 0), (0, 0, 0, 128))))[3, 5] == 127


WHITE_ON_NOTHING = [
    ("white on nothing that is white", "RGBA", (255, 255, 255, 0), (255, 255, 255, 255), 255),
    ("white on nothing that is black", "RGBA", (0, 0, 0, 0), (255, 255, 255, 255), 255),
    ("yellow on nothing", "RGBA", (0, 0, 0, 0), (255, 255, 0, 255), 226),
    ("grey with alpha", "LA", (255, 0), (255, 255), 255),
]


@pytest.mark.parametrize(
    ("kind", "mode", "paper", "ink", "seen"), WHITE_ON_NOTHING, ids=[row[0] for row in WHITE_ON_NOTHING]
)
def test_what_cannot_be_seen_on_white_is_read_on_black(
    kind: str, mode: str, paper: Any, ink: Any, seen: int
) -> None:
    grey = read_image(_encode(_drawing(mode, paper, ink)))
    np.testing.assert_array_equal(grey, np.where(DRAWING == 255, 0, seen))


def test_what_is_faint_on_any_paper_is_read_on_white() -> None:
    watermark = _drawing("RGBA", (0, 0, 0, 0), (0, 0, 0, 10))
    np.testing.assert_array_equal(read_image(_encode(watermark)), np.where(DRAWING == 255, 255, 245))
    nothing = Image.new("RGBA", (16, 8), (255, 255, 255, 0))
    assert read_image(_encode(nothing)).min() == 255


def test_sixteen_bits_are_scaled_and_not_cut() -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    grey = read_image(_encode(Image.fromarray(ramp)))
    np.testing.assert_array_equal(grey, np.rint(ramp / 257).astype(np.uint8))


def test_a_path_is_read_as_text_and_as_path(tmp_path: Path) -> None:
    path = tmp_path / "a name with spaces, 'quotes' and ü.png"
    path.write_bytes(_encode(_drawing()))
    for source in (path, str(path)):
        np.testing.assert_array_equal(read_image(source), DRAWING)


def test_a_name_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png")
    Path(path).write_bytes(_encode(_drawing()))
    np.testing.assert_array_equal(read_image(path), DRAWING)


def test_the_result_is_the_callers_own() -> None:
    pixels = DRAWING.copy()
    read_image(pixels)[:] = 7
    np.testing.assert_array_equal(pixels, DRAWING)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_followed_as_viewers_do(orientation: int) -> None:
    with Image.open(io.BytesIO(_turned(orientation))) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_image(_turned(orientation)), expected)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP"])
def test_damaged_exif_data_costs_neither_pixels_nor_a_warning(format_name: str) -> None:
    for damaged in (b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + bytes(range(9))):
        plain, with_exif = (_encode(_drawing("RGB"), format_name, **more) for more in ({}, {"exif": damaged}))
        np.testing.assert_array_equal(read_image(with_exif), read_image(plain))


def test_an_image_is_squeezed_to_a_size() -> None:
    image = np.tile(np.repeat([0, 255], 50).astype(np.uint8), (50, 2))  # (50, 200)
    small = resize_grey(image, 25, 100)
    assert small.shape == (25, 100)
    assert small.dtype == np.uint8
    assert small[12, 10] == 0
    assert small[12, 40] == 255


def test_shrinking_averages_and_does_not_pick() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 64))  # (64, 128)
    assert np.abs(resize_grey(stripes, 8, 16).astype(int) - 127).max() <= 8


def test_an_image_of_the_size_is_left_as_it_is() -> None:
    np.testing.assert_array_equal(resize_grey(DRAWING, 8, 16), DRAWING)


def test_images_become_a_batch() -> None:
    batch = to_batch([DRAWING, 255 - DRAWING])
    assert tuple(batch.shape) == (2, 1, 8, 16)
    assert str(batch.dtype) == "torch.uint8"
    np.testing.assert_array_equal(batch[0, 0].numpy(), DRAWING)
    np.testing.assert_array_equal(batch[1, 0].numpy(), 255 - DRAWING)


def test_a_batch_of_several_sizes_or_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="one size") as caught:
        to_batch([DRAWING, DRAWING[:4]])
    assert str(caught.value) == (
        "a batch is made of images of one size, got [(4, 16), (8, 16)]; resize them first"
    )
    with pytest.raises(ValueError, match="one size") as caught:
        to_batch([])
    assert str(caught.value) == "a batch is made of images of one size, got no images; resize them first"


def test_reading_images_does_not_import_torch() -> None:
    code = "import sys, model_zoo.preprocess; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
