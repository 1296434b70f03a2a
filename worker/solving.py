"""From a batch of bytes to its answers: a plain function, without a queue, and the model it takes."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from model_zoo.cards import DEFAULT_MODEL, ModelCard, find_card, verify_weights
from model_zoo.constraints import parse_constraints
from model_zoo.errors import ConstraintError, ZooError
from worker.contract import (
    Answer,
    AnswerError,
    Batch,
    Candidate,
    ImageItem,
    JobOptions,
)

if TYPE_CHECKING:
    from model_zoo.solver import Prediction, Solver
    from worker.settings import Settings

__all__ = ["ConstraintError", "DeviceLost", "ZooError", "card_facts", "load", "served_card", "solve_batch"]

log = logging.getLogger(__name__)


class DeviceLost(Exception):  # noqa: N818 - names say what happened
    """After an error CUDA refuses all that follows in the same process; only a new process helps."""


def served_card(settings: Settings) -> ModelCard:
    """The card of the model that these settings serve, after a check of its weights; imports no torch.

    Raises:
        ZooError: no such model, or weights that are not the card's.
    """
    card, directory = find_card(settings.model or DEFAULT_MODEL)
    verify_weights(card, directory)
    return card


def card_facts(card: ModelCard) -> dict[str, Any]:
    """The card as it is announced to producers, which have no zoo."""
    return asdict(card)


def load(settings: Settings) -> Solver:
    """The solver of these settings, after one blank image, so that the first batch pays no start-up.

    Raises:
        ZooError: a model or a device that is not there.
    """
    import torch

    from model_zoo.solver import load_solver

    solver = load_solver(settings.model or DEFAULT_MODEL, settings.device, settings.precision)
    solver.use_threads(torch.get_num_threads())
    _solve_blank(solver)
    return solver


def solve_batch(
    batch: Batch, options: JobOptions, solver: Solver, micro_batch: int | None
) -> tuple[Answer, ...]:
    """One answer per image of the batch, in order; an image that fails costs its own answer alone.

    Raises:
        ConstraintError: options that the model cannot satisfy; producers check them before they send.
        DeviceLost: the device answers nothing any more, so that no image is to blame.
    """
    started = time.monotonic()
    try:
        answers = _solve(batch.items, options, solver, micro_batch)
    except ConstraintError:
        raise
    except Exception:
        # Whatever it is, one image among hundreds may be the cause: find it by taking each alone.
        log.exception("batch %s failed as a whole; its images are now read one by one", batch.id)
        _check_device(solver)
        answers = tuple(_solve_alone(item, options, solver) for item in batch.items)
    log.info("batch %s: %d images in %.3f s", batch.id, len(answers), time.monotonic() - started)
    return answers


def _check_device(solver: Solver) -> None:
    if solver.device.type == "cpu":
        return
    try:
        _solve_blank(solver)
    except RuntimeError as error:
        raise DeviceLost(f"device {solver.device} answers nothing any more: {error}") from error


def _solve_blank(solver: Solver) -> None:
    import numpy as np

    solver.solve([np.zeros((solver.card.height, solver.card.width), dtype=np.uint8)])


def _solve(
    items: tuple[ImageItem, ...], options: JobOptions, solver: Solver, micro_batch: int | None
) -> tuple[Answer, ...]:
    from model_zoo.preprocess import ImageLimits

    predictions = solver.solve(
        [item.data for item in items],
        parse_constraints(options.charset, options.length),
        decoder=options.decoder,
        beam_width=options.beam_width,
        n_best=options.n_best,
        micro_batch=micro_batch,
        limits=ImageLimits(max_bytes=options.max_image_bytes),
    )
    return tuple(_answer(item, found) for item, found in zip(items, predictions, strict=True))


def _solve_alone(item: ImageItem, options: JobOptions, solver: Solver) -> Answer:
    try:
        return _solve((item,), options, solver, 1)[0]
    except Exception as error:
        log.exception("image %d failed", item.id)
        message = f"the worker failed on this image with {type(error).__name__}: {error}"
        return Answer(item.id, error=AnswerError("worker_error", message[:500]))


def _answer(item: ImageItem, found: Prediction) -> Answer:
    if found.error is not None:
        return Answer(item.id, error=AnswerError(found.error.code, found.error.message))
    n_best = tuple(Candidate(candidate.text, candidate.probability) for candidate in found.n_best)
    return Answer(item.id, found.text, found.probability, n_best)
