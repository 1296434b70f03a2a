"""Whether drawing the images starves the training of `generic`: images a second of either, on one core.

    .venv/bin/python benchmarks/rendering.py --json docs/runs/rendering.json

One process draws as `model_zoo.generators.styles.stream` does, on styles past the easy beginning; then it
trains a network on what it drew, by the recipe `generic`, in one thread. The two take turns; figures are
medians over the turns. Time is processor time, so that other work on the machine counts little. A process
that draws keeps its glyphs, so the first images (--warm-up) are not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import torch
from decoders.machine import this_machine

from model_zoo.architectures import build
from model_zoo.atomic import write_whole
from model_zoo.charset import Charset
from model_zoo.generators.styles.faces import listed_faces, shipped_faces
from model_zoo.generators.styles.stream import EASY, Images, draw_images
from model_zoo.generators.styles.style import ALL
from model_zoo.training.data import LabelledImages, Normalisation
from model_zoo.training.fit import Fit
from model_zoo.training.recipe import recipe_named

SIZE = (48, 192)  # (H, W) of the generic model
IMAGES, TURNS, WARM_UP = 512, 7, 3_000


@dataclass(frozen=True)
class Rates:
    """Images a second of processor time, on one core.

    Attributes:
        architecture: that was trained.
        images: a turn.
        turns: that the medians are of.
        faces: fonts drawn with.
        drawn: images a second that one process draws.
        trained: that one training takes.
        ratio: how many such trainings one process could feed.
    """

    architecture: str
    images: int
    turns: int
    faces: int
    drawn: float
    trained: float
    ratio: float


def measure(architecture: str, images: int, turns: int, warm_up: int, fonts: str) -> Rates:
    """Draw and train in turns."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    faces = listed_faces() if fonts == "listed" else shipped_faces()
    if warm_up:
        draw_images("training", 0, EASY, warm_up, SIZE, faces)
    # One pass more than is counted: the first one also chooses kernels.
    fit = _fit(architecture, images, turns + 1)
    drawing, training = [], []
    for turn in range(turns + 1):
        drawn, seconds = timed(
            lambda turn=turn: draw_images("training", 1, EASY + turn * images, images, SIZE, faces)
        )
        fit.training = _labelled(drawn)
        _, training_seconds = timed(fit.epoch)
        if turn:
            drawing.append(images / seconds)
            training.append(images / training_seconds)
    rates = statistics.median(drawing), statistics.median(training)
    return Rates(architecture, images, turns, len(faces), rates[0], rates[1], rates[0] / rates[1])


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives, and the seconds of processor time that it took."""
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def _fit(architecture: str, images: int, epochs: int) -> Fit:
    charset = Charset("".join(sorted(ALL)))
    network = build(architecture, {}, n_classes=charset.n_classes, height=SIZE[0], width=SIZE[1])
    recipe = recipe_named("generic", epochs=epochs, synthetic=0)
    nothing = LabelledImages(torch.zeros((images, 1, *SIZE), dtype=torch.uint8), ("a",) * images)
    normalise = Normalisation(0.7, 0.3)  # near enough: it costs the same
    return Fit(network, nothing, None, charset=charset, normalise=normalise, recipe=recipe)


def _labelled(drawn: Images) -> LabelledImages:
    pixels, labels = drawn
    return LabelledImages(torch.from_numpy(pixels[:, None]), tuple(labels))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--architecture", default="crnn-deep", help="that is trained; default: crnn-deep")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"a turn; default: {IMAGES}")
    parser.add_argument("--turns", type=int, default=TURNS, help=f"that are counted; default: {TURNS}")
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help=f"images before; default: {WARM_UP:,}")
    parser.add_argument("--fonts", choices=("listed", "shipped"), default="listed", help="default: listed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    rates = measure(options.architecture, options.images, options.turns, options.warm_up, options.fonts)
    machine = this_machine()
    print(f"drawn    {rates.drawn:8.0f} images a second by one process, with {rates.faces} fonts")
    print(f"trained  {rates.trained:8.0f} images a second by {rates.architecture} on one core")
    print(f"ratio    {rates.ratio:8.2f}")
    print(f"on {machine.cpu}, medians of {rates.turns} turns of {rates.images} images")
    if options.json:
        content = json.dumps({"machine": asdict(machine), **asdict(rates)}, indent=2) + "\n"
        write_whole(options.json, content.encode())


if __name__ == "__main__":
    main()
