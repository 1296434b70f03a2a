"""Captchas of many styles: what a seed decides, every kind of everything, faces and streams of images."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from model_zoo.generators.labels import is_reserved
from model_zoo.generators.styles.faces import SIZES, Face, choose, glyph, mask_size, shipped_faces
from model_zoo.generators.styles.render import render
from model_zoo.generators.styles.stream import draw_images, draw_stream_label
from model_zoo.generators.styles.style import (
    ALL,
    CAPITALS,
    DIGITS,
    FILLS,
    PAPERS,
    SMALL,
    STROKES,
    Style,
    draw_style,
)

FACES = shipped_faces()
SIZE = (24, 96)

# Black print on nearly white paper, and nothing else.
CLEAN = Style(
    charset=DIGITS, length=(4, 4), height=(48, 48), aspect=3.0, faces=FACES[:1], face_per_character=False,
    cap=(0.6, 0.6), paper="plain", paper_grey=(0.95, 0.95), paper_depth=0.1, ink_grey=(0.0, 0.0),
    ink_per_character=False, fill="solid", weight=(0.0, 0.0), faded=0.0, rotation=(0.0, 0.0),
    slant=(0.0, 0.0), rise=0.0, growth=(1.0, 1.0), spacing=(1.0, 1.0), cells=False, align=0.5,
    stretch=(1.0, 1.0), wave=(0.0, 0.0), wavelength=(1.0, 1.0), bend=0.0, tilt=0.0, strokes=(),
    stroke_width=(1.5, 1.5), stroke_grey="ink", strokes_below=False, warp_strokes=False, specks=0.0,
    speck_size=1, border=False, smooth=True, blur=(0.0, 0.0), coarse=(1.0, 1.0), noise=0.0, jpeg=None,
    threshold=False,
)  # fmt: skip


def drawn(style: Style, label: str = "4711", seed: int = 3) -> Any:
    """The image of a label, (H, W)."""
    return render(label, style, random.Random(seed))


def has_ink(image: Any) -> bool:
    """Whether anything is as black as only the text is."""
    return bool((image < 90).mean() > 0.01)


def test_clean_print_is_black_on_paper_and_an_empty_label_is_paper() -> None:
    empty = drawn(CLEAN, "")

    assert has_ink(drawn(CLEAN))
    assert drawn(CLEAN).shape == (48, 144)
    assert (empty == round(0.95 * 255 - 0.5)).all()


def test_a_seed_decides_the_style_and_the_image() -> None:
    images = [render("a7", draw_style(random.Random(it)), random.Random(it)) for it in (1, 1, 2)]

    assert (images[0] == images[1]).all()
    assert images[0].shape != images[2].shape or (images[0] != images[2]).any()
    assert draw_style(random.Random(1)) == draw_style(random.Random(1)) != draw_style(random.Random(2))


def test_another_process_draws_the_same_images() -> None:
    code = (
        "import hashlib\n"
        "from model_zoo.generators.styles.faces import shipped_faces\n"
        "from model_zoo.generators.styles.stream import draw_images\n"
        f"images, labels = draw_images('training', 5, 300_000, 12, {SIZE}, shipped_faces())\n"
        "print(hashlib.sha256(images.tobytes()).hexdigest(), *labels)"
    )
    images, labels = draw_images("training", 5, 300_000, 12, SIZE, FACES)

    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert other.stdout.split() == [hashlib.sha256(images.tobytes()).hexdigest(), *labels]


@pytest.mark.parametrize("paper", PAPERS)
def test_every_paper_leaves_the_text_to_be_seen(paper: str) -> None:
    style = replace(CLEAN, paper=paper)
    dark = replace(style, paper_grey=(0.05, 0.05), ink_grey=(1.0, 1.0))

    assert has_ink(drawn(style))
    assert has_ink(255 - drawn(dark)), "light on dark"
    assert not has_ink(drawn(style, "")), "the paper alone is not taken for text"
    assert paper == "plain" or np.ptp(drawn(style, "")) > 5


@pytest.mark.parametrize("fill", FILLS)
def test_every_fill_shows_the_character_in_its_own_way(fill: str) -> None:
    image = drawn(replace(CLEAN, fill=fill))

    assert has_ink(image)
    assert fill == "solid" or (image != drawn(CLEAN)).any()


@pytest.mark.parametrize("kind", STROKES)
@pytest.mark.parametrize("below", [False, True])
def test_every_stroke_is_drawn_over_or_below_the_text(kind: str, below: bool) -> None:
    style = replace(CLEAN, strokes=((kind, 3, 5),), stroke_grey="own", strokes_below=below)

    assert (drawn(style) != drawn(CLEAN)).sum() > 20
    warped = replace(style, warp_strokes=True, wave=(3.0, 2.0))
    assert (drawn(warped) != drawn(replace(CLEAN, wave=(3.0, 2.0)))).sum() > 20


def test_an_unknown_stroke_is_refused() -> None:
    with pytest.raises(ValueError, match="stroke 'wool' is unknown"):
        drawn(replace(CLEAN, strokes=(("wool", 1, 1),)))


@pytest.mark.parametrize(
    "change",
    [
        {"wave": (3.0, 0.0)},
        {"wave": (0.0, 3.0)},
        {"bend": 3.0},
        {"tilt": 12.0},
        {"rotation": (20.0, 20.0)},
        {"slant": (0.4, 0.4)},
        {"rise": 0.2},
        {"growth": (0.6, 0.6)},
        {"spacing": (1.4, 1.4)},
        {"stretch": (0.7, 0.7)},
        {"align": 0.0},
        {"cells": True},
        {"weight": (1.2, 1.2)},
        {"weight": (-0.6, -0.6)},
        {"faded": 1.0},
        {"specks": 0.05},
        {"border": True},
        {"smooth": False},
        {"blur": (1.0, 1.0)},
        {"coarse": (1.8, 1.8)},
        {"noise": 0.1},
        {"jpeg": (20, 20)},
        {"threshold": True},
        {"faces": FACES[3:4]},
        {"cap": (0.4, 0.4)},
    ],
    ids=lambda change: "-".join(f"{key}={value}" for key, value in change.items() if key != "faces"),
)
def test_every_damage_changes_the_image_and_leaves_the_text(change: dict[str, Any]) -> None:
    image = drawn(replace(CLEAN, **change))

    assert (image != drawn(CLEAN)).any()
    assert (image < 160).mean() > 0.01


def test_two_greys_alone_are_left_by_a_threshold() -> None:
    assert set(np.unique(drawn(replace(CLEAN, threshold=True, noise=0.05)))) == {0, 255}


@pytest.mark.parametrize("charset", [DIGITS, SMALL, CAPITALS, ALL])
@pytest.mark.parametrize("length", [1, 4, 8, 24])
@pytest.mark.parametrize("height", [16, 80])
def test_every_alphabet_length_and_size_is_drawn(charset: str, length: int, height: int) -> None:
    source = random.Random(f"{length}:{height}")
    label = "".join(source.choice(charset) for _ in range(length))
    style = draw_style(source, charset=charset, length=(length, length), aspect=6.0)

    image = render(label, replace(style, height=(height, height)), source)

    assert image.shape == (height, 6 * height)
    assert image.dtype == np.uint8
    assert np.ptp(image) > 10
    # At its own aspect each style has room for its text.
    assert draw_style(source, charset=charset, length=(length, length)).aspect >= 0.38 * length


def test_two_hundred_styles_differ_and_all_of_their_kinds_come() -> None:
    styles = [draw_style(random.Random(seed)) for seed in range(200)]

    assert len(set(styles)) == 200
    assert {it.paper for it in styles} == set(PAPERS)
    assert {it.fill for it in styles} == set(FILLS)
    assert {kind for it in styles for kind, _, _ in it.strokes} == set(STROKES)
    assert {it.length[0] for it in styles} == set(range(1, 9))
    for style in styles:
        apart = min(abs(p - i) for p in style.paper_grey for i in style.ink_grey)
        assert apart >= 0.15, "ink that nobody can tell from paper"


def test_without_hardness_it_is_clean_print() -> None:
    for seed in range(50):
        style = draw_style(random.Random(seed), hardness=0.0)
        assert not style.strokes
        assert style.noise == style.specks == style.bend == style.tilt == 0
        assert style.wave == (0, 0)


@pytest.mark.parametrize("char", ALL)
def test_a_face_has_every_character_at_every_size(char: str) -> None:
    shapes = [glyph(FACES[0].path, char, size).mask for size in SIZES]

    assert all(shape.max() > 200 for shape in shapes)
    assert [shape.shape[0] for shape in shapes] == sorted(shape.shape[0] for shape in shapes)


def test_masks_are_made_smaller_and_never_larger_but_beyond_the_largest() -> None:
    assert [mask_size(wanted) for wanted in (5, 22, 22.5, 36, 60, 200)] == [22, 22, 36, 36, 60, 60]


def test_faces_of_capitals_are_never_used_for_small_letters() -> None:
    faces = (Face("a"), Face("b", capitals=True), Face("c", capitals=True, display=True))
    source = random.Random(0)

    small = {choose(faces, source, small=True) for _ in range(300)}
    capitals = {choose(faces, source, small=False) for _ in range(300)}
    styles = [draw_style(source, faces=faces) for _ in range(200)]

    assert small == {faces[0]}
    assert capitals == set(faces)
    for style in styles:
        assert not set(style.charset) & set(SMALL) or set(style.faces) == {faces[0]}
    assert any(set(style.faces) - {faces[0]} for style in styles)


def test_styles_of_three_characters_or_more_have_no_label_in_two_streams() -> None:
    source = random.Random(0)
    styles = [style for style in (draw_style(source) for _ in range(300)) if style.length[0] >= 3]

    labels = {
        stream: [draw_stream_label(stream, source, style) for style in styles]
        for stream in ("training", "examples")
    }

    assert len(styles) > 200
    assert all(is_reserved(label) for label in labels["examples"])
    assert not any(is_reserved(label) for label in labels["training"])
    for own in labels.values():
        for label, style in zip(own, styles, strict=True):
            assert style.length[0] <= len(label) <= style.length[1]
            assert set(label) <= set(style.charset)


def test_where_few_labels_are_possible_none_are_kept_apart() -> None:
    source = random.Random(0)
    short = replace(CLEAN, charset="01", length=(1, 3))

    streams = [{draw_stream_label(it, source, short) for _ in range(300)} for it in ("training", "examples")]

    assert streams[0] == streams[1]
    assert len(streams[0]) == 2 + 4 + 8


def test_the_first_images_of_a_training_are_short_and_clean() -> None:
    labels = draw_images("training", 0, 0, 60, (16, 48), FACES)[1]

    assert {len(label) for label in labels} == {1, 2, 3}
