"""Constraints as the texts that a user types, a card holds and a message carries. Standard library only.

A model's card may name constraints that hold for every answer. What a job names itself stands in place of
the card's constraint of the same kind; `merge` is the one place where the two come together.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from model_zoo.constraints import Constraints, parse_constraints
from model_zoo.errors import ConstraintError
from model_zoo.lexicon import Lexicon
from model_zoo.words import DroppedWords


@dataclass(frozen=True)
class ConstraintTexts:
    """Constraints in words; None where there is none of a kind. A lexicon is no text and stands beside them.

    Attributes:
        charset: as given to `--charset`.
        length: as given to `--length`.
        pattern: as given to `--pattern`.
        regex: as given to `--regex`.
    """

    charset: str | None = None
    length: str | None = None
    pattern: str | None = None
    regex: str | None = None

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """The kinds of constraints, as their options and a card's fields are called."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def from_object(cls, content: object) -> ConstraintTexts:
        """The constraints in a card's JSON object.

        Raises:
            ConstraintError: no object, a kind that is unknown, or a text that is none.
        """
        if not isinstance(content, dict):
            raise ConstraintError(f"constraints are {content!r:.80}; expected an object")
        if unknown := sorted(set(content) - set(cls.kinds())):
            raise ConstraintError(
                f"constraints of an unknown kind: {', '.join(unknown)}; known are {', '.join(cls.kinds())}"
            )
        for kind, text in content.items():
            if not isinstance(text, str):
                raise ConstraintError(f"the constraint {kind} is {text!r:.80}; expected a text")
        return cls(**content)

    def to_object(self) -> dict[str, str]:
        """The constraints that there are, as a card's JSON object."""
        return {kind: text for kind in self.kinds() if (text := getattr(self, kind)) is not None}

    def parse(self, lexicon: Lexicon | None = None, ignore_case: bool = False) -> Constraints:
        """What they mean, together with the words that a lexicon allows, with or without case.

        Raises:
            ConstraintError: a text that means nothing.
        """
        return parse_constraints(self.charset, self.length, self.pattern, self.regex, lexicon, ignore_case)


@dataclass(frozen=True)
class Merged:
    """The constraints that hold, and the kinds of them that the model's card adds."""

    texts: ConstraintTexts
    from_card: tuple[str, ...] = ()


def merge(own: ConstraintTexts, card: ConstraintTexts | None, unconstrained: bool = False) -> Merged:
    """A job's own constraints over those of a model's card.

    Args:
        own: what the job names.
        card: what the card names; None where it names nothing.
        unconstrained: leave the card's out.
    """
    if card is None or unconstrained:
        return Merged(own)
    added = {kind: text for kind, text in card.to_object().items() if kind not in own.to_object()}
    return Merged(ConstraintTexts(**{**own.to_object(), **added}), tuple(added))


def dropped_note(dropped: DroppedWords, words: int) -> str | None:
    """A sentence on the words of a lexicon that the model cannot answer; None where it can answer all.

    Args:
        dropped: what `compile_language` left out.
        words: of the whole lexicon.
    """
    reasons = []
    if dropped.unreadable:
        reasons.append(f"{dropped.unreadable:,} for characters that it lacks")
    if dropped.too_long:
        reasons.append(f"{dropped.too_long:,} for their length")
    if not reasons:
        return None
    lost = dropped.unreadable + dropped.too_long
    return f"this model cannot answer {lost:,} of {words:,} words of the lexicon: {', '.join(reasons)}"
