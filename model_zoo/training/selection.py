"""Which labelled images of a folder are trained on, and which only measured."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model_zoo.errors import DataError
from model_zoo.split import PARTS, RULE, LabelledFile

RANDOM_SHARE = 0.1  # the post's share of validation images


@dataclass(frozen=True)
class Selection:
    """Some files of a folder.

    Attributes:
        training: what is trained on; may be empty.
        validation: what is measured after every epoch; may be empty.
        split: how they were chosen, in words for the card.
        seed: that chose them; None where a rule did.
    """

    training: tuple[LabelledFile, ...]
    validation: tuple[LabelledFile, ...]
    split: str
    seed: int | None = None


def select(
    files: Sequence[LabelledFile], parts: str, validation: str, seed: int, folder: Path | None = None
) -> Selection:
    """Choose files.

    Args:
        files: of the folder.
        parts: trained on, like `train`, `all`, `none` or `2-9`, see `part_numbers`.
        validation: measured, likewise; `rest` for the validation part where it is not trained on; `random`
            for a tenth of all images, drawn with the seed, while all others are trained on.
        seed: of the draw.
        folder: of the files, for messages.

    Raises:
        DataError: parts that are unknown, that overlap or that hold no image, or parts beside `random`.
    """
    if validation == "random":
        if parts not in ("train", "all"):
            raise DataError(
                f"--validation random trains on all other images, not on --parts {parts}; leave one of them "
                "out"
            )
        return _at_random(files, seed)
    trained = part_numbers(parts)
    measured = PARTS["validation"] if validation == "rest" else part_numbers(validation)
    if validation == "rest":
        measured = tuple(number for number in measured if number not in trained)
    if both := sorted(set(trained) & set(measured)):
        raise DataError(
            f"part {both[0]} would be trained on and validated on; give other --parts or --validation"
        )
    chosen = Selection(_of(files, trained), _of(files, measured), _in_words(parts, trained, measured))
    if trained and not chosen.training:
        raise DataError(f"no image falls into {parts}; add more images, each part has about one in ten")
    if measured and not chosen.validation:
        raise DataError(_nothing_to_measure(validation, len(files), folder))
    return chosen


def part_numbers(text: str) -> tuple[int, ...]:
    """The parts that a text names: `all`, `none`, names and numbers like `train`, `2-9` or `test,3`.

    Raises:
        DataError: a text that names none.
    """
    if text in ("all", "none"):
        return tuple(range(10)) if text == "all" else ()
    numbers: set[int] = set()
    for piece in text.split(","):
        low, dash, high = piece.partition("-")
        if piece in PARTS:
            numbers.update(PARTS[piece])
        elif _is_digit(low) and (not dash or _is_digit(high)) and int(low) <= int(high or low):
            numbers.update(range(int(low), int(high or low) + 1))
        else:
            raise DataError(
                f"parts {text!r} are unknown; give all, none, {', '.join(PARTS)}, or numbers from 0 to 9 "
                "like 2-9 or 0,1"
            )
    return tuple(sorted(numbers))


def _nothing_to_measure(validation: str, n: int, folder: Path | None) -> str:
    usual = validation in ("rest", "validation")
    where = "the validation part" if usual else f"--validation {validation}"
    there = "the folder" if folder is None else repr(str(folder))
    return (
        f"no image falls into {where}: {there} holds {n} image{'s' * (n != 1)}, and each part has about one "
        "in ten; add more images"
    )


def _is_digit(text: str) -> bool:
    return len(text) == 1 and text in "0123456789"


def _of(files: Sequence[LabelledFile], numbers: Sequence[int]) -> tuple[LabelledFile, ...]:
    return tuple(file for file in files if file.part_number in numbers)


def _at_random(files: Sequence[LabelledFile], seed: int) -> Selection:
    """A tenth, rounded down, drawn from the files in the order of their sha256: whatever their names."""
    ordered = sorted(files, key=lambda file: file.sha256)
    count = int(RANDOM_SHARE * len(ordered))
    drawn = set(random.Random(f"validation:{seed}").sample(range(len(ordered)), count))
    if not drawn:
        raise DataError(f"a tenth of {len(ordered)} images is none; give at least 10 for --validation random")
    return Selection(
        tuple(file for number, file in enumerate(ordered) if number not in drawn),
        tuple(file for number, file in enumerate(ordered) if number in drawn),
        f"validation is {count} of {len(ordered)} images drawn with the seed; all others are trained on",
        seed,
    )


def _in_words(parts: str, trained: Sequence[int], measured: Sequence[int]) -> str:
    if (tuple(trained), tuple(measured)) == (PARTS["train"], PARTS["validation"]):
        return RULE
    numbers = ", ".join(map(str, measured)) or "none"
    return (
        f"{RULE.partition(';')[0]}; trained on {', '.join(map(str, trained)) or 'none'}, validation {numbers}"
    )
