"""What each part of the recipe is worth, and how many real images are needed.

    python benchmarks/accuracy.py ablation --start nano-zero     # on parts 0-1, where the recipe was chosen
    python benchmarks/accuracy.py samples --start kaptcha-zero   # on parts 2-3, which chose nothing

Each run is a line of docs/runs/ablation.csv or samples.csv; what a file holds is not run again. `--start`
names the model trained on no real image (`make train-default` leaves it in zoo/). benchmarks/models.py makes
the tables of docs/models.md from these files. Data: CAPTCHAFLEET_DATA/captcha_images_v2. The ablation takes
about ten minutes of one core, the samples half an hour.

Exit codes: 0 done, 1 no data or no such model.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch

from model_zoo.architectures import build
from model_zoo.charset import Charset
from model_zoo.constraints import Constraints, parse_constraints
from model_zoo.decode import NO_CONSTRAINTS, Decoded, Item, decode
from model_zoo.errors import ZooError
from model_zoo.generators import kaptcha
from model_zoo.split import labelled_files
from model_zoo.training.data import LabelledImages, Normalisation, load_images
from model_zoo.training.fit import Fit, seed_epoch
from model_zoo.training.losses import image_losses
from model_zoo.training.metrics import log_probs
from model_zoo.training.recipe import STILL, Augmentation, Recipe, recipe_named
from model_zoo.training.start import Start, load_start

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "docs/runs"
DATA = Path(os.environ.get("CAPTCHAFLEET_DATA", ROOT / "../shared/data")) / "captcha_images_v2"
HEIGHT, WIDTH, LENGTH = 50, 200, "5"

SEEDS = (0, 1)
SAMPLES = (0, 50, 100, 200, 400, 696)
# Images a run looks at, whatever the number of different ones: what training from scratch needs.
SEEN = 42_000
FROM_SCRATCH = 3e-3  # its learning rate; the recipe's own is for a network that reads already
PRIOR_CHOICES = 10  # readings among which a prior chooses
HARD_COPIES = 4  # each test image with four different pairs of further strokes


@dataclass(frozen=True)
class Run:
    """One training and its figures, a line of the CSV.

    Attributes:
        name: of the setting.
        seed: of everything random, the drawn images included.
        images: real ones trained on.
        start: `synthetic` or `scratch`.
        n: test images.
        right: of them read right.
        right_with_length: likewise where the length is known.
        hard_n: test images with further strokes over them.
        hard_right: of them read right.
        loss: mean CTC loss of the test images.
        seconds: of training.
    """

    name: str
    seed: int
    images: int
    start: str
    n: int
    right: int
    right_with_length: int
    hard_n: int
    hard_right: int
    loss: float
    seconds: float


@dataclass(frozen=True)
class Setting:
    """What is to be run."""

    name: str
    recipe: Recipe
    synthetic_start: bool = True
    images: int | None = None  # None: all there are
    prior: float = (
        0.0  # added to the log-probability of a text for each "n", which Kaptcha draws twice as often
    )


def ablation() -> Iterator[Setting]:
    """The recipe, then the recipe without one part at a time."""
    full = recipe_named("kaptcha")
    bent = full.augmentation
    yield Setting("the recipe", full)
    yield Setting("no real images", full, images=0)
    scratch = replace(full, epochs=60, learning_rate=FROM_SCRATCH)
    yield Setting("no synthetic start, 60 epochs", scratch, synthetic_start=False)
    yield Setting('label prior applied again ("n" twice as likely)', full, prior=math.log(2))
    yield Setting('label prior taken out ("n" half as likely)', full, prior=-math.log(2))
    yield Setting("no further strokes", replace(full, augmentation=replace(bent, strokes=0.0)))
    yield Setting("no augmentation", replace(full, augmentation=STILL))
    yield Setting("strong bending", replace(full, augmentation=replace(Augmentation(), strokes=bent.strokes)))
    yield Setting("no averaging", replace(full, averaging=0.0))
    yield Setting("float32", replace(full, precision="float32"))
    yield Setting(
        "no synthetic start, 60 epochs, no further strokes",
        replace(scratch, augmentation=replace(bent, strokes=0.0)),
        synthetic_start=False,
    )


def samples() -> Iterator[Setting]:
    """From no real image to all of them, with and without the synthetic start."""
    full = recipe_named("kaptcha")
    for synthetic in (True, False):
        for count in SAMPLES:
            if count or synthetic:
                rate = full.learning_rate if synthetic else FROM_SCRATCH
                recipe = replace(full, epochs=-(-SEEN // max(1, count)), learning_rate=rate)
                yield Setting("curve", recipe, synthetic_start=synthetic, images=count)


class Bench:
    """The images of a kind of experiment, and the way a setting is run on them.

    Args:
        test: parts that are measured; all others may be trained on.
        start: the model trained on no real image.
    """

    def __init__(self, test: Sequence[int], start: Start) -> None:
        files = labelled_files(DATA)
        self.pool = [file for file in files if file.part_number not in test]
        if start.card.data.train:
            raise ZooError(f"model {start.card.name!r} was trained on real images; give one that saw none")
        self.start, self.charset = start, Charset(start.card.charset)
        self.normalise = Normalisation(start.card.mean, start.card.std)
        self.test = load_images([file for file in files if file.part_number in test], HEIGHT, WIDTH)
        self.hard = _with_strokes(self.test)

    def run(self, setting: Setting, seed: int) -> Run:
        """Train and measure."""
        count = len(self.pool) if setting.images is None else setting.images
        began = time.perf_counter()
        network = self._network(setting, seed, count)
        seconds = time.perf_counter() - began
        free, loss = self._read(network, self.test, setting.prior)
        return Run(
            name=setting.name, seed=seed, images=count,
            start="synthetic" if setting.synthetic_start else "scratch",
            n=len(self.test), right=free[0], right_with_length=free[1],
            hard_n=len(self.hard), hard_right=self._read(network, self.hard, setting.prior)[0][0],
            loss=round(loss, 4), seconds=round(seconds, 1),
        )  # fmt: skip

    def _network(self, setting: Setting, seed: int, count: int) -> torch.nn.Module:
        card, recipe = self.start.card, replace(setting.recipe, seed=seed)
        seed_epoch(seed, -1)
        network = build(
            card.architecture, card.options, n_classes=self.charset.n_classes, height=HEIGHT, width=WIDTH
        )
        if not count:
            network.load_state_dict(self.start.weights)
            return network
        chosen = random.Random(f"samples:{seed}").sample(self.pool, count)
        fit = Fit(
            network,
            load_images(chosen, HEIGHT, WIDTH),
            None,
            charset=self.charset,
            normalise=self.normalise,
            recipe=recipe,
            start=self.start.weights if setting.synthetic_start else None,
        )
        fit.run()
        return fit.network

    def _read(
        self, network: torch.nn.Module, images: LabelledImages, prior: float
    ) -> tuple[tuple[int, int], float]:
        """Images read right, without and with the length, and the mean loss."""
        frames = log_probs(network, images.pixels, self.normalise)
        free, known = (
            sum(
                _likeliest(item, prior) == label
                for item, label in zip(self._decode(frames, it, prior), images.labels, strict=True)
            )
            for it in (NO_CONSTRAINTS, parse_constraints(length=LENGTH))
        )
        losses = image_losses(frames, list(images.labels), self.charset, Recipe(), positional=False)
        return (free, known), losses.mean().item()

    def _decode(self, frames: torch.Tensor, constraints: Constraints, prior: float) -> Decoded:
        return decode(frames, self.charset, constraints, n_best=PRIOR_CHOICES if prior else 1)


def _likeliest(item: Item, prior: float) -> str:
    """The best reading once the prior has its say."""
    return max(
        item.candidates,
        key=lambda it: math.log(it.probability or sys.float_info.min) + prior * it.text.count("n"),
    ).text


def _with_strokes(images: LabelledImages) -> LabelledImages:
    """Copies of the images with two more strokes each; the strokes of training have another seed."""
    source = random.Random("hard test images")
    count = len(images) * HARD_COPIES
    ink = torch.from_numpy(np.stack([kaptcha.draw_strokes(source) for _ in range(count)]))[:, None]
    pixels = images.pixels.repeat(HARD_COPIES, 1, 1, 1).float() * (1 - ink)
    return LabelledImages(pixels.round().byte(), images.labels * HARD_COPIES)


def read_runs(path: Path) -> list[Run]:
    """The lines of a CSV; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        kinds = {it.name: {"int": int, "float": float}.get(str(it.type), str) for it in fields(Run)}
        return [Run(**{key: kinds[key](row[key]) for key in kinds}) for row in csv.DictReader(file)]


def run_all(kind: str, start_name: str) -> None:
    """Run what the CSV lacks."""
    path = RUNS / f"{kind}.csv"
    bench = Bench((0, 1) if kind == "ablation" else (2, 3), load_start(start_name))
    done = {(it.name, it.seed, it.images, it.start) for it in read_runs(path)}
    for setting in ablation() if kind == "ablation" else samples():
        for seed in SEEDS if setting.images != 0 else SEEDS[:1]:
            count = len(bench.pool) if setting.images is None else setting.images
            start = "synthetic" if setting.synthetic_start else "scratch"
            if (setting.name, seed, count, start) in done:
                continue
            run = bench.run(setting, seed)
            _append(path, run)
            print(run, flush=True)


def _append(path: Path, run: Run) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [it.name for it in fields(Run)], lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(asdict(run))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("ablation", "samples"))
    parser.add_argument("--start", required=True, help="model trained on no real image, by name or path")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        run_all(options.what, options.start)
    except ZooError as error:
        print(f"accuracy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
