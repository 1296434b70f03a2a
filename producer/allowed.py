"""What the constraints of a job let its model answer: labels beyond it could not be read right."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from model_zoo.language import Language


@dataclass(frozen=True)
class Rule:
    """A constraint and what it allows by itself.

    Attributes:
        name: for a note.
        texts: that it allows; None where that is not known of it alone.
    """

    name: str
    texts: Container[object] | None = None


@dataclass(frozen=True)
class Allowed:
    """What could be answered, and who said so.

    Attributes:
        charset: the model's characters that were allowed; None allowed all.
        charset_by: who said so, for a note.
        texts: the texts that the other constraints allowed; None where there were none, or nobody knows.
        rules: those other constraints, each by itself.
        ignore_case: whether the texts stand for those that differ from them in case alone.
        has_lost_words: whether nobody knows because the job's lexicon is missing, or no longer what was sent.
    """

    charset: str | None = None
    charset_by: str = "--charset"
    texts: Container[object] | None = None
    rules: tuple[Rule, ...] = ()
    ignore_case: bool = False
    has_lost_words: bool = False


class AllowedTexts:
    """The texts of a language, to ask for one after another."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __contains__(self, text: object) -> bool:
        return self._language.allows(str(text))
