"""What an audit does to a captcha: read it zero-shot, or learn from some samples and read it then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from model_zoo.cards import find_card
from model_zoo.constraints import Constraints
from model_zoo.errors import ConstraintError, DataError
from model_zoo.seen import training_images
from model_zoo.solver import load_solver
from model_zoo.split import LabelledFile
from model_zoo.style import tuning
from model_zoo.style.audit_plan import Draw
from model_zoo.style.samples_text import case_of

START = "generic"


@dataclass(frozen=True)
class LabelFormat:
    """What is known of the answers without having learnt from an image: what everybody sees.

    Attributes:
        charset: the characters of the labels.
        min_length: the fewest characters of a label.
        max_length: the most.
    """

    charset: str
    min_length: int
    max_length: int


@dataclass(frozen=True)
class Outcome:
    """What was read, one text an image.

    Attributes:
        texts: in the order of the images; empty where nothing could be read.
        probabilities: of the texts.
        seconds: trained.
        epochs: trained.
        stopped: why it ended, for people.
        out_of_time: whether time ended it.
    """

    texts: tuple[str, ...]
    probabilities: tuple[float, ...]
    seconds: float = 0.0
    epochs: int = 0
    stopped: str = "not trained"
    out_of_time: bool = False


class Attacker(Protocol):
    """Someone who reads captchas; tests have a quick one."""

    def model(self) -> str:
        """NAME@FINGERPRINT of what it begins with."""

    def knows_none_of(self, files: Sequence[LabelledFile]) -> bool:
        """Whether it begins without having learnt from any of these images; False where nobody knows.

        Raises:
            DataError: it has learnt from some of them.
        """

    def zero_shot(self, test: Sequence[LabelledFile], known: LabelFormat) -> Outcome:
        """Read without having learnt from any image of the captcha."""

    def fine_tuned(
        self,
        draw: Draw,
        test: Sequence[LabelledFile],
        known: LabelFormat,
        *,
        seconds: float,
        seed: int,
        on_epoch: Callable[[float], None],
    ) -> Outcome:
        """Learn from the draw alone for so long at most, then read; `on_epoch` gets seconds now and then."""


class Ours:
    """The attacker that `model-zoo train` gives to everybody: the same start, the same recipe."""

    def model(self) -> str:
        """Raises ModelNotFound where it did not come along."""
        card = find_card(START).card
        return f"{card.name}@{card.fingerprint}"

    def knows_none_of(self, files: Sequence[LabelledFile]) -> bool:
        """Another model called `generic` may stand in a zoo of the user's own.

        Raises:
            CardError: the model's list of images is not that of its card.
            DataError: the model was trained on some of them.
            ModelNotFound: there is no such model.
        """
        start = find_card(START)
        images = training_images(start.card, start.directory)
        if images is None:
            return False
        if seen := sum(images.has_digest(file.sha256) for file in files):
            raise DataError(
                f"model {START!r} in {str(start.directory)!r} was trained on {seen:,} of the {len(files):,} "
                "images, so nobody would learn from the audit how it reads new ones; take it out of "
                "CAPTCHAFLEET_ZOO, which leaves the one that is shipped"
            )
        return True

    def zero_shot(self, test: Sequence[LabelledFile], known: LabelFormat) -> Outcome:
        """Within the charset and the lengths; characters that the model lacks cannot be read."""
        case = case_of([known.charset])
        constraints = Constraints(
            known.charset,
            min_length=known.min_length,
            max_length=known.max_length,
            ignore_case=case in ("lower", "upper"),  # such labels may be those of pictures with both
        )
        try:
            predictions = load_solver(START).solve([file.path for file in test], constraints)
        except ConstraintError:  # none of the characters, or lengths beyond its time steps
            return Outcome(("",) * len(test), (0.0,) * len(test))
        texts = [it.text or "" for it in predictions]
        if case == "upper":
            texts = [text.upper() for text in texts]
        return Outcome(tuple(texts), tuple(it.probability or 0.0 for it in predictions))

    def fine_tuned(
        self,
        draw: Draw,
        test: Sequence[LabelledFile],
        known: LabelFormat,
        *,
        seconds: float,
        seed: int,
        on_epoch: Callable[[float], None],
    ) -> Outcome:
        """By `tuning.tune`, and within the charset and the lengths that the zero-shot reader is told, too."""
        tuned = tuning.tune(
            draw.training,
            draw.validation,
            seconds=seconds,
            seed=seed,
            start=START,
            charset=known.charset,
            on_epoch=lambda epoch: on_epoch(epoch.seconds),
        )
        told = replace(tuned, length=(known.min_length, known.max_length))
        readings = tuning.read_with(told, test)
        return Outcome(
            tuple(it.text for it in readings),
            tuple(it.probability for it in readings),
            tuned.seconds,
            tuned.epochs[-1].epoch if tuned.epochs else 0,
            tuned.stopped,
            tuned.out_of_time,
        )
