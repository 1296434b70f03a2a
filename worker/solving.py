"""From a batch of bytes to its answers: a plain function, without a queue, and the model it takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from model_zoo.cards import DEFAULT_MODEL, ModelCard, find_card
from model_zoo.constraints import Constraints, parse_constraints
from model_zoo.errors import ConstraintError, DeviceError, ZooError
from model_zoo.language import compile_language
from model_zoo.lexicon import Lexicon
from model_zoo.members import verify_model
from worker.contract import (
    Answer,
    AnswerError,
    Batch,
    Candidate,
    ContractError,
    ImageItem,
    JobOptions,
    decode_lexicon,
)

if TYPE_CHECKING:
    from model_zoo.seen import TrainingImages
    from model_zoo.solver import Prediction, Solver
    from worker.settings import Settings

__all__ = [
    "ConstraintError",
    "DeviceLost",
    "LexiconMissing",
    "Lexicons",
    "ZooError",
    "answers_of",
    "card_facts",
    "job_constraints",
    "load",
    "served_card",
    "solve_batch",
]

log = logging.getLogger(__name__)

# Two jobs may take turns on one worker; a million words take 150 MB, compiled.
_LEXICONS_KEPT = 2


class DeviceLost(Exception):  # noqa: N818 - names say what happened
    """After an error CUDA refuses all that follows in the same process; only a new process helps."""


class LexiconMissing(Exception):  # noqa: N818
    """The lexicon that a job's options name is not in Redis, or no longer whole there."""


class Lexicons:
    """The lexicons of the last jobs, so that one is fetched and sorted once, not with every batch.

    Args:
        fetch: the stored lexicon of a job, None where there is none; see `Store.lexicon`.
    """

    def __init__(self, fetch: Callable[[str], bytes | None]) -> None:
        self._fetch = fetch
        self._kept: dict[str, Lexicon] = {}

    def get(self, job_id: str, digest: str) -> Lexicon:
        """The lexicon of that digest, from the job if it is not at hand.

        Raises:
            LexiconMissing: it is not there, or not as its digest says.
        """
        found = self._kept.pop(digest, None) or self._fetched(job_id, digest)
        self._kept[digest] = found  # the last one used stands last
        while len(self._kept) > _LEXICONS_KEPT:
            del self._kept[next(iter(self._kept))]
            _forget_compiled()
        return found

    def _fetched(self, job_id: str, digest: str) -> Lexicon:
        if (data := self._fetch(job_id)) is None:
            raise LexiconMissing("the lexicon is not there")
        try:
            lexicon = Lexicon.from_text(decode_lexicon(data, digest))
        except (ContractError, ConstraintError) as error:
            raise LexiconMissing(str(error)) from error
        log.info("lexicon %.8s: %d words", digest, len(lexicon.words))
        return lexicon


def _forget_compiled() -> None:
    """Empty the zoo's caches, which would keep the words of eight lexicons; what is needed compiles again."""
    from model_zoo.exact.tables import tabulate

    compile_language.cache_clear()
    tabulate.cache_clear()


def job_constraints(job_id: str, options: JobOptions, lexicons: Lexicons) -> Constraints:
    """What the job allows; the producer has merged what it wants with what the model's card says.

    Raises:
        ConstraintError: texts that mean nothing; producers check them before they send.
        LexiconMissing: the job's lexicon is not there, or not whole.
    """
    lexicon = None if options.lexicon is None else lexicons.get(job_id, options.lexicon)
    return parse_constraints(
        options.charset, options.length, options.pattern, options.regex, lexicon, options.ignore_case
    )


def served_card(settings: Settings) -> ModelCard:
    """The card of the model that these settings serve, after a check of its weights; imports no torch.

    Raises:
        ZooError: no such model, or weights that are not the card's.
    """
    card, directory = find_card(settings.model or DEFAULT_MODEL)
    verify_model(card, directory)
    return card


def card_facts(card: ModelCard) -> dict[str, Any]:
    """The card as it is announced to producers, which have no zoo."""
    return card.to_object()


def load(settings: Settings) -> Solver:
    """The solver of these settings, after one blank image, so that the first batch pays no start-up.

    Raises:
        ZooError: a model or a device that is not there.
    """
    import torch

    from model_zoo.images.batch import warm_up
    from model_zoo.solver import load_solver

    name = settings.model or DEFAULT_MODEL
    solver = load_solver(name, settings.device, settings.precision, settings.runtime)
    solver.use_threads(torch.get_num_threads())
    warm_up()
    _solve_blank(solver)
    return solver


def solve_batch(
    batch: Batch, options: JobOptions, constraints: Constraints, solver: Solver, micro_batch: int | None
) -> tuple[Answer, ...]:
    """One answer per image of the batch, in order; an image that fails costs its own answer alone.

    Raises:
        ConstraintError: options that the model cannot satisfy; producers check them before they send.
        DeviceLost: the device answers nothing any more, so that no image is to blame.
    """
    started = time.monotonic()
    try:
        answers = _solve(batch.items, options, constraints, solver, micro_batch)
    except ConstraintError:
        raise
    except Exception:
        # Whatever it is, one image among hundreds may be the cause: find it by taking each alone.
        log.exception("batch %s failed as a whole; its images are now read one by one", batch.id)
        _check_device(solver)
        answers = tuple(_solve_alone(item, options, constraints, solver) for item in batch.items)
    log.info("batch %s: %d images in %.3f s", batch.id, len(answers), time.monotonic() - started)
    return answers


def _check_device(solver: Solver) -> None:
    if solver.device.type == "cpu":
        return
    try:
        _solve_blank(solver)
    except (DeviceError, RuntimeError) as error:  # the first: no memory even for one image
        raise DeviceLost(f"device {solver.device} answers nothing any more: {error}") from error


def _solve_blank(solver: Solver) -> None:
    import numpy as np

    blank = np.zeros((solver.card.height, solver.card.width), dtype=np.uint8)
    # By the decoder that jobs use unless they name another: its core may have to be compiled.
    solver.solve([blank], decoder="exact")


def _solve(
    items: tuple[ImageItem, ...],
    options: JobOptions,
    constraints: Constraints,
    solver: Solver,
    micro_batch: int | None,
) -> tuple[Answer, ...]:
    from model_zoo.preprocess import ImageLimits

    predictions = solver.solve(
        [item.data for item in items],
        constraints,
        decoder=options.decoder,
        beam_width=options.beam_width,
        n_best=options.n_best,
        micro_batch=micro_batch,
        limits=ImageLimits(max_bytes=options.max_image_bytes),
    )
    return answers_of(items, predictions, solver.training_images)


def _solve_alone(item: ImageItem, options: JobOptions, constraints: Constraints, solver: Solver) -> Answer:
    try:
        return _solve((item,), options, constraints, solver, 1)[0]
    except Exception as error:
        log.exception("image %d failed", item.id)
        message = f"the worker failed on this image with {type(error).__name__}: {error}"
        return Answer(item.id, error=AnswerError("worker_error", message[:500]))


def answers_of(
    items: Sequence[ImageItem], predictions: Sequence[Prediction], known: TrainingImages | None
) -> tuple[Answer, ...]:
    """What a solver says of a batch's images, in the words of the wire.

    Args:
        items: the images.
        predictions: of them, in the same order.
        known: what the model was trained on; None where nobody knows.
    """
    return tuple(
        [
            _answer(item.id, found, None if known is None else known.has(item.data))
            for item, found in zip(items, predictions, strict=True)
        ]
    )


def _answer(image_id: int, found: Prediction, seen: bool | None) -> Answer:
    if found.error is not None:
        return Answer(image_id, error=AnswerError(found.error.code, found.error.message), seen=seen)
    return Answer(
        image_id,
        found.text,
        found.probability,
        tuple([Candidate(each.text, each.probability) for each in found.n_best]),
        None,
        found.proven,
        found.allowed_mass,
        found.probability_high,
        seen,
    )
