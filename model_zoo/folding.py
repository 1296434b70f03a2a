"""Upper and lower case as one: what `--ignore-case` makes of a character. Standard library only."""

from __future__ import annotations


def fold_character(char: str) -> str:
    """The one character that stands for `char` in every case, its lower case as a rule.

    It is `str.casefold` where that gives one character. What it makes two of (`ß`) stays one, because a class
    of a model is one; its lower case then stands for it. `fold_character(char).casefold()` is
    `char.casefold()` for every character, so that texts which were folded compare like texts which were not.
    """
    folded = char.casefold()
    if len(folded) == 1:
        return folded
    lower = char.lower()
    return lower if len(lower) == 1 else char


def fold_text(text: str) -> str:
    """`text` with every character folded; as long as it was."""
    folded = text.casefold()
    # A million words are folded in C: no character becomes none, so equal lengths mean one for each.
    return folded if len(folded) == len(text) else "".join(map(fold_character, text))


def fold_charset(chars: str) -> str:
    """The distinct folded characters of `chars`, in order of appearance."""
    return "".join(dict.fromkeys(fold_text(chars)))
