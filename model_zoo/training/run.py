"""A whole training run: a folder of labelled images in, a model of the zoo out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from model_zoo.architectures import build
from model_zoo.architectures.cost import count_flops, count_parameters
from model_zoo.atomic import check_folder, write_whole
from model_zoo.cards import NAME_PATTERN, Accuracy, ModelCard, TrainingData
from model_zoo.charset import Charset
from model_zoo.errors import DataError
from model_zoo.split import RULE, LabelledFile, check_lengths, data_hash, labelled_files, of_parts
from model_zoo.statistics import wilson_interval
from model_zoo.training import checkpoint, data, loop
from model_zoo.training.log import EpochLog, append, trim
from model_zoo.training.recipe import Recipe


@dataclass(frozen=True)
class TrainOptions:
    """What is to be trained, on what.

    Attributes:
        data: folder of images named LABEL.png or LABEL_anything.png.
        name: of the model.
        out: folder of the zoo that gets NAME.safetensors, NAME.json and NAME.csv.
        architecture: a registered name.
        architecture_options: its settings; {} for the defaults.
        height: of the input, in pixels.
        width: of the input, in pixels.
        length: allowed lengths of a label; None to find out.
        resume: go on with a run that was stopped.
        recipe: of the run.
        source: where the images come from, for the card.
        licence: of the weights, for the card.
    """

    data: Path
    name: str
    out: Path
    architecture: str = "crnn-small"
    architecture_options: dict[str, Any] = field(default_factory=dict)
    height: int = 50
    width: int = 200
    length: tuple[int, int] | None = None
    resume: bool = False
    recipe: Recipe = field(default_factory=Recipe)
    source: str = ""
    licence: str = "not said"


@dataclass(frozen=True)
class TrainStart:
    """What is known when every check has passed and nothing is trained yet.

    Attributes:
        images: in the training part.
        epochs_done: by the run that is resumed; 0 for a new one.
        log: gets a line an epoch.
    """

    images: int
    epochs_done: int
    log: Path


def train(
    options: TrainOptions,
    on_epoch: Callable[[EpochLog], None] = lambda log: None,
    on_start: Callable[[TrainStart], None] = lambda start: None,
) -> ModelCard:
    """Train a model and put it into its zoo folder.

    Args:
        options: of the run.
        on_epoch: called after every epoch.
        on_start: called before the first one.

    Returns:
        The card, as written.

    Raises:
        DataError: data, name, folder or checkpoint with which no run can start.
        CardError: an unknown architecture or options that it does not take.
    """
    run = _Run(options)
    on_start(TrainStart(len(run.training), run.state.epoch, run.log))
    while run.state.epoch < options.recipe.epochs:
        on_epoch(run.epoch())
    return run.finish()


class _Run:
    """The state of one run; every check is made before the first epoch."""

    def __init__(self, options: TrainOptions) -> None:
        self.options, recipe = options, options.recipe
        self.weights = options.out / f"{options.name}.safetensors"
        self.checkpoint = options.out / f"{options.name}.checkpoint"
        self.log = options.out / f"{options.name}.csv"
        _check_output(options, self.weights, self.checkpoint)
        self.files = labelled_files(options.data)
        self.length = check_lengths(self.files, options.length)
        check_folder(options.out)
        self.hash = data_hash(self.files)
        training = of_parts(self.files, ["train"])
        self.charset = Charset("".join(sorted({char for file in training for char in file.label})))
        self.training = data.load_images(training, options.height, options.width)
        self.validation = data.load_images(
            of_parts(self.files, ["validation"]), options.height, options.width
        )
        self.normalise = loop.Normalisation(*data.mean_and_std(self.training.pixels))
        loop.seed_epoch(recipe.seed, -1)  # the weights to start from
        network = build(
            options.architecture,
            options.architecture_options,
            n_classes=self.charset.n_classes,
            height=options.height,
            width=options.width,
        )
        self.flops, self.time_steps = count_flops(network, options.height, options.width)
        data.check_labels([file.label for file in self.files], self.time_steps)
        self.state = loop.new_state(network, recipe)
        if options.resume:
            checkpoint.load_checkpoint(self.checkpoint, self.state, recipe, self.hash)
            trim(self.log, self.state.epoch)

    def epoch(self) -> EpochLog:
        """Train one epoch, look at the validation part, log, save."""
        started, number, recipe = time.perf_counter(), self.state.epoch, self.options.recipe
        images = self.training
        if recipe.synthetic:
            images = images + data.generate_images(
                recipe.synthetic,
                seed=recipe.seed,
                epoch=number,
                charset=self.charset,
                length=self.length,
                size=(self.options.height, self.options.width),
            )
        loss = loop.train_epoch(
            self.state, images, charset=self.charset, normalise=self.normalise, recipe=recipe
        )
        log = EpochLog(
            self.state.epoch,
            len(images),
            round(loss, 4),
            round(self.validate(), 4),
            round(time.perf_counter() - started, 1),
        )
        append(self.log, log)
        checkpoint.save_checkpoint(self.checkpoint, self.state, recipe, self.hash)
        return log

    def validate(self) -> float:
        """Exact match of the averaged weights on the validation part."""
        texts = loop.read_greedily(self.state.average, self.validation.pixels, self.charset, self.normalise)
        return loop.exact_match(texts, self.validation.labels)

    def finish(self) -> ModelCard:
        """Write the averaged weights, then their card; the checkpoint goes last."""
        checkpoint.write_safetensors(self.weights, self.state.average.state_dict(), {"format": "pt"})
        card = self._card(hashlib.sha256(self.weights.read_bytes()).hexdigest())
        write_whole(self.options.out / f"{card.name}.json", card.to_json().encode())
        self.checkpoint.unlink(missing_ok=True)
        return card

    def _card(self, sha256: str) -> ModelCard:
        options, n = self.options, len(self.validation)
        share = self.validate()
        low, high = wilson_interval(round(share * n), n)
        return ModelCard(
            name=options.name,
            description=_description(options, self.charset, self.length),
            architecture=options.architecture,
            options=options.architecture_options,
            weights=self.weights.name,
            sha256=sha256,
            charset=self.charset.chars,
            height=options.height,
            width=options.width,
            mean=self.normalise.mean,
            std=self.normalise.std,
            time_steps=self.time_steps,
            decoder="greedy",
            beam_width=10,
            min_length=self.length[0],
            max_length=self.length[1],
            data=_training_data(options, self.files, self.hash),
            recipe=asdict(options.recipe),
            accuracy=(Accuracy("validation", "greedy", share, low, high, n),),
            parameters=count_parameters(self.state.average),
            flops_per_image=self.flops,
            licence=options.licence,
        )


def _check_output(options: TrainOptions, weights: Path, stopped: Path) -> None:
    if not NAME_PATTERN.fullmatch(options.name):
        raise DataError(f"name {options.name!r} is not usable; use letters, digits and . _ - only")
    # A run that was killed while it wrote its model has both files, and only the card to add.
    if weights.exists() and not (options.resume and stopped.exists()):
        raise DataError(
            f"model {options.name!r} is in {options.out} already; choose another name or delete it"
        )
    if stopped.exists() and not options.resume:
        raise DataError(f"a stopped run is at {stopped}; go on with --resume, or delete the file")


def _description(options: TrainOptions, charset: Charset, length: tuple[int, int]) -> str:
    span = f"{length[0]}" if length[0] == length[1] else f"{length[0]} to {length[1]}"
    return (
        f"Reads texts of {span} character{'s' * (length[1] > 1)}, each one of {charset.chars}, "
        f"from {options.width}x{options.height} images like {options.data.resolve().name}."
    )


def _training_data(options: TrainOptions, files: list[LabelledFile], sha256: str) -> TrainingData:
    count = {part: sum(file.part == part for file in files) for part in ("train", "validation", "test")}
    return TrainingData(
        name=options.data.resolve().name,
        **count,
        split=RULE,
        split_seed=None,
        sha256=sha256,
        synthetic=options.recipe.synthetic,
        source=options.source,
    )
