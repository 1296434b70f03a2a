"""How a job's images are read: what it asked for, and what the model's card adds once the model is known.

`resolve` is where the two come together, for sending and for reports alike; workers are told the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from model_zoo.constraint_texts import ConstraintTexts, merge
from model_zoo.errors import ConstraintError
from model_zoo.language import compile_language
from model_zoo.lexicon import Lexicon
from model_zoo.words import DroppedWords
from producer.errors import UsageError
from worker.contract import JobOptions

_KEPT_BY: dict[str, tuple[str, ...]] = {
    "exact": ("charset", "length", "pattern", "regex", "lexicon"),
    "beam": ("charset", "length"),
    "greedy": ("charset",),
    "alignment-beam": ("charset",),
}


@dataclass(frozen=True)
class Reading:
    """How images are read, card and job taken together.

    Attributes:
        options: what workers are told: the job's options with the constraints that hold.
        from_card: the kinds of constraints that the model's card added.
    """

    options: JobOptions
    from_card: tuple[str, ...] = ()


def texts_of(options: JobOptions) -> ConstraintTexts:
    """The constraints among a job's options, but for its lexicon."""
    return ConstraintTexts(**{kind: getattr(options, kind) for kind in ConstraintTexts.kinds()})


def check_decoder(options: JobOptions) -> None:
    """Refuse a decoder that cannot do what else is asked for.

    Raises:
        UsageError: a constraint that it does not keep, or more readings than it finds.
    """
    if lost := _not_kept(options):
        named = " and ".join(f"--{kind}" for kind in lost)
        raise UsageError(
            f"--decoder {options.decoder} cannot keep {named}; --decoder exact keeps every constraint"
        )
    if options.n_best > 1 and options.decoder in ("greedy", "alignment-beam"):
        raise UsageError(
            f"--n-best {options.n_best} needs --decoder exact or beam; {options.decoder} gives one reading"
        )
    if options.decoder == "beam" and options.n_best > options.beam_width:
        raise UsageError(
            f"--n-best {options.n_best} is more than --beam-width {options.beam_width}; "
            "a beam holds no more readings"
        )


def resolve(options: JobOptions, model: str, card: Mapping[str, Any], unconstrained: bool) -> Reading:
    """What the job asks for, and the constraints of the model's card of which it names none of that kind.

    Args:
        options: of the job.
        model: the model's name, for messages.
        card: as a worker announced it.
        unconstrained: whether the card's constraints are left out.

    Raises:
        UsageError: a card that this version cannot read, or whose constraints the job's decoder cannot keep.
    """
    if card.get("constraints") is None or unconstrained:
        return Reading(options)
    try:
        merged = merge(texts_of(options), ConstraintTexts.from_object(card["constraints"]))
    except ConstraintError as error:
        raise UsageError(f"model {model}: its card cannot be used: {error}") from error
    texts = merged.texts
    effective = replace(
        options, charset=texts.charset, length=texts.length, pattern=texts.pattern, regex=texts.regex
    )
    if lost := _not_kept(effective):
        raise UsageError(
            f"model {model}: --decoder {options.decoder} cannot keep the {' and '.join(lost)} of its card; "
            "give --decoder exact or --unconstrained"
        )
    return Reading(effective, merged.from_card)


def check_feasible(
    reading: Reading, lexicon: Lexicon | None, model: str, card: Mapping[str, Any]
) -> DroppedWords:
    """Refuse, before anything is sent, what the model cannot answer.

    Args:
        reading: how the images are to be read.
        lexicon: of the job.
        model: the model's name, for messages.
        card: as a worker announced it.

    Returns:
        The words of the lexicon that no answer can be.

    Raises:
        UsageError: constraints that allow nothing the model could answer.
    """
    try:
        constraints = texts_of(reading.options).parse(lexicon, reading.options.ignore_case)
        return compile_language(constraints, str(card["charset"]), int(card["time_steps"])).dropped
    except ConstraintError as error:
        added = f" (its card adds: {', '.join(reading.from_card)})" if reading.from_card else ""
        raise UsageError(f"model {model}: {error}{added}") from error


def _not_kept(options: JobOptions) -> list[str]:
    """The kinds of constraints that the decoder does not keep."""
    given = [kind for kind in _KEPT_BY["exact"] if getattr(options, kind) is not None]
    return [kind for kind in given if kind not in _KEPT_BY[options.decoder]]
