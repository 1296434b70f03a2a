"""Texts for synthetic images: two streams that can never meet.

A label is reserved for examples if int(sha256(label), 16) mod 10 is 0. The examples stream yields reserved
labels alone, the training stream never yields one, and their random sources are seeded apart, so no figure
on the examples can come from a label or an image that was trained on.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Literal

Stream = Literal["examples", "training"]

# Kaptcha draws from a list in which "n" stands twice; see generators/kaptcha.py.
KAPTCHA_SLOTS = "bcde2345678gfynmnpwx"


def is_reserved(label: str) -> bool:
    """Whether `label` is kept for examples; one label in ten is."""
    return int(hashlib.sha256(label.encode()).hexdigest(), 16) % 10 == 0


def random_source(stream: Stream, seed: int, number: int) -> random.Random:
    """The source of image `number` of a stream: the same on every machine, whatever was drawn before."""
    return random.Random(f"{stream}:{seed}:{number}")


def draw_label(stream: Stream, source: random.Random, slots: str, length: tuple[int, int]) -> str:
    """One label of the stream.

    Args:
        stream: `examples` for reserved labels alone, `training` for the others alone.
        source: where the randomness comes from.
        slots: characters to draw from; one that stands twice comes twice as often.
        length: the fewest and the most characters, drawn uniformly.
    """
    while True:
        label = "".join(source.choice(slots) for _ in range(source.randint(*length)))
        if is_reserved(label) == (stream == "examples"):
            return label


def distinct_labels(
    stream: Stream, seed: int, slots: str = KAPTCHA_SLOTS, length: tuple[int, int] = (5, 5)
) -> Iterator[tuple[str, random.Random]]:
    """Labels of the stream without repeats, each with the source that goes on to draw its image."""
    seen: set[str] = set()
    number = 0
    while True:
        source = random_source(stream, seed, number)
        number += 1
        label = draw_label(stream, source, slots, length)
        if label not in seen:
            seen.add(label)
            yield label, source
