"""`model-zoo train` on one folder and nothing else: images in, a model with its card and a report out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from model_zoo.atomic import check_folder, write_whole
from model_zoo.calibrated import with_figures
from model_zoo.calibration import Bools, Floats
from model_zoo.cards import ModelCard, TrainingData
from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.errors import DataError
from model_zoo.figures import Share
from model_zoo.seen import TrainingImages, with_list
from model_zoo.split import RULE, LabelledFile, data_hash
from model_zoo.style.backbone import style_network
from model_zoo.style.reading import Reading, frames_of, pixels_of, read_frames
from model_zoo.style.report.training import TrainingReport, write_training_report
from model_zoo.style.samples import Samples, read_samples
from model_zoo.style.temperature import tempering
from model_zoo.style.tuned import StyleEpoch, Tuned
from model_zoo.style.tuning import tune
from model_zoo.training.card import new_card, what_it_reads
from model_zoo.training.checkpoint import write_safetensors
from model_zoo.training.output import check_output
from model_zoo.training.start import check_unseen, load_start
from model_zoo.visible import visible

DEFAULT_MINUTES = 20.0
START = "generic"


@dataclass(frozen=True)
class StyleOptions:
    """What is to be trained, on what.

    Attributes:
        data: folder of labelled images.
        name: of the model.
        out: folder of the zoo that gets NAME.safetensors, NAME.json, NAME.seen, NAME.html and
            NAME.report (JSON).
        labels: a CSV file of labels; None: the files' stems.
        minutes: that everything may take.
        seed: of everything random.
        resume: go on with a run that was stopped.
        start: the model to begin with.
        source: where the images come from, for the card.
        licence: of the weights, for the card.
        device: where it runs, as for `load_solver`.
    """

    data: Path
    name: str
    out: Path = Path("zoo")
    labels: Path | None = None
    minutes: float = DEFAULT_MINUTES
    seed: int = 0
    resume: bool = False
    start: str = START
    source: str = ""
    licence: str = "not said"
    device: str = "auto"


def train_style(
    options: StyleOptions,
    on_samples: Callable[[Samples], None] = lambda samples: None,
    on_epoch: Callable[[StyleEpoch], None] = lambda epoch: None,
) -> TrainingReport:
    """Train a reader of the captchas in a folder, and put it into a zoo folder with its report.

    Args:
        options: of the run.
        on_samples: called when the images are read and checked.
        on_epoch: called after every epoch.

    Returns:
        The report, as written.

    Raises:
        DataError: data, name, folder or checkpoint with which no run can start or go on.
        DeviceError: a device that is not there.
        ModelNotFound: there is no model `start`.
        UnreadableImage: an image that has gone meanwhile.
        WeightsMismatch: its weights are not those of its card.
    """
    began = time.perf_counter()
    checkpoint = check_output(options.name, options.out, resume=options.resume)
    samples = read_samples(options.data, options.labels)
    on_samples(samples)
    training, validation, test = (
        [file for file in samples.files if file.part == part] for part in ("train", "validation", "test")
    )
    if not training:
        raise DataError(
            f"none of the {len(samples.files)} images falls into the training part; give more images"
        )
    start = load_start(options.start)
    check_unseen(start, [*validation, *test])
    check_folder(options.out)
    tuned = tune(
        training,
        validation,
        seconds=options.minutes * 60,
        used=time.perf_counter() - began,
        seed=options.seed,
        start=start,
        charset=samples.charset,
        device=options.device,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    tempered = tempering(tuned, validation)
    untempered, readings, zero_shot = _read_test(tuned, test, tempered.temperature)
    weights = options.out / f"{options.name}.safetensors"
    write_safetensors(weights, tuned.network.state_dict(), {"format": "pt"})
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    card = _card(options, samples, tuned, tempered.temperature, sha256)
    card = _measured(card, untempered, readings)
    own = TrainingImages.of(file.sha256 for file in training)
    if tuned.start.images is not None:
        card = with_list(card, own | tuned.start.images, options.out)
    report = write_training_report(
        options.out, options.name, samples=samples, training=training, validation=validation, test=test,
        tuned=tuned, tempered=tempered, readings=readings, zero_shot=zero_shot,
    )  # fmt: skip
    write_whole(options.out / f"{card.name}.json", card.to_json().encode())
    checkpoint.unlink(missing_ok=True)
    return report


def _read_test(
    tuned: Tuned, test: list[LabelledFile], temperature: float | None
) -> tuple[list[Reading], list[Reading], Share]:
    """The test images read at temperature 1 and at the model's, and what the start reads before it learnt."""
    if not test:
        return [], [], Share(0, 0)
    pixels = pixels_of(tuned, test)
    frames = frames_of(tuned, pixels)
    untempered = read_frames(tuned, test, frames)
    readings = untempered if temperature is None else read_frames(tuned, test, frames, temperature)
    network = style_network(tuned.start, tuned.charset, tuned.height, tuned.width, tuned.case).eval()
    start = read_frames(tuned, test, frames_of(replace(tuned, network=network), pixels))
    return untempered, readings, Share(sum(it.text == it.file.label for it in start), len(test))


def _card(
    options: StyleOptions, samples: Samples, tuned: Tuned, temperature: float | None, sha256: str
) -> ModelCard:
    name = visible(options.data.resolve().name)  # no name of a folder may keep the card from being written
    card = new_card(
        tuned.network,
        name=options.name,
        description=(
            f"{what_it_reads(tuned.charset, tuned.length)}, from images like {name}; trained from "
            f"{tuned.start.name}."
        ),
        architecture=(tuned.start.card.architecture, tuned.start.card.options),
        sha256=sha256,
        charset=tuned.charset,
        size=(tuned.height, tuned.width),
        normalise=tuned.normalise,
        length=tuned.length,
        data=TrainingData(
            name=name,
            train=sum(file.part == "train" for file in samples.files),
            validation=sum(file.part == "validation" for file in samples.files),
            test=sum(file.part == "test" for file in samples.files),
            split=RULE,
            split_seed=None,
            sha256=data_hash(samples.files),
            synthetic=tuned.recipe.synthetic,
            source=visible(options.source),
        ),
        recipe=asdict(tuned.recipe)
        | {"rounds": tuned.epochs[-1].round, "round": tuned.round, "minutes": float(options.minutes)},
        licence=options.licence,
    )
    shortest, longest = tuned.length
    length = ConstraintTexts(length=f"{shortest}") if shortest == longest else None
    return replace(card, constraints=length, temperature=temperature)


def _measured(card: ModelCard, untempered: list[Reading], readings: list[Reading]) -> ModelCard:
    """The card with what the test images say, none of which the training, its end or the temperature saw."""
    if not readings:
        return card
    return with_figures(card, "test", len(readings), _judged(untempered), _judged(readings), card.constraints)


def _judged(readings: list[Reading]) -> tuple[Floats, Bools]:
    return (
        np.array([it.probability for it in readings]),
        np.array([it.text == it.file.label for it in readings]),
    )
