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
        has_lost_words: whether nobody knows because the job's lexicon is missing, or no longer what was sent.
    """

    charset: str | None = None
    charset_by: str = "--charset"
    texts: Container[object] | None = None
    rules: tuple[Rule, ...] = ()
    has_lost_words: bool = False


class AllowedTexts:
    """The texts of a language, to ask for one after another.

    Args:
        language: of the job's constraints.
        charset: of its model.
    """

    def __init__(self, language: Language, charset: str) -> None:
        self._language = language
        self._words = None if language.words is None else frozenset(language.words)
        self._columns = {charset[class_id - 1]: k for k, class_id in enumerate(language.classes)}

    def __contains__(self, text: object) -> bool:
        if self._words is not None:
            return text in self._words
        state = 0
        for char in str(text):
            column = self._columns.get(char)
            if column is None or (state := self._language.next[state][column]) < 0:
                return False
        return self._language.accepting[state]
