"""A pattern such as LLDDD: one kind of character for each place. Standard library only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model_zoo.errors import ConstraintError
from model_zoo.folding import fold_character
from model_zoo.nfc import nfc
from model_zoo.visible import visible

# Of a pattern or an expression in a message, in characters.
MAX_QUOTED = 80

# How the letters of a pattern are read, by Python's own tests of a character.
KINDS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "L": ("a letter", str.isalpha),  # of any script, cased or not
    "l": ("a lower-case letter", str.islower),
    "U": ("an upper-case letter", str.isupper),
    "D": ("a decimal digit", str.isdecimal),  # of any script, but neither a superscript nor a fraction
    "?": ("a character", lambda char: True),
}
# Without case, what has a case is one kind, whatever case its folded form is in.
_CASED = ("a letter that has a case", lambda char: char.islower() or char.isupper())


@dataclass(frozen=True)
class Place:
    """What one place of a pattern takes.

    Attributes:
        wanted: in words, for a message.
        takes: whether a character may stand there.
    """

    wanted: str
    takes: Callable[[str], bool]


def quoted(text: str) -> str:
    """`text` for a message: as it was typed, not with the doubled backslashes of `repr`; cut if long."""
    shown = visible(text)
    return f"'{shown}'" if len(shown) <= MAX_QUOTED else f"'{shown[:MAX_QUOTED]}...'"


def parse_pattern(text: str, ignore_case: bool = False) -> tuple[Place, ...]:
    """The places of a pattern.

    `L` is a letter, `l` a lower-case one, `U` an upper-case one, `D` a decimal digit, `?` any character;
    every other character stands for itself, and so does any character after `\\`. With `ignore_case` the
    places take folded characters: `l` and `U` any letter that has a case, a literal its folded form.

    Raises:
        ConstraintError: an empty pattern, or one that ends in the middle of an escape.
    """
    if not text:
        raise ConstraintError("the pattern is empty; give one character for each place, e.g. --pattern LLDDD")
    places = []
    chars = iter(nfc(text))
    for char in chars:
        if char == "\\":
            literal = next(chars, None)
            if literal is None:
                raise ConstraintError(
                    f"pattern {quoted(text)} ends with a lone backslash; write two for the character itself"
                )
            places.append(_literal(literal, ignore_case))
        elif char in KINDS:
            places.append(Place(*(_CASED if ignore_case and char in "lU" else KINDS[char])))
        else:
            places.append(_literal(char, ignore_case))
    return tuple(places)


def _literal(char: str, ignore_case: bool) -> Place:
    return Place(quoted(char), (fold_character(char) if ignore_case else char).__eq__)


def match_pattern(text: str, chars: str, ignore_case: bool = False) -> list[int]:
    """For each place of a pattern the characters that it takes, as a set of bits: bit i is chars[i].

    With `ignore_case` the characters are folded ones.

    Raises:
        ConstraintError: a pattern that cannot be read, or a place that none of the characters fits.
    """
    masks = []
    for number, place in enumerate(parse_pattern(text, ignore_case), 1):
        mask = sum(1 << i for i, char in enumerate(chars) if place.takes(char))
        if not mask:
            raise ConstraintError(
                f"pattern {quoted(text)} wants {place.wanted} in place {number}, "
                f"and the allowed characters {quoted(chars)} have none"
            )
        masks.append(mask)
    return masks
