"""Reading images with a network that was just trained, before it is a model of the zoo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model_zoo.constraints import Constraints
from model_zoo.decode import decode
from model_zoo.frames import temper
from model_zoo.preprocess import read_image, resize_grey, to_batch
from model_zoo.split import LabelledFile
from model_zoo.style.threads import with_threads
from model_zoo.style.tuned import Tuned
from model_zoo.training.metrics import log_probs


@dataclass(frozen=True)
class Reading:
    """What was read from a labelled image.

    Attributes:
        file: the image and its label.
        text: the most probable text.
        probability: of it.
    """

    file: LabelledFile
    text: str
    probability: float


def pixels_of(tuned: Tuned, files: Sequence[LabelledFile]) -> torch.Tensor:
    """Images as the network takes them, uint8 (N, 1, H, W).

    Args:
        tuned: what reads them.
        files: N, at least one, that can be read.
    """
    return to_batch([resize_grey(read_image(file.path), tuned.height, tuned.width) for file in files])


def frames_of(tuned: Tuned, pixels: torch.Tensor) -> torch.Tensor:
    """The log-probabilities (N, T, C) of images, at temperature 1.

    Args:
        tuned: what reads them.
        pixels: of `pixels_of`.
    """
    with with_threads(tuned.threads):
        return log_probs(tuned.network, pixels, tuned.normalise)


def usual_length(length: tuple[int, int]) -> Constraints:
    """The length as a constraint where all labels have the same; where they differ, others may come."""
    return (
        Constraints(min_length=length[0], max_length=length[1]) if length[0] == length[1] else Constraints()
    )


def read_frames(
    tuned: Tuned, files: Sequence[LabelledFile], frames: torch.Tensor, temperature: float | None = None
) -> list[Reading]:
    """Read images by the exact decoder, with the length of the labels where they all have the same.

    Args:
        tuned: what reads them.
        files: N of them.
        frames: (N, T, C) of `frames_of`.
        temperature: see `frames.temper`.
    """
    found = decode(temper(frames, temperature), tuned.charset, usual_length(tuned.length))
    return [Reading(file, item.text, item.probability) for file, item in zip(files, found, strict=True)]


def read_with(tuned: Tuned, files: Sequence[LabelledFile]) -> list[Reading]:
    """Read images as `read_frames` does, at temperature 1.

    Args:
        tuned: what reads them.
        files: that can be read; may be none.
    """
    return read_frames(tuned, files, frames_of(tuned, pixels_of(tuned, files))) if files else []
