"""Out-of-fold figures for the card of a model that was trained on every image by the same recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model_zoo.atomic import write_whole
from model_zoo.calibration import Bools, Floats, calibration, fit_temperature, precision
from model_zoo.card_parts import Accuracy
from model_zoo.cards import ModelCard, find_card
from model_zoo.charset import Charset
from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.decode import NO_CONSTRAINTS, decode
from model_zoo.errors import DataError
from model_zoo.frames import temper
from model_zoo.training.differences import recipe_differences
from model_zoo.training.folds import FoldAnswer, read_answers, read_frames, read_how, share

PART = "out-of-fold"


@dataclass(frozen=True)
class _Folds:
    """One cross-validation: its answers, what its networks said, (N, T, C), and its seed."""

    answers: Sequence[FoldAnswer]
    frames: torch.Tensor
    seed: int


def record_folds(name_or_path: str, outs: Sequence[Path]) -> ModelCard:
    """Write what cross-validation found into a model's card.

    The model itself was trained on every image, so it has no figure of its own; what its recipe reaches on
    images that its networks never saw is the honest one. Each seed has its rows: the networks of two seeds
    read the same images, so their answers are not pooled. The temperature, and what the probabilities are
    worth, come from the first file. The temperature is part of the model: its fingerprint changes.

    Args:
        name_or_path: of the model; its card must be writable.
        outs: the CSVs of `folds.cross_validate`, one a seed.

    Returns:
        The card, as written.

    Raises:
        DataError: no such CSV, answers of another recipe, architecture or data than the model's, or two of
            one seed.
        ZooError: as for `find_card`.
    """
    card, directory = find_card(name_or_path)
    runs = [_read(card, out) for out in outs]
    seeds = [run.seed for run in runs]
    if twice := [seed for seed in seeds if seeds.count(seed) > 1]:
        raise DataError(f"two of the files have answers of seed {twice[0]}; give one file for each seed")
    length = ConstraintTexts(length=_span(card))
    first, charset = runs[0], Charset(card.charset)
    labels = [charset.encode(answer.label) for answer in first.answers]
    temperature = round(fit_temperature(first.frames, labels), 4)
    before, after = (_judge(first, charset, it) for it in (1.0, temperature))
    new = replace(
        card,
        temperature=temperature,
        accuracy=tuple(row for run in runs for row in _rows(run, length)),
        calibration=(calibration(PART, before, after, seed=first.seed),),
        precision=(precision(PART, *after, seed=first.seed),),
    )
    write_whole(directory / f"{card.name}.json", new.to_json().encode())
    return new


def _read(card: ModelCard, out: Path) -> _Folds:
    if not out.exists():
        raise DataError(f"{str(out)!r} is not there; give the CSV of cross-validate")
    how = read_how(out)
    wanted: dict[str, Any] = {
        "architecture": card.architecture,
        "data": card.data.sha256,
        "recipe": dict(card.recipe),
    }
    # Those made before the size was told have none.
    wanted |= {key: getattr(card, key) for key in ("height", "width") if key in how}
    for key, value in wanted.items():
        if how.get(key) != value and (named := _differences(how.get(key), value)) is not None:
            raise DataError(
                f"{str(out)!r} was made with another {key} than model {card.name!r}{named}; "
                "cross-validate with the options that the model was trained with"
            )
    answers, frames = read_answers(out), read_frames(out)
    if len(answers) != len(frames) or len(answers) != card.data.train:
        raise DataError(
            f"{str(out)!r} answers {len(answers)} images, model {card.name!r} was trained on "
            f"{card.data.train}; finish the cross-validation, and train on all parts"
        )
    return _Folds(answers, torch.from_numpy(frames), int(how["recipe"]["seed"]))


def _differences(had: Any, has: Any) -> str | None:
    """What differs, where both are recipes, "" where it goes without saying; None: nothing but the seed."""
    if not isinstance(had, dict) or not isinstance(has, dict):
        return ""
    found = recipe_differences(had, has, ignored=["seed"])
    return f" ({', '.join(found)})" if found else None


def _rows(run: _Folds, length: ConstraintTexts) -> list[Accuracy]:
    """Without and with knowledge of the length."""
    rows = []
    for constraints in (None, length):
        it = share(run.answers, length_known=constraints is not None)
        rows.append(Accuracy(PART, "exact", it.value, it.low, it.high, it.n, run.seed, constraints))
    return rows


def _span(card: ModelCard) -> str:
    low, high = card.min_length, card.max_length
    return str(low) if low == high else f"{low}-{high}"


def _judge(run: _Folds, charset: Charset, temperature: float) -> tuple[Floats, Bools]:
    """The exact decoder's probabilities at a temperature, and whether its answers are right."""
    found = decode(temper(run.frames, temperature), charset, NO_CONSTRAINTS)
    right = [text == answer.label for text, answer in zip(found.texts, run.answers, strict=True)]
    return np.exp(found.log_probs[:, 0]), np.array(right)
