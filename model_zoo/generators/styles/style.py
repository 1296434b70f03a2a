"""A style: everything that the images of one captcha have in common, drawn at random."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass

from model_zoo.generators.styles.faces import Face, choose, shipped_faces

DIGITS, SMALL, CAPITALS = string.digits, string.ascii_lowercase, string.ascii_uppercase
ALL = DIGITS + SMALL + CAPITALS

Range = tuple[float, float]

# Alphabets that captchas use, with how often they are drawn.
_ALPHABETS = (
    (DIGITS, 20), (SMALL, 11), (CAPITALS, 11), (DIGITS + SMALL, 16), (DIGITS + CAPITALS, 14),
    (SMALL + CAPITALS, 6), (ALL, 22),
)  # fmt: skip

PAPERS = ("plain", "gradient", "noise", "clouds", "lines", "dots", "ghosts", "shapes", "blocks")
FILLS = ("solid", "outline", "edged", "shadow", "double", "hatched")
STROKES = ("line", "curve", "arc", "dashes", "grid", "strike", "ellipse")


@dataclass(frozen=True)
class Style:
    """What is drawn and how; ranges are drawn from anew for every image, or every character.

    Attributes:
        charset: characters of the labels.
        length: the fewest and the most characters.
        height: pixels.
        aspect: width / height.
        faces: one of them for each image, or each character.
        face_per_character: whether each character has its own face.
        cap: height of a capital, as a share of the image's.
        paper: kind of background.
        paper_grey: of the background, 0 black to 1 white.
        paper_depth: how far the background's pattern departs from that.
        ink_grey: of the text.
        ink_per_character: whether each character has its own grey.
        fill: how a character is filled.
        weight: pixels (at 48 rows) added to a character's edges; below 0 it gets thinner.
        faded: probability that a character is half transparent.
        rotation: degrees of a character.
        slant: columns a row.
        rise: shift of a character up or down, as a share of the height.
        growth: relative size of a character.
        spacing: of the characters' natural distance.
        cells: whether every character has a cell of the same width.
        align: where the text lies, 0 left to 1 right.
        stretch: relative width of the text.
        wave: amplitude of sine waves along and across, in pixels at 48 rows.
        wavelength: of them, in heights of the image.
        bend: amplitude of a smooth random displacement, in pixels at 48 rows.
        tilt: degrees of the whole text.
        strokes: kinds of strokes with the fewest and the most of each.
        stroke_width: pixels at 48 rows.
        stroke_grey: `ink`, `paper` or `own`.
        strokes_below: whether strokes lie below the text.
        warp_strokes: whether strokes are bent with the text.
        specks: share of the pixels that are specks.
        speck_size: pixels.
        border: whether a frame is drawn.
        smooth: whether edges are antialiased.
        blur: standard deviation in pixels at 48 rows.
        coarse: factor by which the image is made smaller, and larger again.
        noise: standard deviation of grey values.
        jpeg: quality, or None.
        threshold: whether the image has two greys alone.
    """

    charset: str
    length: tuple[int, int]
    height: Range
    aspect: float
    faces: tuple[Face, ...]
    face_per_character: bool
    cap: Range
    paper: str
    paper_grey: Range
    paper_depth: float
    ink_grey: Range
    ink_per_character: bool
    fill: str
    weight: Range
    faded: float
    rotation: Range
    slant: Range
    rise: float
    growth: Range
    spacing: Range
    cells: bool
    align: float
    stretch: Range
    wave: tuple[float, float]
    wavelength: Range
    bend: float
    tilt: float
    strokes: tuple[tuple[str, int, int], ...]
    stroke_width: Range
    stroke_grey: str
    strokes_below: bool
    warp_strokes: bool
    specks: float
    speck_size: int
    border: bool
    smooth: bool
    blur: Range
    coarse: Range
    noise: float
    jpeg: tuple[int, int] | None
    threshold: bool


def draw_style(
    source: random.Random,
    *,
    faces: Sequence[Face] | None = None,
    charset: str | None = None,
    length: tuple[int, int] | None = None,
    aspect: float | None = None,
    hardness: float = 1.0,
) -> Style:
    """One style.

    Args:
        source: of all randomness.
        faces: to choose from; None: those that come along.
        charset: of the labels; None: drawn.
        length: of the labels; None: drawn, within 1 to 8.
        aspect: width / height; None: drawn to fit the length.
        hardness: 0 for clean print, 1 for everything at its strongest.
    """
    faces = shipped_faces() if faces is None else faces
    charset = charset or _alphabet(source)
    length = length or _length(source)
    small = any(char in SMALL for char in charset)
    hard = hardness * source.random()  # of this style: a share of them are easy

    def chance(probability: float) -> bool:
        return source.random() < probability

    def up_to(most: float) -> float:
        return most * hard * source.random()

    light_on_dark = chance(0.15)
    paper_grey, ink_grey = _greys(source, hard, light_on_dark)
    # Fewer than half of the styles have each kind of distortion, and few have all of them.
    turned = up_to(40) if chance(0.5) else up_to(6)
    weight = _span(source, -0.6 * hard, 1.2, 0.5) if chance(0.3) else (0.0, 0.0)
    kinds = source.sample(STROKES, k=source.choice((0, 1, 1, 1, 2, 2, 3))) if hard > 0.1 else []
    return Style(
        charset=charset,
        length=length,
        height=_height(source),
        aspect=aspect or max(1.2, sum(length) / 2 * source.uniform(0.38, 0.85) + source.uniform(0, 0.9)),
        faces=tuple(choose(faces, source, small=small) for _ in range(source.choice((1, 1, 1, 2, 3, 5)))),
        face_per_character=chance(0.6),
        cap=_span(source, 0.4, 0.85, 0.15),
        paper=source.choice(PAPERS) if chance(0.65) else "plain",
        paper_grey=paper_grey,
        paper_depth=source.uniform(0.03, 0.1 + 0.35 * hard),
        ink_grey=ink_grey,
        ink_per_character=chance(0.35),
        fill="solid" if chance(0.65) else source.choice(FILLS),
        weight=weight,
        faded=source.uniform(0.1, 0.6) if chance(0.1) else 0.0,
        rotation=(-turned, turned) if chance(0.85) else (0.0, turned),
        slant=_span(source, -0.4 * hard, 0.4 * hard, 0.5) if chance(0.3) else (0.0, 0.0),
        rise=up_to(0.25) if chance(0.5) else up_to(0.05),
        growth=(1 - up_to(0.35), 1 + up_to(0.35)) if chance(0.5) else (1.0, 1.0),
        spacing=_span(source, 1.0 - 0.35 * hard, 1.5, 0.15),
        cells=chance(0.2),
        align=source.choice((0.5, 0.5, 0.5, 0.1, source.random())),
        stretch=_span(source, 0.75, 1.3, 0.1),
        wave=(up_to(4.0) if chance(0.35) else 0.0, up_to(3.0) if chance(0.25) else 0.0),
        wavelength=_span(source, 0.3, 3.5, 0.8),
        bend=up_to(3.0) if chance(0.25) else 0.0,
        tilt=up_to(12) if chance(0.25) else 0.0,
        strokes=tuple(_stroke(source, kind, hard) for kind in kinds),
        stroke_width=_span(source, 0.6, 0.8 + 3.2 * hard, 1.0),
        stroke_grey=source.choice(("ink", "ink", "own", "own", "paper")),
        strokes_below=chance(0.35),
        warp_strokes=chance(0.3),
        specks=up_to(0.08) if chance(0.45) else 0.0,
        speck_size=source.choice((1, 1, 1, 2, 3)),
        border=chance(0.15),
        smooth=chance(0.82),
        blur=_span(source, 0, 1.1 * hard, 0.5) if chance(0.3) else (0.0, 0.0),
        coarse=_span(source, 1, 1 + 0.8 * hard, 0.3) if chance(0.2) else (1.0, 1.0),
        noise=up_to(0.12) if chance(0.3) else 0.0,
        jpeg=(source.randint(15, 60), 95) if chance(0.3) else None,
        threshold=weight[0] >= 0 and chance(0.1),
    )


def _alphabet(source: random.Random) -> str:
    charset = source.choices([it[0] for it in _ALPHABETS], [it[1] for it in _ALPHABETS])[0]
    return str(charset)


def _length(source: random.Random) -> tuple[int, int]:
    usual = source.choices(range(1, 9), (2, 3, 6, 22, 24, 22, 10, 11))[0]
    if source.random() < 0.7:
        return usual, usual
    return max(1, usual - source.randint(0, 2)), min(8, usual + source.randint(0, 2))


def _height(source: random.Random) -> Range:
    height = source.choice((20, 22, 24, 25, 28, 30, 32, 35, 40, 40, 44, 48, 50, 50, 60, 60, 64, 70, 80))
    return (height, height) if source.random() < 0.85 else (height * 0.7, height * 1.2)


def _greys(source: random.Random, hard: float, light_on_dark: bool) -> tuple[Range, Range]:
    """Of paper and ink: apart by at least a sixth, mostly by more."""
    paper = source.uniform(1 - 0.45 * hard, 1.0) if source.random() < 0.7 else source.uniform(0.9, 1.0)
    apart = max(0.16, (paper - 0.02) * (1 - 0.8 * hard * source.random()))
    ink = max(0.0, paper - apart)
    spread = source.uniform(0, 0.35) * (paper - 0.16 - ink) if paper - 0.16 > ink else 0.0
    papers, inks = (paper, paper), (ink, ink + max(spread, 0.0))
    if light_on_dark:
        papers, inks = (1 - paper, 1 - paper), (1 - inks[1], 1 - inks[0])
    return papers, inks


def _span(source: random.Random, low: float, high: float, widest: float) -> Range:
    """A range within low..high, at most so wide."""
    middle, half = source.uniform(low, high), source.random() * widest / 2
    return max(low, middle - half), min(high, middle + half)


def _stroke(source: random.Random, kind: str, hard: float) -> tuple[str, int, int]:
    most = {"line": 8, "curve": 4, "arc": 6, "dashes": 25, "grid": 1, "strike": 2, "ellipse": 4}[kind]
    count = max(1, round(most * hard * source.random()))
    return kind, max(1, count // 2), count
