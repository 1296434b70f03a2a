"""Damaged files: cut anywhere, broken in the middle, or mutated at random."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from model_zoo.errors import UnreadableImage
from model_zoo.preprocess import ImageLimits, read_image


def _encode(image: Image.Image, format_name: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def _noise(mode: str = "RGB") -> Image.Image:
    """An image of which no byte can be spared."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 32, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def _jpeg_with_other_data() -> bytes:
    """Whole, with its end mark, but its quantisation tables are gone."""
    data = _encode(_noise(), "JPEG")
    return data.replace(b"\xff\xdb", b"\xff\xe5")


def _zeroed(data: bytes) -> bytes:
    """Zeroes behind the headers."""
    return data[:40] + bytes(len(data) - 40)


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


def _outcome(data: bytes) -> NDArray[np.uint8] | UnreadableImage:
    """The pixels, or why there are none; any other error fails the test."""
    try:
        return read_image(data)
    except UnreadableImage as error:
        return error


FILES = [
    ("PNG", _noise(), {}),
    ("JPEG", _noise(), {}),
    ("JPEG", _noise(), {"progressive": True}),
    ("GIF", _noise("P"), {}),
    ("BMP", _noise(), {}),
    ("WEBP", _noise(), {}),
    ("WEBP", _noise(), {"lossless": True}),
]


@pytest.mark.parametrize(("format_name", "image", "options"), FILES)
def test_a_file_cut_anywhere_is_truncated_or_whole_in_its_pixels(
    format_name: str, image: Image.Image, options: dict[str, Any]
) -> None:
    data = _encode(image, format_name, **options)
    whole = read_image(data)
    for cut in range(40, len(data)):
        outcome = _outcome(data[:cut])
        if isinstance(outcome, UnreadableImage):
            assert outcome.code == "truncated", f"cut at {cut}: {outcome}"
        else:
            np.testing.assert_array_equal(outcome, whole)
            assert cut > len(data) - 24, "only an end mark may be missing"


def test_a_truncated_image_says_so_in_a_sentence() -> None:
    with pytest.raises(UnreadableImage) as caught:
        read_image(_encode(_noise())[:-400])
    assert str(caught.value) == (
        "the image ends before its data does (image file is truncated); copy the file again"
    )


CORRUPT: list[tuple[str, Callable[[], bytes]]] = [
    ("a flipped byte in a PNG's data", lambda: _flipped(_encode(_noise()))),
    ("a JPEG without its tables", _jpeg_with_other_data),
    (
        "a GIF whose code size does not exist",
        lambda: _encode(_noise("P"), "GIF").replace(b"\x08\xff", b"\x20\xff", 1),
    ),
    (
        "a BMP of 7 bits a pixel",
        lambda: _encode(_noise(), "BMP").replace(b"\x01\0\x18\0", b"\x01\0\x07\0", 1),
    ),
    ("a lossless WebP of zeroes", lambda: _zeroed(_encode(_noise(), "WEBP", lossless=True))),
    ("a PNG whose line ends were converted", lambda: _encode(_noise()).replace(b"\r\n", b"\n")),
]


@pytest.mark.parametrize(("kind", "source"), CORRUPT, ids=[kind for kind, _ in CORRUPT])
def test_damage_in_the_middle_is_corruption_and_not_a_missing_end(
    kind: str, source: Callable[[], bytes]
) -> None:
    with pytest.raises(UnreadableImage) as caught:
        read_image(source())
    assert caught.value.code == "corrupt", f"{kind}: {caught.value}"
    assert str(caught.value).endswith("; the file is damaged")


def _with_exif(format_name: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation
    exif[0x010E] = "a description"
    return _encode(_noise(), format_name, exif=exif)


SEEDS = [
    *(_encode(image, format_name, **options) for format_name, image, options in FILES),
    *(_encode(_noise(mode)) for mode in ("1", "L", "LA", "P", "RGBA")),
    *(_encode(_noise("RGB"), f, save_all=True, append_images=[_noise("L")]) for f in ("GIF", "PNG", "WEBP")),
    *(_with_exif(format_name) for format_name in ("PNG", "JPEG", "WEBP")),
    _encode(Image.fromarray(np.arange(640, dtype=np.uint16).reshape(20, 32) * 100)),
    _encode(_noise("P"), transparency=3),
    _encode(_noise("CMYK"), "JPEG"),
    _encode(_noise("1"), "BMP"),
    _encode(_noise("P"), "BMP"),
]


@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_whatever_happens_to_a_file_the_answer_is_pixels_or_unreadable(data: st.DataObject) -> None:
    mutated = bytearray(data.draw(st.sampled_from(SEEDS)))
    # Headers are where a byte matters most.
    places = st.integers(0, 63) | st.integers(0, len(mutated) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)):
        mutated[min(place, len(mutated) - 1)] = value
    if data.draw(st.booleans()):
        del mutated[data.draw(st.integers(0, len(mutated))) :]
    outcome = _outcome(bytes(mutated))
    if isinstance(outcome, UnreadableImage):
        assert outcome.code in {
            "empty_file",
            "not_an_image",
            "truncated",
            "corrupt",
            "too_many_pixels",
            "unsupported_format",
        }
        assert len(str(outcome)) < 400
        assert "\n" not in str(outcome)
    else:
        assert outcome.dtype == np.uint8
        assert outcome.ndim == 2
        assert 0 < outcome.size <= ImageLimits().max_pixels


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBPVP8 "]),
    st.binary(),
)
def test_noise_behind_a_magic_number_is_unreadable(magic: bytes, rest: bytes) -> None:
    with pytest.raises(UnreadableImage):
        read_image(magic + rest)
