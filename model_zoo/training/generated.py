"""Generated images to train on, of the kind that a recipe names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from model_zoo.charset import Charset
from model_zoo.generators import varied
from model_zoo.generators.labels import KAPTCHA_SLOTS, draw_label, random_source
from model_zoo.preprocess import resize_grey, to_batch
from model_zoo.training.data import LabelledImages
from model_zoo.training.fit import EpochImages
from model_zoo.training.recipe import Recipe

if TYPE_CHECKING:
    from model_zoo.generators.styles.stream import StyleStream

HELD_OUT = 1_000  # generated images that a model of many styles is measured on after every epoch


def alphabet(recipe: Recipe) -> str:
    """The characters that the recipe's generator draws where no labels say them."""
    if recipe.generator == "kaptcha":
        return KAPTCHA_SLOTS
    from model_zoo.generators.styles.style import ALL

    return ALL


def lengths(recipe: Recipe) -> tuple[int, int]:
    """The fewest and the most characters that it draws."""
    return (5, 5) if recipe.generator == "kaptcha" else (1, 8)


def synthetic_images(
    recipe: Recipe, charset: Charset, length: tuple[int, int], size: tuple[int, int], *, goes_on: bool = False
) -> EpochImages:
    """What gives the generated images of every epoch.

    Args:
        recipe: names the generator, the seed and the number.
        charset: of `kaptcha`'s labels; a style has its own.
        length: likewise.
        size: (H, W) of the images.
        goes_on: whether the network can read already, and needs no easy images to begin with.

    Raises:
        DataError: a font that is not installed.
    """
    if recipe.generator == "kaptcha":
        return lambda epoch: generate_images(
            recipe.synthetic, seed=recipe.seed, epoch=epoch, charset=charset, length=length, size=size
        )
    from model_zoo.generators.styles.faces import listed_faces
    from model_zoo.generators.styles.stream import EASY, StyleStream

    stream = StyleStream(
        recipe.synthetic, seed=recipe.seed, size=size, faces=listed_faces(), skip=EASY if goes_on else 0
    )

    return _Streamed(stream)


class _Streamed:
    """The images of a stream as they are trained on."""

    def __init__(self, stream: StyleStream) -> None:
        self._stream = stream
        self.close = stream.close

    def __call__(self, epoch: int) -> LabelledImages:
        pixels, labels = self._stream(epoch)
        return LabelledImages(torch.from_numpy(pixels[:, None]), tuple(labels))


def held_out(recipe: Recipe, size: tuple[int, int]) -> LabelledImages | None:
    """Generated images with labels that are never trained on; None where the generator has one style."""
    if recipe.generator != "styles":
        return None
    from model_zoo.generators.styles.faces import listed_faces
    from model_zoo.generators.styles.stream import draw_images

    pixels, labels = draw_images("examples", recipe.seed, 0, HELD_OUT, size, listed_faces())
    return LabelledImages(torch.from_numpy(pixels[:, None]), tuple(labels))


def generate_images(
    count: int, *, seed: int, epoch: int, charset: Charset, length: tuple[int, int], size: tuple[int, int]
) -> LabelledImages:
    """Fresh synthetic images for one epoch; never a label that is reserved for examples.

    Args:
        count: how many, at least 1.
        seed: of the run.
        epoch: each epoch has images of its own.
        charset: the characters to draw; for Kaptcha's own alphabet with its frequencies.
        length: the fewest and the most characters.
        size: (H, W) of the result.
    """
    slots = KAPTCHA_SLOTS if set(charset.chars) == set(KAPTCHA_SLOTS) else charset.chars
    images, labels = [], []
    for number in range(count):
        source = random_source("training", seed, epoch * count + number)
        labels.append(draw_label("training", source, slots, length))
        images.append(resize_grey(varied.render(labels[-1], source, varied.Variation()), *size))
    return LabelledImages(to_batch(images), tuple(labels))
