"""The card of a model that was trained on a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from model_zoo.architectures.cost import count_parameters
from model_zoo.cards import Accuracy, ModelCard, TrainingData
from model_zoo.charset import Charset
from model_zoo.split import LabelledFile, data_hash
from model_zoo.statistics import wilson_interval
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
    return ModelCard(
        name=options.name,
        description=_description(options, run.charset, run.length),
        architecture=run.architecture,
        options=run.architecture_options,
        weights=f"{options.name}.safetensors",
        sha256=sha256,
        charset=run.charset.chars,
        height=options.height,
        width=options.width,
        mean=fit.normalise.mean,
        std=fit.normalise.std,
        time_steps=run.time_steps,
        decoder="exact",
        beam_width=10,
        min_length=run.length[0],
        max_length=run.length[1],
        data=_training_data(options, run.files, run.selection),
        recipe=asdict(fit.recipe),
        accuracy=() if exact_match is None else (_accuracy(exact_match, len(fit.validation or ())),),
        parameters=count_parameters(fit.network),
        flops_per_image=run.flops,
        licence=visible(options.licence),
    )


def _accuracy(share: float, n: int) -> Accuracy:
    low, high = wilson_interval(round(share * n), n)
    return Accuracy("validation", "greedy", share, low, high, n)


def _description(options: TrainOptions, charset: Charset, length: tuple[int, int]) -> str:
    span = f"{length[0]}" if length[0] == length[1] else f"{length[0]} to {length[1]}"
    if options.data is None and options.recipe.generator == "styles":
        return (
            f"Reads texts of {span} letters and digits in many styles; trained on generated images alone, a "
            "start for others."
        )
    return (
        f"Reads texts of {span} character{'s' * (length[1] > 1)}, each one of {charset.chars}, "
        f"from {options.width}x{options.height} images like {data_name(options)}."
    )


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
