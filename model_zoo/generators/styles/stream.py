"""Generated images for training, drawn by other processes while the network learns from the last ones."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain
from typing import Any

import numpy as np

from model_zoo.generators.labels import Stream, draw_label, random_source
from model_zoo.generators.styles.faces import Face
from model_zoo.generators.styles.render import render
from model_zoo.generators.styles.style import Style, draw_style
from model_zoo.preprocess import resize_grey

CHUNK = 250  # images that a process draws at once

# Training begins with few, clean characters: on hard lines of 62 classes a network with CTC answers blanks
# alone for many thousand images. After so many images everything is drawn as it comes.
SHORT, EASY = 60_000, 240_000

FEWEST_KEPT_APART = 1_000  # possible labels: three digits

Images = tuple[np.ndarray[Any, np.dtype[np.uint8]], list[str]]


def draw_images(
    stream: Stream, seed: int, first: int, count: int, size: tuple[int, int], faces: Sequence[Face]
) -> Images:
    """Images `first` to `first + count` of a stream, each in a style of its own.

    Args:
        stream: `training` or `examples`; in styles whose shortest label has three characters they share none.
        seed: of the stream.
        first: number of the first image.
        count: how many.
        size: (H, W) of the result.
        faces: to draw with.

    Returns:
        Grey (count, H, W), and the labels.
    """
    images = np.empty((count, *size), np.uint8)
    labels = []
    for place in range(count):
        source = random_source(stream, seed, first + place)
        style = _style(stream, source, first + place, faces)
        labels.append(draw_stream_label(stream, source, style))
        images[place] = resize_grey(render(labels[-1], style, source), *size)
    return images, labels


def _style(stream: Stream, source: random.Random, number: int, faces: Sequence[Face]) -> Style:
    """The style of an image; easy for the first ones of the training."""
    if stream == "examples" or number >= EASY:
        return draw_style(source, faces=faces)
    length = (1, 3) if number < SHORT else None
    return draw_style(source, faces=faces, length=length, hardness=number / EASY)


def draw_stream_label(stream: Stream, source: random.Random, style: Style) -> str:
    """A label of the stream; where too few are possible, as of one digit, none are kept apart."""
    if style.length[0] >= 3 and len(set(style.charset)) ** style.length[0] >= FEWEST_KEPT_APART:
        return draw_label(stream, source, style.charset, style.length)
    return "".join(source.choice(style.charset) for _ in range(source.randint(*style.length)))


class StyleStream:
    """The images of one epoch after another; the next epoch is drawn meanwhile.

    Args:
        count: images an epoch.
        seed: of the stream.
        size: (H, W).
        faces: to draw with.
        processes: that draw.
        skip: images at the beginning that are left out, as those that are easy for a network that can read.
    """

    def __init__(
        self,
        count: int,
        *,
        seed: int,
        size: tuple[int, int],
        faces: Sequence[Face],
        processes: int = 1,
        skip: int = 0,
    ) -> None:
        self._skip = skip
        self._count, self._seed, self._size, self._faces = count, seed, size, tuple(faces)
        # Not forked: torch has threads by now, which a fork would leave behind half-way.
        context = multiprocessing.get_context("forkserver")
        self._pool = ProcessPoolExecutor(processes, mp_context=context)
        self._ahead: dict[int, list[Future[Images]]] = {}

    def __call__(self, epoch: int) -> Images:
        """The images of an epoch (0, 1, ...): grey (count, H, W), and their labels."""
        waiting = self._ahead.pop(epoch, None) or self._start(epoch)
        following = self._ahead.pop(epoch + 1, None) or self._start(epoch + 1)
        for future in chain.from_iterable(self._ahead.values()):
            future.cancel()
        self._ahead = {epoch + 1: following}
        try:
            parts = [part.result() for part in waiting]
        except BaseException:  # Ctrl-C as well: a process does not end before all that was asked for is drawn
            self.close()
            raise
        return np.concatenate([images for images, _ in parts]), [label for _, own in parts for label in own]

    def close(self) -> None:
        """Stop drawing; what is in hand is finished. No epoch can be asked for afterwards."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, epoch: int) -> list[Future[Images]]:
        first = self._skip + epoch * self._count
        return [
            self._pool.submit(
                draw_images, "training", self._seed, first + done, min(CHUNK, self._count - done),
                self._size, self._faces,
            )
            for done in range(0, self._count, CHUNK)
        ]  # fmt: skip
