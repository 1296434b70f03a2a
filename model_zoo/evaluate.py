"""How well a model reads images whose texts are known. The metrics are plain functions of texts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rapidfuzz.distance import Levenshtein

from model_zoo.atomic import write_whole
from model_zoo.cards import Accuracy, ModelCard, find_card
from model_zoo.constraints import Constraints
from model_zoo.decode import NO_CONSTRAINTS
from model_zoo.errors import DataError
from model_zoo.overlap import overlap_warning
from model_zoo.seen import TrainingImages
from model_zoo.solver import Solver
from model_zoo.split import LabelledFile
from model_zoo.statistics import wilson_interval
from model_zoo.sure import is_unsure


@dataclass(frozen=True)
class Reading:
    """What was read from one file; `text` is None where the file is no image.

    An answer below `--min-probability` is unsure. With `ignore_case` text and label are compared casefolded.
    """

    file: str
    part: str
    label: str
    text: str | None
    probability: float | None
    proven: bool | None = None
    unsure: bool = False
    ignore_case: bool = False

    @property
    def compared(self) -> tuple[str, str]:
        """Label and text as they are compared; no text is an empty one."""
        text = self.text or ""
        return (self.label.casefold(), text.casefold()) if self.ignore_case else (self.label, text)

    @property
    def has_right_text(self) -> bool:
        """Whether the whole text is the label."""
        label, text = self.compared
        return self.text is not None and text == label

    @property
    def is_right(self) -> bool:
        """Whether the whole text is the label, and the answer sure."""
        return self.has_right_text and not self.unsure


@dataclass(frozen=True)
class ExactMatch:
    """A share of images, with its 95 % Wilson interval; an unreadable image counts as wrong."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Sure:
    """What is left of the answers at a least probability.

    Attributes:
        min_probability: below it answers are unsure, and count as not right.
        unsure: how many are.
        unsure_right: of these, how many have the right text all the same.
        precision: share of the sure answers that are right; None without any.
        coverage: share of the images that have a sure answer.
    """

    min_probability: float
    unsure: int
    unsure_right: int
    precision: ExactMatch | None
    coverage: float


@dataclass(frozen=True)
class Evaluation:
    """The measurement of a model on some parts of a data set.

    Attributes:
        decoder: what read the images, one of `DECODERS`.
        exact_match: share of images whose whole text is right.
        character_accuracy: share of label positions with the right character at that position of the answer.
        character_error_rate: sum of edit distances over the sum of label lengths.
        errors: the readings that are neither right nor unsure.
        sure: what `--min-probability` sorts out; None without it.
    """

    decoder: str
    exact_match: ExactMatch
    character_accuracy: float
    character_error_rate: float
    errors: tuple[Reading, ...]
    sure: Sure | None = None


@dataclass(frozen=True)
class Overlap:
    """How much of what was measured the model was trained on.

    Attributes:
        seen: files that it was trained on.
        images: all files.
        exact_match_unseen: of the others alone; None where there is none.
    """

    seen: int
    images: int
    exact_match_unseen: ExactMatch | None

    @property
    def warning(self) -> str | None:
        """A sentence where there is any."""
        return overlap_warning(self.seen, self.images)


def overlap(
    known: TrainingImages | None, files: Sequence[LabelledFile], readings: Sequence[Reading]
) -> Overlap | None:
    """Tell apart what the model was trained on.

    Args:
        known: the model's training images; None where nobody knows them.
        files: that were read.
        readings: of the files, in their order.
    """
    if known is None:
        return None
    pairs = zip(files, readings, strict=True)
    unseen = [reading for file, reading in pairs if not known.has_digest(file.sha256)]
    return Overlap(len(files) - len(unseen), len(files), _exact_match(unseen) if unseen else None)


def read_files(
    solver: Solver,
    files: Sequence[LabelledFile],
    constraints: Constraints = NO_CONSTRAINTS,
    *,
    decoder: str | None = None,
    beam_width: int | None = None,
    min_probability: float | None = None,
) -> list[Reading]:
    """Let the model read every file; options as for `Solver.solve`, and what makes an answer unsure."""
    paths = [file.path for file in files]
    predictions = solver.solve(paths, constraints, decoder=decoder, beam_width=beam_width)
    return [
        Reading(
            file.path.name,
            file.part,
            file.label,
            it.text,
            it.probability,
            it.proven,
            it.text is not None and is_unsure(it.probability, min_probability),
            constraints.ignore_case,
        )
        for file, it in zip(files, predictions, strict=True)
    ]


def measure(readings: Sequence[Reading], decoder: str, min_probability: float | None = None) -> Evaluation:
    """The figures over some readings, at least one, which were judged by `min_probability`."""
    pairs = [reading.compared for reading in readings]
    characters = sum(len(label) for label, _ in pairs)
    in_place = sum(wanted == got for pair in pairs for wanted, got in zip(*pair, strict=False))
    distance = sum(Levenshtein.distance(label, text) for label, text in pairs)
    return Evaluation(
        decoder=decoder,
        exact_match=_exact_match(readings),
        character_accuracy=in_place / characters,
        character_error_rate=distance / characters,
        errors=tuple(reading for reading in readings if not (reading.is_right or reading.unsure)),
        sure=None if min_probability is None else _sure(readings, min_probability),
    )


def _sure(readings: Sequence[Reading], min_probability: float) -> Sure:
    unsure = [reading for reading in readings if reading.unsure]
    sure = [reading for reading in readings if reading.text is not None and not reading.unsure]
    return Sure(
        min_probability,
        len(unsure),
        sum(reading.has_right_text for reading in unsure),
        _exact_match(sure) if sure else None,
        len(sure) / len(readings),
    )


def check_record(name_or_path: str, parts: Iterable[str]) -> None:
    """Refuse, before any image is read, what `record` would not write.

    Raises:
        DataError: the training part, or a card that cannot be written.
    """
    if "train" in parts:
        raise DataError(
            "the accuracy on images that a model was trained on is no measure of it and is not recorded; "
            "leave --part train or --record out"
        )
    card, directory = find_card(name_or_path)
    path = directory / f"{card.name}.json"
    if not (os.access(path, os.W_OK) and os.access(directory, os.W_OK)):
        raise DataError(f"card {str(path)!r} is read-only; copy the model to a folder of your own")


def check_unseen(known: TrainingImages | None, files: Sequence[LabelledFile]) -> None:
    """Refuse to record what images are part of that the model was trained on, whatever their part is called.

    Raises:
        DataError: there is such an image.
    """
    if seen := sum(known is not None and known.has_digest(file.sha256) for file in files):
        raise DataError(
            f"{seen:,} of {len(files):,} images were in this model's training data: what they give is no "
            "measure of it and is not recorded; choose others"
        )


def record(name_or_path: str, readings: Sequence[Reading], decoder: str) -> ModelCard:
    """Write the accuracy of each part into the model's card, in place of what stood there for that decoder.

    The fingerprint leaves the accuracy out, so the model stays the same to workers and producers.

    Raises:
        DataError: what `check_record` refuses, or a card that could not be written after all.
    """
    parts = sorted({reading.part for reading in readings})
    check_record(name_or_path, parts)
    card, directory = find_card(name_or_path)
    kept = [it for it in card.accuracy if not (it.part in parts and it.decoder == decoder and _is_plain(it))]
    for part in parts:
        match = _exact_match([reading for reading in readings if reading.part == part])
        kept.append(Accuracy(part, decoder, match.value, match.low, match.high, match.n))
    updated = replace(card, accuracy=tuple(sorted(kept, key=lambda it: (it.part, it.decoder))))
    write_whole(directory / f"{card.name}.json", updated.to_json().encode())
    return updated


def _is_plain(row: Accuracy) -> bool:
    """Whether the row is of the model as it is: no other seed's, and without knowledge of the answer."""
    return row.seed is None and row.constraints is None


def _exact_match(readings: Sequence[Reading]) -> ExactMatch:
    right, n = sum(reading.is_right for reading in readings), len(readings)
    return ExactMatch(right / n, *wilson_interval(right, n), n)
