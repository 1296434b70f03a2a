"""What a run trains and on what, found out and checked before the first step."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from model_zoo.architectures import build
from model_zoo.architectures.cost import count_flops
from model_zoo.charset import Charset
from model_zoo.errors import DataError
from model_zoo.seen import TrainingImages
from model_zoo.solver import find_device
from model_zoo.split import LabelledFile, check_lengths, data_hash, labelled_files
from model_zoo.training import data
from model_zoo.training.data import LabelledImages, Normalisation
from model_zoo.training.fit import EpochImages, Fit, seed_epoch
from model_zoo.training.generated import alphabet, held_out, lengths, synthetic_images
from model_zoo.training.recipe import Recipe
from model_zoo.training.selection import Selection, select
from model_zoo.training.start import GROWS, Start, check_start, check_unseen, load_start, weights_for

DEFAULT_ARCHITECTURE = "crnn-small"


@dataclass(frozen=True)
class TrainOptions:
    """What is to be trained, on what.

    Attributes:
        data: folder of images named LABEL.png or LABEL_anything.png; None where all images are generated.
        name: of the model.
        out: folder of the zoo that gets NAME.safetensors, NAME.json, NAME.csv and NAME.seen.
        architecture: a registered name; None for that of `start`, else the default one.
        architecture_options: its settings; {} for the defaults.
        height: of the input, in pixels.
        width: of the input, in pixels.
        length: allowed lengths of a label; None to find out.
        resume: go on with a run that was stopped.
        recipe: of the run.
        source: where the images come from, for the card.
        licence: of the weights, for the card.
        parts: of the folder that are trained on, see `selection.select`.
        validation: parts that are measured after every epoch, or `rest` or `random`, see there.
        start: a model of the zoo to begin with; None: weights are drawn.
        device: where it runs, as for `load_solver`.
        compiled: whether `torch.compile` is used.
    """

    data: Path | None
    name: str = ""
    out: Path = Path("zoo")
    architecture: str | None = None
    architecture_options: dict[str, Any] = field(default_factory=dict)
    height: int = 50
    width: int = 200
    length: tuple[int, int] | None = None
    resume: bool = False
    recipe: Recipe = field(default_factory=Recipe)
    source: str = ""
    licence: str = "not said"
    parts: str = "train"
    validation: str = "rest"
    start: str | None = None
    device: str = "cpu"
    compiled: bool = False


class Prepared:
    """A run that could start; nothing is written yet.

    Attributes:
        files: of the data folder.
        selection: of them.
        images: the list of what the model is fitted to; None where nobody knows all of it.
        length: the fewest and the most characters of a label.
        hash: of the data.
        charset: of the network's classes.
        architecture: the registered name.
        architecture_options: its settings.
        time_steps: T, the frames of the output.
        fit: the optimisation.

    Raises:
        DataError: data or recipe with which no run can start.
        CardError: an unknown architecture or options that it does not take.
        DeviceError: a device that is not there.
        ModelNotFound: there is no model to start from.
        WeightsMismatch: its weights are not those of its card.
    """

    def __init__(self, options: TrainOptions) -> None:
        self.options = options
        device = find_device(options.device)
        self.files = _files(options)
        self.length = options.length or lengths(options.recipe)
        if self.files:
            self.length = check_lengths(self.files, options.length)
        self.hash = data_hash(self.files)
        self.selection = _selection(options, self.files)
        start = None if options.start is None else load_start(options.start)
        if start is not None:
            check_unseen(start, self.selection.validation)
        self.images = _training_images(self.selection, start)
        self.charset = _charset(options, self.selection, start)
        self.architecture, self.architecture_options = _architecture(options, start)
        self.fit = self._fit(device, start)

    @property
    def contents(self) -> str:
        """A hash of what is trained on and measured: images, labels, parts and input size."""
        size = (self.options.height, self.options.width)
        chosen = [
            sorted((file.sha256, file.label) for file in files)
            for files in (self.selection.training, self.selection.validation)
        ]
        return hashlib.sha256(json.dumps([self.hash, *size, *chosen]).encode()).hexdigest()

    def _fit(self, device: torch.device, start: Start | None) -> Fit:
        options = self.options
        seed_epoch(options.recipe.seed, -1)  # the weights to start from
        network = build(
            self.architecture,
            self.architecture_options,
            n_classes=self.charset.n_classes,
            height=options.height,
            width=options.width,
        )
        _, self.time_steps = count_flops(network, options.height, options.width)
        labels = [file.label for file in (*self.selection.training, *self.selection.validation)]
        data.check_labels(labels, self.time_steps, getattr(network, "n_positions", None))
        training, validation = self._load(self.selection.training), self._validation()
        synthetic = self._synthetic()
        return Fit(
            network,
            training,
            validation,
            charset=self.charset,
            normalise=_normalisation(
                options.recipe, start, training if self.files else validation, synthetic
            ),
            recipe=options.recipe if start is None else replace(options.recipe, start=start.name),
            device=device,
            per_epoch=synthetic,
            start=None if start is None else weights_for(start, self.architecture, network),
            compiled=options.compiled,
        )

    def _load(self, files: tuple[LabelledFile, ...]) -> LabelledImages | None:
        return data.load_images(files, self.options.height, self.options.width) if files else None

    def _synthetic(self) -> EpochImages | None:
        recipe = self.options.recipe
        if not recipe.synthetic:
            return None
        size = (self.options.height, self.options.width)
        goes_on = self.options.start is not None
        return synthetic_images(recipe, self.charset, self.length, size, goes_on=goes_on)

    def _validation(self) -> LabelledImages | None:
        if self.files or self.options.validation == "none":
            return self._load(self.selection.validation)
        return held_out(self.options.recipe, (self.options.height, self.options.width))


def _files(options: TrainOptions) -> list[LabelledFile]:
    if options.data is not None:
        return labelled_files(options.data)
    if options.recipe.synthetic:
        return []
    raise DataError("there is nothing to train on; give --data DIR, or --synthetic N for generated images")


def _selection(options: TrainOptions, files: list[LabelledFile]) -> Selection:
    if not files:
        return Selection((), (), "no labelled images")
    selection = select(files, options.parts, options.validation, options.recipe.seed, options.data)
    if not selection.training and not options.recipe.synthetic:
        raise DataError("no part is trained on; give --parts, or --synthetic N for generated images")
    return selection


def _training_images(selection: Selection, start: Start | None) -> TrainingImages | None:
    """What the model is fitted to, with what its start was; None where nobody knows the latter."""
    own = TrainingImages.of(file.sha256 for file in selection.training)
    if start is None:
        return own
    return None if start.images is None else own | start.images


def _charset(options: TrainOptions, selection: Selection, start: Start | None) -> Charset:
    """The characters of the labels; those of `start` where it reads them all."""
    files = selection.training or selection.validation
    characters = {char for file in files for char in file.label}
    if start is not None:
        check_start(start, "".join(characters), options.height, options.width)
        return Charset(start.card.charset)
    if not selection.training:
        characters.update(alphabet(options.recipe))
    return Charset("".join(sorted(characters)))


def _architecture(options: TrainOptions, start: Start | None) -> tuple[str, dict[str, Any]]:
    """Name and settings; a run that goes on from a model has that model's, or what they grow into."""
    if start is None:
        return options.architecture or DEFAULT_ARCHITECTURE, options.architecture_options
    if (start.card.architecture, options.architecture) == GROWS and not start.card.options:
        return GROWS[1], {}
    if options.architecture not in (None, start.card.architecture):
        raise DataError(
            f"model {start.card.name!r} is a {start.card.architecture}, not a {options.architecture}; "
            "leave --architecture out"
        )
    return start.card.architecture, dict(start.card.options)


def _normalisation(
    recipe: Recipe, start: Start | None, training: LabelledImages | None, synthetic: EpochImages | None
) -> Normalisation:
    """Of the start's card; else of what is trained on, if the recipe wants one."""
    if start is not None:
        return Normalisation(start.card.mean, start.card.std)
    if not recipe.normalise:
        return Normalisation(0.0, 1.0)
    images = training if training is not None or synthetic is None else synthetic(0)
    assert images is not None, "there is something to train on"
    return Normalisation(*data.mean_and_std(images.pixels))
