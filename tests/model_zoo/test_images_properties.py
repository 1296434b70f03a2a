"""However a file is damaged or made: the fast way says what read_image says, or leaves the file to it."""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import OTHERS, PLAIN, PLAIN_JPEGS, changed, encode, with_filters
from numpy.typing import NDArray
from PIL import Image

from model_zoo.errors import UnreadableImage
from model_zoo.images.batch import read_grey
from model_zoo.preprocess import ImageLimits, read_image

pytest.importorskip("model_zoo.images.compiled", reason="numba is not installed")

FILES = (*PLAIN.values(), *PLAIN_JPEGS.values(), *OTHERS.values())
LIMITS = ImageLimits(max_bytes=100_000, max_pixels=10_000)  # so that a changed header costs little

Read = Callable[[bytes, ImageLimits], NDArray[np.uint8]]


def _outcome(read: Read, data: bytes) -> NDArray[np.uint8] | tuple[str, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own, of files that it reads all the same
            return read(data, LIMITS)
    except UnreadableImage as error:
        return error.code, str(error)


def _check(data: bytes) -> None:
    """Both ways lead to the same."""
    expected, found = _outcome(read_image, data), _outcome(read_grey, data)
    if isinstance(expected, tuple) or isinstance(found, tuple):
        assert found == expected
    else:
        np.testing.assert_array_equal(found, expected)


@st.composite
def _images(draw: st.DrawFn) -> bytes:
    """A file of a drawn image, with drawn filters where it is a PNG."""
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 12))
    mode = draw(st.sampled_from(("1", "L", "LA", "RGB", "RGBA", "P")))
    shades = draw(st.sampled_from((2, 20, 256)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    bands = random.integers(256 - shades, 256, (height, width, 4), dtype=np.uint8)
    if mode == "LA":
        image = Image.merge("LA", [Image.fromarray(bands[:, :, band]) for band in (0, 1)])
    else:
        image = Image.fromarray(bands if mode == "RGBA" else bands[:, :, :3]).convert(mode)
    if mode in ("L", "RGB") and draw(st.booleans()):
        way = draw(st.integers(0, 2))
        return encode(image, "JPEG", quality=draw(st.integers(1, 100)), subsampling=way)
    return with_filters(encode(image), draw(st.lists(st.integers(0, 4), min_size=1, max_size=9)))


def _changed(files: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """With one to three changes."""
    once = files.flatmap(changed)
    return st.one_of(once, once, once.flatmap(changed), once.flatmap(changed).flatmap(changed))


few = settings(max_examples=150, deadline=None)
# As many as a suite of ten minutes has room for; CAPTCHAFLEET_EXAMPLES=20000 for a longer search.
EXAMPLES = int(os.environ.get("CAPTCHAFLEET_EXAMPLES", "3000"))
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(_images())
def test_any_image_has_the_pixels_of_pillow(data: bytes) -> None:
    _check(data)


@few
@given(_changed(st.sampled_from(FILES)))
def test_a_changed_file_is_read_or_refused_as_pillow_does(data: bytes) -> None:
    _check(data)


def _inflated(library: Any, stream: bytes) -> bytes | None:
    """What a stream without a checksum becomes; None where the library refuses it or wants more."""
    inflater = library.decompressobj(-15)
    try:
        found: bytes = inflater.decompress(stream, 5_000)
    except library.error:
        return None
    return found if inflater.eof else None


@settings(many, max_examples=2_000)
@given(st.data())
def test_damaged_streams_are_judged_as_zlib_judges_them(data: st.DataObject) -> None:
    zlib_ng = pytest.importorskip("zlib_ng.zlib_ng")
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    plain = random.integers(0, data.draw(st.sampled_from((4, 30, 256))), 500, dtype=np.uint8).tobytes()
    stream = bytearray(zlib.compress(plain, data.draw(st.sampled_from((1, 6, 9))))[2:-4])
    for place in data.draw(st.lists(st.integers(0, 60), min_size=1, max_size=3)):
        stream[place % len(stream)] ^= 1 << data.draw(st.integers(0, 7))

    assert _inflated(zlib_ng, bytes(stream)) == _inflated(zlib, bytes(stream))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@many
@given(_images())
def test_any_of_many_images_has_the_pixels_of_pillow(data: bytes) -> None:
    _check(data)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@many
@given(_changed(st.one_of(st.sampled_from(FILES), _images())))
def test_any_of_many_changed_files_is_read_or_refused_as_pillow_does(data: bytes) -> None:
    _check(data)


def _real_files(folder: Path, step: int) -> list[bytes]:
    """Every so many of the labelled captchas of all sets."""
    paths = [*folder.glob("captcha_images_v2/*"), *folder.glob("styles/*/*")]
    return [path.read_bytes() for path in sorted(path for path in paths if path.is_file())[::step]]


def test_real_captchas_have_the_pixels_of_pillow(captcha_data: Path) -> None:
    for data in _real_files(captcha_data, 20):
        _check(data)


@pytest.mark.slow
def test_all_real_captchas_have_the_pixels_of_pillow(captcha_data: Path) -> None:
    for data in _real_files(captcha_data, 1):
        _check(data)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_changed_real_captchas_are_read_or_refused_as_pillow_does(captcha_data: Path) -> None:
    files = _real_files(captcha_data, 97)

    @settings(many, max_examples=EXAMPLES // 3)
    @given(_changed(st.sampled_from(files)))
    def check(data: bytes) -> None:
        _check(data)

    check()
