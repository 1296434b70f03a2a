"""Kaptcha in two fonts: every face draws every character, and variation varies within its bounds."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_zoo.generators import kaptcha, varied
from model_zoo.generators.folder import write_examples
from model_zoo.generators.glyphs import FONTS, coverage, glyph
from model_zoo.generators.labels import KAPTCHA_SLOTS, random_source
from model_zoo.generators.varied import FAITHFUL, MONOSPACED, PROPORTIONAL, Variation

FILES = sorted({face.file for face in PROPORTIONAL + MONOSPACED})


def test_every_shipped_font_is_named_in_a_licence() -> None:
    licences = "".join(path.read_text("utf-8") for path in FONTS.glob("LICENSE*"))
    shipped = sorted(path.name for path in FONTS.iterdir() if not path.name.startswith("LICENSE"))

    assert shipped == FILES
    assert [name for name in shipped if name not in licences] == []


@pytest.mark.parametrize("file", FILES)
def test_a_font_has_every_character_and_no_two_look_alike(file: str) -> None:
    fields = [glyph(file, char).field.tobytes() for char in sorted(set(KAPTCHA_SLOTS))]

    assert len(set(fields)) == 19
    assert all(glyph(file, char).width > 10 for char in set(KAPTCHA_SLOTS))


def test_a_field_holds_the_distance_to_the_outline() -> None:
    shape = glyph("noto-sans-latin-700-normal.woff", "l")
    middle = shape.field[30 * 6] / 40
    inside = np.flatnonzero(middle > 0)

    assert len(inside) == round(shape.width * 6)
    # A stem: the distance grows by a sixth of a pixel a cell, from half a cell at its edge.
    assert middle[inside[:4]] == pytest.approx([1 / 12, 3 / 12, 5 / 12, 7 / 12], abs=1 / 40)
    assert middle[inside[0] - 1] == pytest.approx(-1 / 12, abs=1 / 40)


def test_a_stem_covers_its_width_wherever_it_stands_and_grows_by_twice_the_weight() -> None:
    shape = glyph("noto-sans-latin-700-normal.woff", "l")

    def ink(x: float, weight: float) -> float:
        _, part = coverage(shape, scale=(1, 1), weight=weight, x=x, baseline=42.5, size=(50, 200))
        return float(part[30].sum())

    assert [ink(x, 0) for x in (30, 30.3, 30.7)] == pytest.approx([shape.width] * 3, abs=0.35)
    assert ink(30, 0.5) - ink(30, 0) == pytest.approx(1, abs=0.2)


def test_the_same_source_draws_the_same_image_and_another_draws_another() -> None:
    first, again, other = (
        varied.render("3wnd3", random_source("training", 1, number), Variation()) for number in (1, 1, 2)
    )

    assert (first.shape, first.dtype) == ((50, 200), np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def _text(text: str, seed: int, variation: Variation) -> kaptcha.FloatImage:
    return varied._drawn_text(text, random.Random(seed), variation)


def test_without_variation_a_text_has_as_many_looks_as_choices_of_font() -> None:
    looks = {_text("mw", seed, FAITHFUL).tobytes() for seed in range(40)}

    assert len(looks) == 4


@pytest.mark.parametrize(
    "variation",
    [
        replace(FAITHFUL, **{name: value})
        for name, value in vars(Variation()).items()
        if name not in ("stroke", "other_faces")
    ],
    ids=lambda variation: next(name for name, value in vars(variation).items() if value),
)
def test_each_setting_alone_makes_many_looks(variation: Variation) -> None:
    assert len({_text("mw", seed, variation).tobytes() for seed in range(40)}) > 25


def test_other_faces_are_drawn_as_often_as_asked_for() -> None:
    source = random.Random(1)

    chosen = [varied._chosen(PROPORTIONAL, source, 0.25) for _ in range(2000)]

    assert set(chosen) == set(PROPORTIONAL)
    assert chosen.count(PROPORTIONAL[0]) / 2000 == pytest.approx(0.75, abs=0.03)


def test_strokes_of_another_width_carry_other_ink() -> None:
    thin, thick = (kaptcha.draw_strokes(random.Random(5), whole=True, wide=wide).sum() for wide in (0.8, 1.2))

    assert thick / thin == pytest.approx(1.5, abs=0.1)


def test_the_widest_text_stays_inside_at_the_widest_variation() -> None:
    for seed in range(60):
        ink = _text("wmwmw", seed, Variation())
        columns = np.flatnonzero(ink.max(axis=0) > 0)
        assert columns[0] >= 20
        assert columns[-1] <= 199
    assert varied.START + 4 * 33 + 4 * 1.5 + 1.5 + 2.5 + 31.8 * 1.08 < 206, "what five wide ones take at most"


def test_ink_lies_where_it_was_measured() -> None:
    ink = _text("m", 3, FAITHFUL)
    columns = np.flatnonzero(ink.max(axis=0) > 0.5)
    boxes = varied.BOXES["m"]

    assert any(
        abs(columns[0] - varied.START - box.left) < 1.5 and abs(len(columns) - box.width) < 1.5
        for box in boxes
    )


def test_a_character_that_was_not_measured_is_drawn_in_its_own_width() -> None:
    assert _text("K", 1, FAITHFUL).sum() > 100
    assert _text(" ", 1, FAITHFUL).sum() == 0


def test_the_fonts_are_small() -> None:
    assert sum(path.stat().st_size for path in Path(FONTS).iterdir()) < 1.5e6


def test_the_style_is_written_by_its_name(tmp_path: Path) -> None:
    paths = write_examples(tmp_path / "new", style="kaptcha-two-fonts", count=2, seed=9)
    other = write_examples(tmp_path / "other", style="kaptcha", count=2, seed=9)

    assert [path.name for path in paths] == [path.name for path in other]
    assert paths[0].read_bytes() != other[0].read_bytes()
