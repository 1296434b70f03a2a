"""Hard images with known labels: real ones that no training step saw and generated ones, both degraded.

How strongly they are degraded is chosen by a rule on other images than those that are reported on: of
`STRENGTHS`, the one at which greedy decoding comes nearest to reading `TARGET` of them.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from model_zoo.generators import kaptcha
from model_zoo.generators.labels import is_reserved
from model_zoo.preprocess import read_image
from model_zoo.solver import Solver
from model_zoo.split import labelled_files, of_parts

# Beside the checkout, unless CAPTCHAFLEET_DATA says otherwise.
DEFAULT_DATA = Path(__file__).parent.parent.parent / "shared" / "data"
REAL = "captcha_images_v2"

TARGET = 0.6
STRENGTHS = tuple(step / 20 for step in range(21))
# Readings that choose a strength. Validation has 88 images, so each is degraded several times; the generated
# ones have labels that are not in the set.
CHOOSING = 300

# Other strokes than in examples/ (seed 2) and in the tests; no training stream yields reserved labels.
SEED = 3_000_017
WORDS = 10_000

Grey = np.ndarray[Any, np.dtype[np.uint8]]


class NoImagesError(Exception):
    """A set that cannot be made; the message says what is missing."""


@dataclass(frozen=True)
class Form:
    """What a user knows of the labels of a generated set.

    Attributes:
        places: the characters that may stand in each place.
        charset: as given to `--charset`; pattern and regex likewise.
    """

    name: str
    places: tuple[str, ...]
    charset: str
    pattern: str
    regex: str


DIGITS = "2345678"
LETTERS = "bcdefgmn"
FORMS = (
    Form("five digits", (DIGITS,) * 5, ":digits:", "DDDDD", r"\d{5}"),
    Form(
        "three letters, two digits",
        (LETTERS,) * 3 + (DIGITS,) * 2,
        LETTERS + DIGITS,
        "LLLDD",
        r"[a-z]{3}\d\d",
    ),
)


@dataclass(frozen=True)
class HardSet:
    """A folder of degraded images named after their labels.

    Attributes:
        origin: where they come from.
        labels: the file of each is LABEL.png.
        strength: at which they were degraded.
        tried: the share that greedy read of the images that chose it, by strength; empty if it was given.
        form: what is known of the labels; None where they use all characters in any order.
        lexicon: a file with the labels among other words of the same form.
    """

    name: str
    origin: str
    folder: Path
    labels: tuple[str, ...]
    strength: float
    tried: dict[float, float]
    form: Form | None
    lexicon: Path


def degrade(grey: Grey, strength: float, seed: str) -> Grey:
    """Less contrast, a grey box over half the height, blur, then noise.

    Args:
        grey: uint8 (H, W).
        strength: 0 leaves the image as it is. At 1 no contrast is left, the box is 30 % of the width, the
            blur's standard deviation is 3.5 pixels, that of the noise 110 grey levels.
        seed: the same seed draws the same box and the same noise.
    """
    H, W = grey.shape
    source = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
    mean = grey.mean()
    pixels = mean + (grey - mean) * (1 - strength)
    width, height = round(0.3 * strength * W), H // 2
    x, y = source.integers(0, W - width + 1), source.integers(0, H - height + 1)
    pixels[y : y + height, x : x + width] = mean
    blurred = Image.fromarray(_to_grey(pixels)).filter(ImageFilter.GaussianBlur(3.5 * strength))
    return _to_grey(np.asarray(blurred) + source.normal(0, 110 * strength, (H, W)))


def choose_strength(images: Sequence[Grey], labels: Sequence[str], solver: Solver) -> dict[float, float]:
    """What greedy decoding reads of these images, degraded: a share for each strength, weakest first.

    It ends where hardly anything is read any more.
    """
    draws = -(-CHOOSING // len(images))
    shares: dict[float, float] = {}
    for strength in STRENGTHS:
        hard = [
            degrade(grey, strength, f"choose:{draw}:{number}")
            for draw in range(draws)
            for number, grey in enumerate(images)
        ]
        texts = [prediction.text for prediction in solver.solve(hard, decoder="greedy")]
        right = sum(text == label for text, label in zip(texts, itertools.cycle(labels), strict=False))
        shares[strength] = right / len(hard)
        if shares[strength] < TARGET / 2:
            break
    return shares


def nearest(shares: Mapping[float, float]) -> float:
    """The strength whose share is nearest to `TARGET`; of two, the weaker."""
    return min(shares, key=lambda strength: (abs(shares[strength] - TARGET), strength))


def real_set(folder: Path, solver: Solver, strength: float | None = None) -> HardSet:
    """The test part of the real images; the validation part chooses the strength, unless it is given.

    Raises:
        NoImagesError: the real images are not there.
    """
    data = Path(os.environ.get("CAPTCHAFLEET_DATA") or DEFAULT_DATA) / REAL
    if not data.is_dir():
        raise NoImagesError(
            f"{data} is missing; set CAPTCHAFLEET_DATA to the folder that holds {REAL}/ to measure on real "
            "images too"
        )
    files = labelled_files(data)
    choosing, test = of_parts(files, ("validation",)), of_parts(files, ("test",))
    tried = {}
    if strength is None:
        tried = choose_strength([read_image(f.path) for f in choosing], [f.label for f in choosing], solver)
        strength = nearest(tried)
    images = ((file.label, read_image(file.path)) for file in test)
    labels = _write(folder, images, strength)
    places = (solver.card.charset,) * 5
    lexicon = _write_words(folder, labels, places)
    origin = f"the test part of {REAL}; the validation part chose the strength"
    return HardSet("real images", origin, folder, labels, strength, tried, None, lexicon)


def generated_set(
    form: Form, folder: Path, count: int, solver: Solver, strength: float | None = None
) -> HardSet:
    """Images of the default model's style, with labels of a form.

    Args:
        form: of the labels.
        folder: a new one.
        count: how many, each with another label.
        solver: chooses the strength.
        strength: at which to degrade; None chooses it.

    Raises:
        NoImagesError: there are fewer labels.
    """
    reserved = _reserved(form)
    if count > len(reserved) - CHOOSING:
        raise NoImagesError(
            f"there are {len(reserved) - CHOOSING:,} labels of {form.name}, {count:,} were asked for; "
            "give a smaller --count"
        )
    tried = {}
    if strength is None:
        choosing = reserved[-CHOOSING:]
        tried = choose_strength([_draw(label) for label in choosing], choosing, solver)
        strength = nearest(tried)
    labels = _write(folder, ((label, _draw(label)) for label in reserved[:count]), strength)
    lexicon = _write_words(folder, labels, form.places)
    return HardSet(
        form.name,
        "generated; others with other labels chose the strength",
        folder,
        labels,
        strength,
        tried,
        form,
        lexicon,
    )


def _reserved(form: Form) -> list[str]:
    """All labels of a form that no training stream yields, shuffled."""
    labels = [label for label in map("".join, itertools.product(*form.places)) if is_reserved(label)]
    random.Random(f"{SEED}:{form.name}").shuffle(labels)
    return labels


def _draw(label: str) -> Grey:
    return kaptcha.render(label, random.Random(f"{SEED}:{label}"))


def _write(folder: Path, images: Iterable[tuple[str, Grey]], strength: float) -> tuple[str, ...]:
    """Degraded images, each named LABEL.png; returns the labels."""
    folder.mkdir()
    labels = []
    for label, grey in images:
        Image.fromarray(degrade(grey, strength, f"{SEED}:{label}")).save(folder / f"{label}.png")
        labels.append(label)
    return tuple(labels)


def _write_words(folder: Path, labels: Sequence[str], places: Sequence[str]) -> Path:
    """A lexicon of the labels and, up to `WORDS`, others of their form; lies beside the folder."""
    dice = random.Random(f"{SEED}:words")
    words = set(labels)
    while len(words) < WORDS:
        words.add("".join(map(dice.choice, places)))
    path = folder.with_suffix(".words")
    path.write_text("\n".join(sorted(words)) + "\n", encoding="utf-8")
    return path


def _to_grey(pixels: np.ndarray[Any, Any]) -> Grey:
    grey: Grey = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return grey
