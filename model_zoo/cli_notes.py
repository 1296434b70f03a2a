"""What the commands say beside an answer: how sure it is, and what the model cannot answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from model_zoo.cards import ModelCard
from model_zoo.constraint_texts import dropped_note
from model_zoo.constraints import Constraints, range_advice
from model_zoo.errors import ConstraintError
from model_zoo.folding import fold_charset
from model_zoo.language import compile_language
from model_zoo.sure import is_unsure
from model_zoo.visible import visible, visible_character

if TYPE_CHECKING:
    from model_zoo.solver import Prediction

# Below it the image likely shows something else than what is allowed; a report warns at the same.
SCANT_MASS = 1e-3

# Ends of an interval that differ by less are one figure.
_NARROW = 1.01


def figure(probability: float) -> str:
    """A probability with four places, or with two digits where those would be lost."""
    return f"{probability:.4f}" if probability >= 1e-3 else f"{probability:.2g}"


def answer_lines(
    file: Path, prediction: Prediction, decoder: str, min_probability: float | None = None
) -> Iterator[str]:
    """For each reading of an image: file, text, probability, and what speaks against it, between tabs.

    Args:
        file: of the image.
        prediction: of it.
        decoder: one of `DECODERS`; of them `exact` alone proves, so the others have nothing to admit.
        min_probability: answers below it are unsure; None: all are sure.
    """
    low, high = prediction.probability, prediction.probability_high
    is_wide = low is not None and high is not None and high > _NARROW * low
    remarks = ["unsure"] if is_unsure(low, min_probability) else []
    if decoder == "exact" and prediction.proven is False:
        remarks.append("not proven")
    if prediction.allowed_mass is not None and prediction.allowed_mass < SCANT_MASS:
        least = "at least " if is_wide else ""
        remarks.append(f"the model gives all allowed texts {least}{prediction.allowed_mass:.1g} together")
    for number, candidate in enumerate(prediction.n_best):
        probability = figure(candidate.probability)
        cells = [visible(str(file)), candidate.text, probability]
        if is_wide and high is not None:
            cells[2] = f"at least {probability}" if number else f"{probability} to {figure(high)}"
        if remarks and not number:
            cells.append(f"({'; '.join(remarks)})")
        yield "\t".join(cells)


def note_foreign(constraints: Constraints, card: ModelCard) -> None:
    """Say which wished characters and words the model cannot answer: a wrong answer would not tell."""
    charset = card.charset
    if constraints.lexicon is not None:
        dropped = compile_language(constraints, charset, card.time_steps).dropped
        if note := dropped_note(dropped, len(constraints.lexicon.words)):
            click.echo(note, err=True)
    wished = constraints.charset or ""
    if constraints.ignore_case:
        charset, wished = fold_charset(charset), fold_charset(wished)
    foreign = [char for char in wished if char not in charset]
    if foreign and len(foreign) < len(wished):  # without any in common it is refused
        shown = "".join(visible_character(char) for char in foreign)
        advice = range_advice(wished) if "-" in foreign else ""
        click.echo(f"the model cannot answer: {shown}{advice}", err=True)


@contextmanager
def naming_the_cards(kinds: Sequence[str]) -> Iterator[None]:
    """Let a refusal inside name the constraints that the model's card adds: the user never typed them.

    Raises:
        ConstraintError: what is raised inside, with these words.
    """
    try:
        yield
    except ConstraintError as error:
        if not kinds:
            raise
        added = f"the model's card adds: {', '.join(kinds)}; --unconstrained leaves that out"
        raise ConstraintError(f"{error} ({added})") from error


def ruled_out(labels: Sequence[str], constraints: Constraints, card: ModelCard) -> int:
    """How many labels no answer can be, for the constraints or for the model's characters."""
    language = compile_language(constraints, card.charset, card.time_steps)
    return sum(not language.allows(label) for label in labels)
