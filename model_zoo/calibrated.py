"""A card with a temperature: fitted to labelled images that the model was not fitted to, then measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from model_zoo.atomic import write_whole
from model_zoo.calibration import (
    Bools,
    Floats,
    calibration,
    check_enough_right,
    fit_temperature,
    precision,
)
from model_zoo.card_parts import Accuracy
from model_zoo.cards import ModelCard, find_card
from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.constraints import Constraints
from model_zoo.decode import NO_CONSTRAINTS, decode
from model_zoo.errors import DataError
from model_zoo.evaluate import check_record, check_unseen
from model_zoo.frames import temper
from model_zoo.solver import Solver, load_solver
from model_zoo.split import LabelledFile
from model_zoo.statistics import wilson_interval

# These follow single paths, whose ranks no temperature changes, so their answers stay what they were.
_KEPT_DECODERS = ("greedy", "alignment-beam")


@dataclass(frozen=True)
class Calibrated:
    """The card before and after."""

    old: ModelCard
    new: ModelCard


def calibrate(
    name_or_path: str, files: Sequence[LabelledFile], part: str, device: str = "auto"
) -> Calibrated:
    """Fit a temperature, measure with it, and write both into the model's card.

    The temperature is part of the model, so the model has another fingerprint afterwards. What the card said
    of answers whose probabilities it changes goes; the exact decoder's accuracy on these images comes.

    Args:
        name_or_path: of the model; its card must be writable.
        files: labelled images of one part, none that the model was fitted to.
        part: their part.
        device: where the model runs.

    Raises:
        DataError: the training part, a read-only card, too few answers that are right, labels that fit no
            temperature.
        ZooError: as for `load_solver`.
    """
    check_record(name_or_path, [part])
    solver = load_solver(name_or_path, device, "float32")
    check_unseen(solver.training_images, files)
    old, directory = find_card(name_or_path)
    readable, raw = _raw(solver, files)
    labels = [solver.charset.encode(file.label) for file in readable]
    before = _judge(solver, raw, readable)
    check_enough_right(before[1])
    temperature = round(fit_temperature(raw, labels), 4)
    after = _judge(solver, temper(raw, temperature), readable)
    kept = tuple(it for it in old.accuracy if it.decoder in _KEPT_DECODERS)
    new = with_figures(replace(old, temperature=temperature, accuracy=kept), part, len(files), before, after)
    write_whole(directory / f"{old.name}.json", new.to_json().encode())
    return Calibrated(old, new)


def with_figures(
    card: ModelCard,
    part: str,
    n: int,
    before: tuple[Floats, Bools],
    after: tuple[Floats, Bools],
    constraints: ConstraintTexts | None = None,
) -> ModelCard:
    """The card with one part's figures of the exact decoder: accuracy, calibration and precision.

    Args:
        card: whose other figures of accuracy stay.
        part: of the images.
        n: images, those that cannot be read included: they count as wrong.
        before: the probability of each answer at temperature 1, and whether that answer is right.
        after: likewise at the card's temperature, under which another answer may be the most probable.
        constraints: what the answers were known to keep.
    """
    right = int(after[1].sum())
    exact = Accuracy(part, "exact", right / n, *wilson_interval(right, n), n, None, constraints)
    return replace(
        card,
        accuracy=(*card.accuracy, exact),
        calibration=(calibration(part, before, after, constraints=constraints),),
        precision=(precision(part, *after, constraints=constraints),),
    )


def _raw(solver: Solver, files: Sequence[LabelledFile]) -> tuple[list[LabelledFile], torch.Tensor]:
    """The files that can be read, and their log-probabilities at temperature 1, (N, T, C)."""
    batch, errors = solver.preprocess([file.path for file in files])
    readable = [file for file, error in zip(files, errors, strict=True) if error is None]
    if not readable:
        raise DataError("none of the images can be read; a temperature is fitted to labelled images")
    size = solver.micro_batch
    parts = [batch[start : start + size] for start in range(0, len(batch), size)]
    return readable, torch.cat([solver.raw_log_probs(part).cpu() for part in parts])


def _judge(solver: Solver, log_probs: torch.Tensor, files: Sequence[LabelledFile]) -> tuple[Floats, Bools]:
    """The exact decoder's probabilities, and whether its answers are right, under the card's constraints."""
    texts = solver.card.constraints
    constraints: Constraints = NO_CONSTRAINTS if texts is None else texts.parse()
    found = decode(log_probs, solver.charset, constraints, method="exact")
    probabilities = np.array([item.probability for item in found])
    return probabilities, np.array([it.text == file.label for it, file in zip(found, files, strict=True)])
