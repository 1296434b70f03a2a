"""Following an automaton by hand, for the tests of what it allows."""

from __future__ import annotations

from model_zoo.language import Language


def accepts(language: Language, charset: str, text: str) -> bool:
    """Whether the automaton of a language over these characters allows the text."""
    columns = {charset[class_id - 1]: k for k, class_id in enumerate(language.classes)}
    state = 0
    for char in text:
        state = language.next[state][columns[char]] if char in columns else -1
        if state < 0:
            return False
    return language.accepting[state]
