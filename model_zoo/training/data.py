"""Labelled images in memory, real and generated."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model_zoo.errors import DataError, UnreadableImage
from model_zoo.preprocess import read_image, resize_grey, to_batch
from model_zoo.split import LabelledFile


@dataclass(frozen=True)
class LabelledImages:
    """Images of one size with their right texts.

    Attributes:
        pixels: uint8 (N, 1, H, W).
        labels: N texts.
    """

    pixels: torch.Tensor
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __add__(self, other: LabelledImages) -> LabelledImages:
        return LabelledImages(torch.cat((self.pixels, other.pixels)), self.labels + other.labels)


@dataclass(frozen=True)
class Normalisation:
    """Of grey values in 0..1: (value - mean) / std."""

    mean: float
    std: float

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return (images - self.mean) / self.std


def load_images(files: Sequence[LabelledFile], height: int, width: int) -> LabelledImages:
    """The images of `files` at one size.

    Raises:
        DataError: a file that is no image we read: training data must be clean.
    """
    images = []
    for file in files:
        try:
            images.append(resize_grey(read_image(file.path), height, width))
        except UnreadableImage as error:
            raise DataError(f"training image {str(file.path)!r} is unreadable: {error}; remove it") from error
    return LabelledImages(to_batch(images), tuple(file.label for file in files))


def mean_and_std(pixels: torch.Tensor) -> tuple[float, float]:
    """Of grey values in 0..1, rounded to what a reader of the card can check.

    Args:
        pixels: uint8 (N, 1, H, W).
    """
    values = pixels.double() / 255
    return round(values.mean().item(), 4), round(max(values.std().item(), 1e-3), 4)


def check_labels(labels: Sequence[str], time_steps: int, positions: int | None = None) -> None:
    """Refuse labels that the network cannot give.

    Args:
        labels: of the images.
        time_steps: T; CTC needs a frame a character, and a blank between equal neighbours.
        positions: of a network with one output a character, which has no frames; else None.

    Raises:
        DataError: such a label.
    """
    for label in labels:
        if positions is not None and len(label) > positions:
            raise DataError(
                f"label {label!r} has {len(label)} characters, the network has {positions} positions; "
                "train another architecture, or leave out such images"
            )
        needed = len(label) + sum(a == b for a, b in itertools.pairwise(label))
        if positions is None and needed > time_steps:
            raise DataError(
                f"label {label!r} needs {needed} time steps, the model has {time_steps}; "
                "train with a wider input (--width)"
            )
