"""Synthetic images: the look, the seeds, and the wall between examples and training."""

from __future__ import annotations

import math
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_zoo.errors import DataError
from model_zoo.generators import kaptcha
from model_zoo.generators.folder import write_examples
from model_zoo.generators.labels import (
    KAPTCHA_SLOTS,
    distinct_labels,
    draw_label,
    is_reserved,
    random_source,
)

EXAMPLES = Path(__file__).parents[2] / "examples" / "captchas"
EXAMPLE_SEED = 2
EXAMPLE_COUNT = 200


def test_the_alphabet_has_19_characters_and_n_twice() -> None:
    assert len(set(KAPTCHA_SLOTS)) == 19
    assert [char for char in KAPTCHA_SLOTS if KAPTCHA_SLOTS.count(char) == 2] == ["n", "n"]


def test_one_label_in_ten_is_reserved() -> None:
    labels = ["".join((a, b, c)) for a in KAPTCHA_SLOTS for b in KAPTCHA_SLOTS for c in KAPTCHA_SLOTS]

    share = sum(map(is_reserved, labels)) / len(labels)

    assert math.isclose(share, 0.1, abs_tol=0.01)


def test_no_stream_draws_a_label_of_the_other() -> None:
    examples = [label for label, _ in islice(distinct_labels("examples", 5), 300)]
    training = [label for label, _ in islice(distinct_labels("training", 5), 300)]

    assert all(map(is_reserved, examples))
    assert not any(map(is_reserved, training))


def test_the_two_streams_have_random_sources_of_their_own() -> None:
    assert random_source("examples", 1, 2).random() != random_source("training", 1, 2).random()


def test_labels_keep_to_the_lengths_and_characters_asked_for() -> None:
    source = random_source("training", 0, 0)

    labels = [draw_label("training", source, "ab1", (4, 6)) for _ in range(200)]

    assert {len(label) for label in labels} == {4, 5, 6}
    assert set("".join(labels)) == set("ab1")


def test_distinct_labels_do_not_repeat() -> None:
    labels = [label for label, _ in islice(distinct_labels("examples", 1, "ab", (5, 6)), 8)]

    assert len(set(labels)) == 8


def test_the_same_seed_draws_the_same_image_and_another_draws_other_strokes() -> None:
    first = kaptcha.render("3wnd3", random_source("training", 1, 1))
    again = kaptcha.render("3wnd3", random_source("training", 1, 1))
    other = kaptcha.render("3wnd3", random_source("training", 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_image_has_the_size_and_the_gradient_of_the_style() -> None:
    grey = kaptcha.render("", random_source("training", 1, 1))

    assert (grey.shape, grey.dtype) == ((50, 200), np.uint8)
    # Measured on images of the style: 192 at the top left, 245 above column 180, 195 at the bottom left.
    assert (grey[0, 0], grey[0, 180], grey[49, 0]) == (192, 245, 196)


def test_text_is_black_and_begins_at_column_30() -> None:
    grey = kaptcha.render("ndb", random_source("training", 1, 1)).astype(int)
    blank = kaptcha.render("", random_source("training", 1, 1)).astype(int)

    columns = np.flatnonzero((blank - grey > 150).any(axis=0))

    assert 27 <= columns[0] <= 34
    assert grey.min() < 5


def test_a_stroke_gets_thinner_and_ends_where_the_style_says() -> None:
    grey = kaptcha.render("", random_source("training", 1, 3)).astype(int)
    dark = np.flatnonzero((grey < 100).any(axis=0))

    assert 17 <= dark[0] <= 20, "0.1 of the width, less a cap"
    assert 179 <= dark[-1] <= 182, "0.9 of the width"


def test_a_straight_curve_is_one_segment() -> None:
    assert kaptcha._flattened([(0, 0), (1, 0), (2, 0), (3, 0)]) == [(0, 0), (3, 0)]


def test_a_bent_curve_is_cut_until_no_piece_is_off_by_two_pixels() -> None:
    curve = [(20.0, 0.0), (20.0, 49.0), (50.0, 0.0), (50.0, 49.0)]
    points = np.array(kaptcha._flattened(curve))
    t = np.linspace(0, 1, 200)[:, None]
    weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]
    exact = sum(weight * np.array(point) for weight, point in zip(weights, curve, strict=True))
    nearest = [
        min(kaptcha._distance((x, y), tuple(a), tuple(b)) for a, b in pairwise(points)) for x, y in exact
    ]

    assert len(points) > 3
    assert max(nearest) < kaptcha.FLATNESS


def test_written_examples_are_opaque_rgba_and_named_by_their_labels(tmp_path: Path) -> None:
    paths = write_examples(tmp_path / "new", style="kaptcha", count=3, seed=9)

    assert len(list((tmp_path / "new").iterdir())) == 3
    for path in paths:
        assert is_reserved(path.stem)
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("RGBA", (200, 50))
            assert image.getextrema()[3] == (255, 255)


def test_a_larger_count_only_adds_images(tmp_path: Path) -> None:
    few = write_examples(tmp_path / "few", style="kaptcha", count=2, seed=9)
    many = write_examples(tmp_path / "many", style="kaptcha", count=4, seed=9)

    assert [path.name for path in many[:2]] == [path.name for path in few]
    assert many[0].read_bytes() == few[0].read_bytes()


def test_an_unknown_style_and_a_full_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.png").touch()

    with pytest.raises(DataError) as style:
        write_examples(tmp_path / "new", style="wavy", count=1, seed=0)
    with pytest.raises(DataError) as full:
        write_examples(tmp_path, style="kaptcha", count=1, seed=0)

    assert str(style.value) == "style 'wavy' is unknown; known are kaptcha, kaptcha-two-fonts, random, many"
    assert str(full.value) == f"folder {str(tmp_path)!r} is not empty; give a new one"


def test_the_examples_are_what_their_command_makes(tmp_path: Path) -> None:
    again = write_examples(tmp_path / "again", style="kaptcha", count=EXAMPLE_COUNT, seed=EXAMPLE_SEED)

    assert {path.name for path in again} == {path.name for path in EXAMPLES.glob("*.png")}
    for path in again[:: EXAMPLE_COUNT // 10]:
        drawn, shipped = np.asarray(Image.open(path)), np.asarray(Image.open(EXAMPLES / path.name))
        # Another FreeType may round the edge of a glyph differently; the picture stays the same.
        assert np.abs(drawn.astype(int) - shipped.astype(int)).mean() < 0.5


def test_every_example_has_a_reserved_label() -> None:
    labels = [path.stem for path in EXAMPLES.glob("*.png")]

    assert len(labels) == EXAMPLE_COUNT
    assert all(map(is_reserved, labels))


def test_no_real_image_has_the_label_of_an_example(captcha_data: Path) -> None:
    real = {path.stem for path in (captcha_data / "captcha_images_v2").iterdir()}

    assert len(real) > 800
    assert not real & {path.stem for path in EXAMPLES.glob("*.png")}
