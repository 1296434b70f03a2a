"""Labelled images of one style, or of many, that no training stream yields."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from PIL import Image

from model_zoo.generators.labels import random_source
from model_zoo.generators.styles.example_options import ExampleOptions
from model_zoo.generators.styles.faces import Face, listed_faces, shipped_faces
from model_zoo.generators.styles.render import render
from model_zoo.generators.styles.stream import draw_stream_label
from model_zoo.generators.styles.style import Style, draw_style

# So many draws in a row that came before say that hardly any label is left.
_TRIES = 100


def examples(kind: str, seed: int, options: ExampleOptions) -> Iterator[tuple[str, Image.Image]]:
    """File names without their ending, and images, without end.

    Labels are of the stream `examples`. They differ in more than case, as long as there are any left; then
    one comes again, and is named LABEL_2, LABEL_3 and so on.

    Args:
        kind: `random`, one style for all, or `many`, each its own.
        seed: of labels and images; a style has its own.
        options: what they are to be like.

    Raises:
        DataError: a font that is not installed.
    """
    faces = listed_faces() if options.fonts == "listed" else shipped_faces()
    one = _style(random.Random(f"style:{options.style_seed}"), options, faces) if kind == "random" else None
    came: dict[str, int] = {}
    number = tries = 0
    while True:
        source = random_source("examples", seed, number)
        number += 1
        style = one or _style(source, options, faces)
        label = draw_stream_label("examples", source, style)
        times = came.get(label.lower(), 0)
        if times and tries < _TRIES:
            tries += 1
            continue
        tries = tries if times else 0
        came[label.lower()] = times + 1
        name = f"{label}_{times + 1}" if times else label
        yield name, Image.fromarray(render(label, style, source))


def _style(source: random.Random, options: ExampleOptions, faces: Sequence[Face]) -> Style:
    style = draw_style(
        source,
        faces=faces,
        charset=options.charset,
        length=options.length,
        aspect=None if options.size is None else options.size[0] / options.size[1],
    )
    return style if options.size is None else replace(style, height=(options.size[1], options.size[1]))
