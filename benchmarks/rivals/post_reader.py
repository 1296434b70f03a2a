"""The pipeline of "Captcha prediction - From CNN to CRNN" (D.-H. Truong, 2022), in our own environment.

One image at a time, in torch as it is: read, forward pass of the resnet34 CRNN, the post's beam search in
Python, one numpy element at a time. The network is not trained, because trained weights of it are not in
the repository for their size, and would do the same work. But a beam search works longer where a network is
unsure. So it is given, in the place of what the network says, log-probabilities as sure as a trained
network's are at their surest: 99 % for one class of each frame, which is the least work that the search can
have. The texts are the files' labels then, and no reading.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from decoders.adapters import alignment_beam
from PIL import Image

from model_zoo.architectures import build
from model_zoo.cards import DEFAULT_MODEL, find_card

PACKAGES = ("torch", "torchvision", "numpy", "pillow", "scipy")
SURE = 0.99


def make(variant: str, threads: int | None) -> Callable[[list[str]], list[str]]:
    """A reader of files whose names begin with their labels.

    Args:
        variant: of `decoders.adapters.alignment_beam`.
        threads: of torch.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    card, _ = find_card(DEFAULT_MODEL)  # the same images, the same size and characters
    chars = ["", *card.charset]
    network = build("crnn-resnet34", {}, n_classes=len(chars), height=card.height, width=card.width).eval()
    decode = alignment_beam.make(chars, variant)

    def text_of(file: str) -> str:
        with Image.open(file) as image:
            grey = image.convert("RGB").convert("L").resize((card.width, card.height))
        pixels = torch.from_numpy(np.asarray(grey, np.float32))[None, None] / 255
        with torch.inference_mode():
            frames = network((pixels - card.mean) / card.std).numpy()
        found = decode(sure(label_of(file), frames.shape, chars))
        return str(found.texts[0])

    return lambda files: [text_of(file) for file in files]


def label_of(file: str) -> str:
    """What stands before the first underscore of a file's name."""
    return Path(file).stem.partition("_")[0]


def sure(label: str, shape: tuple[int, ...], chars: list[str]) -> np.ndarray:
    """Log-probabilities (1, T, C) that say the label with `SURE` in each frame, blanks between its
    characters.

    Args:
        label: at most T / 2 characters of `chars`.
        shape: (1, T, C).
        chars: of the classes, the blank's first.
    """
    _, T, C = shape
    classes = [0] * T
    classes[: 2 * len(label) : 2] = [chars.index(char) for char in label]
    probabilities = np.full((T, C), (1 - SURE) / (C - 1), np.float32)
    probabilities[np.arange(T), classes] = SURE
    return np.log(probabilities)[None]
