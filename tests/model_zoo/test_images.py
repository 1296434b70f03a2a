"""Reading a batch fast: the pixels and errors of read_image, whoever reads the file."""

from __future__ import annotations

import logging
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from image_files import OTHERS, PLAIN, PLAIN_JPEGS, chunks, encode, joined, noise, ramp
from numpy.typing import NDArray
from PIL import Image

from model_zoo.errors import UnreadableImage
from model_zoo.images import batch, jpeg, png
from model_zoo.preprocess import DEFAULT_LIMITS, ImageLimits, ImageSource, read_image, resize_grey

compiled = pytest.importorskip("model_zoo.images.compiled", reason="numba is not installed")
MAX_PIXELS = DEFAULT_LIMITS.max_pixels


def _reads(data: bytes) -> NDArray[np.uint8] | None:
    """By the fast way alone."""
    if data.startswith(b"\xff\xd8"):
        return jpeg.read_jpeg(data, MAX_PIXELS)
    return png.read_png(data, MAX_PIXELS)


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_png_is_read_fast_with_the_pixels_of_pillow(name: str) -> None:
    grey = _reads(PLAIN[name])

    assert grey is not None
    np.testing.assert_array_equal(grey, read_image(PLAIN[name]))


@pytest.mark.parametrize("name", PLAIN_JPEGS)
def test_a_plain_jpeg_is_read_fast_with_the_pixels_of_pillow(name: str) -> None:
    pytest.importorskip("simplejpeg")

    grey = _reads(PLAIN_JPEGS[name])

    assert grey is not None
    np.testing.assert_array_equal(grey, read_image(PLAIN_JPEGS[name]))


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_file_is_left_to_pillow(name: str) -> None:
    assert _reads(OTHERS[name]) is None


@pytest.mark.parametrize("subsampling", ["440", "411"])
def test_a_jpeg_of_rare_subsampling_is_left_to_pillow(subsampling: str) -> None:
    simplejpeg = pytest.importorskip("simplejpeg")

    assert _reads(simplejpeg.encode_jpeg(np.asarray(ramp()), colorsubsampling=subsampling)) is None


def test_a_batch_is_what_each_image_is_alone() -> None:
    files = [*PLAIN.values(), *PLAIN_JPEGS.values(), *OTHERS.values()]
    sources: list[ImageSource] = [*files, noise("RGBA"), np.asarray(ramp()), np.zeros((5, 5))]
    wanted, refused = [], []
    for source in sources:
        try:
            wanted.append(resize_grey(read_image(source), 9, 23))
            refused.append(None)
        except UnreadableImage as error:
            refused.append((error.code, str(error)))

    pixels, errors = batch.read_batch(sources, DEFAULT_LIMITS, 9, 23)

    assert [error and (error.code, str(error)) for error in errors] == refused
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.stack(wanted)[:, None])


def test_no_images_are_an_empty_batch() -> None:
    pixels, errors = batch.read_batch([], DEFAULT_LIMITS, 50, 200)

    assert (pixels.shape, errors) == ((0, 1, 50, 200), [])


def test_a_path_is_read_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(PLAIN["PNG RGBA"])

    np.testing.assert_array_equal(batch.read_grey(path), read_image(path))
    np.testing.assert_array_equal(batch.read_grey(memoryview(PLAIN["PNG RGBA"])), read_image(path))
    with pytest.raises(UnreadableImage) as caught:
        batch.read_grey(tmp_path / "gone.png")
    assert str(caught.value) == f"'{tmp_path}/gone.png' is not there; was it moved or deleted?"


def test_an_image_of_the_wanted_size_is_written_where_it_is_wanted() -> None:
    out = np.empty((9, 23), np.uint8)

    assert batch.read_grey(PLAIN["PNG RGBA"], out=out) is out
    np.testing.assert_array_equal(out, read_image(PLAIN["PNG RGBA"]))


@pytest.mark.parametrize("limits", [ImageLimits(max_bytes=60), ImageLimits(max_pixels=23 * 9 - 1)], ids=str)
@pytest.mark.parametrize("data", [PLAIN["PNG RGB"], PLAIN_JPEGS["JPEG noise"]], ids=["PNG", "JPEG"])
def test_limits_hold(data: bytes, limits: ImageLimits) -> None:
    with pytest.raises(UnreadableImage) as alone:
        read_image(data, limits)
    _, errors = batch.read_batch([data], limits, 9, 23)

    assert errors[0] is not None
    assert (errors[0].code, str(errors[0])) == (alone.value.code, str(alone.value))


def test_every_colour_is_as_grey_as_pillow_makes_it() -> None:
    colours = np.indices((256, 256, 256), np.uint8).reshape(3, -1).T.reshape(4096, 4096, 3)
    wanted = np.asarray(Image.fromarray(np.ascontiguousarray(colours)).convert("L"))
    nothing = np.empty(0, np.uint8)

    by_rgb, by_png = np.empty_like(wanted), np.empty_like(wanted)
    compiled.grey_of_rgb(np.ascontiguousarray(colours), by_rgb)
    lines = np.insert(colours.reshape(4096, -1), 0, 0, axis=1).ravel()
    assert compiled.grey_of_scanlines(lines, 3, 8, nothing, nothing, 255, by_png) == 255

    np.testing.assert_array_equal(by_rgb, wanted)
    np.testing.assert_array_equal(by_png, wanted)


@pytest.mark.parametrize("least", [0, 224, 240], ids=["over white", "over black", "faint, over black"])
def test_every_ink_of_every_opacity_is_as_pillow_pastes_it(least: int) -> None:
    inks, alphas = np.mgrid[least:256, 0:256].astype(np.uint8)
    images = [Image.merge("LA", [Image.fromarray(inks), Image.fromarray(alphas)])]
    images += [image.convert("RGBA") for image in images]
    # One row alone has little contrast, or none.
    images += [image.crop((0, row, 256, row + 1)) for row in range(256 - least) for image in images[:2]]

    for image in images:
        grey = _reads(encode(image))
        assert grey is not None
        np.testing.assert_array_equal(grey, read_image(image))


@pytest.mark.parametrize("size", [10**8, 15 * 10**6], ids=["inflated in parts", "inflated at one go"])
def test_a_stream_that_inflates_to_too_much_costs_little_memory(size: int) -> None:
    bomb = zlib.compress(bytes(size), 9)
    data = joined([(name, bomb if name == b"IDAT" else body) for name, body in chunks(encode(ramp()))])
    code = (
        "import sys, resource\nfrom model_zoo.images import batch, png\nbatch.warm_up()\n"
        "data = sys.stdin.buffer.read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(png.read_png(data, 4_000_000))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)

    found, grown_kb = run.stdout.decode().split()
    assert found == "None"
    assert int(grown_kb) < 20_000


def test_ten_thousand_small_chunks_are_left_to_pillow() -> None:
    data = joined([chunks(encode(ramp()))[0], *[(b"tIME", b"")] * 10_000, *chunks(encode(ramp()))[1:]])

    assert _reads(data) is None


@pytest.mark.parametrize("file", [PLAIN["PNG RGBA"], PLAIN_JPEGS["JPEG noise"]], ids=["PNG", "JPEG"])
def test_without_the_packages_pillow_reads(
    file: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("model_zoo.images.compiled", "simplejpeg", "zlib_ng", "zlib_ng.zlib_ng"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delattr(sys.modules["model_zoo.images"], "compiled", raising=False)
    for cached in (batch._has_compiled, jpeg._decoder):
        cached.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            pixels, errors = batch.read_batch([file, file], DEFAULT_LIMITS, 9, 23)
        assert png._best_zlib() is zlib
    finally:
        for cached in (batch._has_compiled, jpeg._decoder):
            cached.cache_clear()

    assert errors == [None, None]
    np.testing.assert_array_equal(pixels[1, 0], read_image(file))
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "images are read by Pillow alone, more slowly"
    ]


def test_zlib_does_where_zlib_ng_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "_zlib", zlib)
    for data in PLAIN.values():
        grey = _reads(data)
        assert grey is not None
        np.testing.assert_array_equal(grey, read_image(data))


def test_a_pillow_with_another_jpeg_library_reads_its_jpegs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg.features, "check_feature", lambda name: False)
    jpeg._decoder.cache_clear()
    try:
        assert _reads(PLAIN_JPEGS["JPEG noise"]) is None
    finally:
        jpeg._decoder.cache_clear()
