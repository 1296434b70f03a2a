"""The card of a model that was trained on a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from torch import nn

from model_zoo.architectures.cost import count_flops, count_parameters
from model_zoo.cards import Accuracy, ModelCard, TrainingData
from model_zoo.charset import Charset
from model_zoo.split import LabelledFile, data_hash
from model_zoo.statistics import wilson_interval
from model_zoo.training.data import Normalisation
from model_zoo.visible import visible

if TYPE_CHECKING:
    from model_zoo.training.prepare import Prepared, TrainOptions
    from model_zoo.training.selection import Selection


def make_card(run: Prepared, sha256: str, exact_match: float | None) -> ModelCard:
    """What is known of a model when its training is done.

    Args:
        run: that is done.
        sha256: of the weights file.
        exact_match: greedily, on the validation images; None without any.
    """
    options, fit = run.options, run.fit
    card = new_card(
        fit.network,
        name=options.name,
        description=_description(options, run.charset, run.length),
        architecture=(run.architecture, run.architecture_options),
        sha256=sha256,
        charset=run.charset,
        size=(options.height, options.width),
        normalise=fit.normalise,
        length=run.length,
        data=_training_data(options, run.files, run.selection),
        recipe=asdict(fit.recipe),
        licence=options.licence,
    )
    if exact_match is None:
        return card
    return replace(card, accuracy=(_accuracy(exact_match, len(fit.validation or ())),))


def new_card(
    network: nn.Module,
    *,
    name: str,
    description: str,
    architecture: tuple[str, Mapping[str, Any]],
    sha256: str,
    charset: Charset,
    size: tuple[int, int],
    normalise: Normalisation,
    length: tuple[int, int],
    data: TrainingData,
    recipe: Mapping[str, Any],
    licence: str,
) -> ModelCard:
    """The card of a network that was just trained, without figures; it is read by the exact decoder.

    Args:
        network: that was trained.
        name: of the model.
        description: a sentence.
        architecture: its registered name and its settings.
        sha256: of the weights file, NAME.safetensors.
        charset: of the network's classes.
        size: (H, W) of the input, in pixels.
        normalise: what the network expects.
        length: the fewest and the most characters of a label.
        data: that it was trained on.
        recipe: of the run.
        licence: of the weights, as given.
    """
    flops, time_steps = count_flops(network, *size)
    return ModelCard(
        name=name,
        description=description,
        architecture=architecture[0],
        options=dict(architecture[1]),
        weights=f"{name}.safetensors",
        sha256=sha256,
        charset=charset.chars,
        height=size[0],
        width=size[1],
        mean=normalise.mean,
        std=normalise.std,
        time_steps=time_steps,
        decoder="exact",
        beam_width=10,
        min_length=length[0],
        max_length=length[1],
        data=data,
        recipe=dict(recipe),
        accuracy=(),
        parameters=count_parameters(network),
        flops_per_image=flops,
        licence=visible(licence),
    )


def what_it_reads(charset: Charset, length: tuple[int, int]) -> str:
    """The beginning of a description: "Reads texts of 4 characters, each one of 0123456789"."""
    return f"Reads texts of {_span(length)} character{'s' * (length[1] > 1)}, each one of {charset.chars}"


def _span(length: tuple[int, int]) -> str:
    return f"{length[0]}" if length[0] == length[1] else f"{length[0]} to {length[1]}"


def _accuracy(share: float, n: int) -> Accuracy:
    low, high = wilson_interval(round(share * n), n)
    return Accuracy("validation", "greedy", share, low, high, n)


def _description(options: TrainOptions, charset: Charset, length: tuple[int, int]) -> str:
    if options.data is None and options.recipe.generator == "styles":
        return (
            f"Reads texts of {_span(length)} letters and digits in many styles; trained on generated images "
            "alone, a start for others."
        )
    size = f"{options.width}x{options.height}"
    return f"{what_it_reads(charset, length)}, from {size} images like {data_name(options)}."


def data_name(options: TrainOptions) -> str:
    """The folder's name; that of the generator where there is no folder."""
    return options.recipe.generator if options.data is None else visible(options.data.resolve().name)


def _training_data(
    options: TrainOptions, files: Sequence[LabelledFile], selection: Selection
) -> TrainingData:
    seen = {file.path for file in (*selection.training, *selection.validation)}
    return TrainingData(
        name=data_name(options),
        train=len(selection.training),
        validation=len(selection.validation),
        test=sum(file.part == "test" and file.path not in seen for file in files),
        split=selection.split,
        split_seed=selection.seed,
        sha256=data_hash(files),
        synthetic=options.recipe.synthetic,
        source=visible(options.source),
    )
