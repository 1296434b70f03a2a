"""benchmarks/image_decoding.py: what it measures and writes; no speed is asserted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import image_decoding
import numpy as np
import pytest
import torch

from model_zoo.images import png
from model_zoo.preprocess import read_image

pytest.importorskip("model_zoo.images.compiled", reason="numba is not installed")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The benchmark takes one thread of torch and another inflater; here it has the examples alone."""
    monkeypatch.delenv("CAPTCHAFLEET_DATA", raising=False)
    before = torch.get_num_threads(), png._zlib
    yield
    torch.set_num_threads(before[0])
    png._zlib = before[1]


def test_sides_are_measured_in_turns_and_held_against_read_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = count()  # every look at the clock is half a second later
    monkeypatch.setattr(image_decoding.time, "perf_counter", lambda: next(looks) / 2)
    every = image_decoding.sides()
    few = {name: every[name] for name in ("read_image", "ours", "ours, zlib")} | {"a missing one": None}
    monkeypatch.setattr(image_decoding, "sides", lambda: few)
    out = tmp_path / "decoding.json"

    code = image_decoding.main(
        ["--kinds", "png", "gif", "styles", "--images", "4", "--rounds", "2", "--json", str(out)]
    )

    assert code == 0
    told = json.loads(out.read_text())
    assert (told["benchmark"], told["not_installed"]) == ("image_decoding", ["a missing one"])
    kinds = {kind["kind"]: kind for kind in told["kinds"]}
    assert [(name, kind["images"]) for name, kind in kinds.items()] == [("png", 4), ("gif", 4)]
    # A GIF cannot be read by the PNG's way alone.
    assert [side["name"] for side in kinds["png"]["sides"]] == ["read_image", "ours", "ours, zlib"]
    assert [side["name"] for side in kinds["gif"]["sides"]] == ["read_image", "ours"]
    one, two = kinds["png"]["sides"][1]["threads"]
    assert (one["threads"], one["images_per_second"]["values"]) == (1, [8.0, 8.0])
    assert (two["threads"], two["images_per_second"]["values"]) == (2, [16.0, 16.0])
    assert two["ratio"]["median"] == 1.0
    printed = capsys.readouterr().out
    assert "| ours, zlib | 8 | 1.00 | 16 | 1.00 |" in printed
    assert "styles: no files; set CAPTCHAFLEET_DATA to the folder of the labelled captchas" in printed
    assert printed.endswith("not installed: a missing one\n")


def test_pixels_that_differ_end_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image_decoding, "read_image", lambda data: 255 - read_image(data))

    assert image_decoding.main(["--kinds", "png", "--images", "3"]) == 1
    assert capsys.readouterr().err == "image_decoding.py: png: 3 of 3 images differ\n"


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "indexed"])
def test_every_installed_side_decodes_an_image_of_its_size(kind: str) -> None:
    (data,) = image_decoding.files_of(kind, 1)
    able = {
        name: side
        for name, side in image_decoding.sides().items()
        if side is not None and image_decoding._reads(side, data)
    }

    assert {"read_image", "ours", "Pillow"} <= set(able)
    for name, side in able.items():
        assert 200 in np.shape(side(data)), name
