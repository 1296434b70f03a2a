"""What an answer may look like: which characters, how many, of which form. Standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from model_zoo.errors import ConstraintError
from model_zoo.lexicon import Lexicon
from model_zoo.nfc import nfc
from model_zoo.pattern import parse_pattern
from model_zoo.regex import parse_regex

CHARSET_CLASSES = {
    ":digits:": "0123456789",
    ":lower:": "abcdefghijklmnopqrstuvwxyz",
    ":upper:": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
}


@dataclass(frozen=True)
class Constraints:
    """Which strings are allowed: those that every one of these allows.

    Attributes:
        charset: the allowed characters; None allows all of the model's.
        min_length: the fewest characters of an answer.
        max_length: the most characters of an answer; None allows as many as the time steps carry.
        pattern: one kind of character for each place, as given to `--pattern`: LLDDD.
        regex: an expression that the whole answer matches, as given to `--regex`.
        lexicon: the words that an answer may be.
        ignore_case: read upper and lower case as one: a class of the model's is a letter in any case, answers
            are in lower case, and all of the above is meant without case. See docs/decoding.md.
    """

    charset: str | None = None
    min_length: int = 0
    max_length: int | None = None
    pattern: str | None = None
    regex: str | None = None
    lexicon: Lexicon | None = None
    ignore_case: bool = False

    @property
    def limits_length(self) -> bool:
        """Whether `min_length` or `max_length` rules any length out."""
        return self.min_length > 0 or self.max_length is not None

    @property
    def limits_form(self) -> bool:
        """Whether a pattern, a regex or a lexicon is given."""
        return any(limit is not None for limit in (self.pattern, self.regex, self.lexicon))

    @property
    def is_free(self) -> bool:
        """Whether nothing is constrained."""
        return self == Constraints(ignore_case=self.ignore_case)


def parse_constraints(
    charset: str | None = None,
    length: str | None = None,
    pattern: str | None = None,
    regex: str | None = None,
    lexicon: Lexicon | None = None,
    ignore_case: bool = False,
) -> Constraints:
    """Constraints from the texts that `--charset` and its like take; None means no constraint.

    Raises:
        ConstraintError: a text that cannot be read.
    """
    low, high = parse_length(length) if length is not None else (0, None)
    if pattern is not None:
        parse_pattern(pattern)
    if regex is not None:
        parse_regex(regex)
    allowed = parse_charset(charset) if charset is not None else None
    return Constraints(allowed, low, high, pattern, regex, lexicon, ignore_case)


def parse_charset(text: str) -> str:
    """The distinct characters of `text` in NFC, in order of appearance; `:digits:` and its like are classes.

    Raises:
        ConstraintError: an empty text, or a word between colons that is no class.
    """
    # A word of three letters or more between colons is a class, or a misspelt one; a:b:c is five characters.
    parts = re.split(r"(:[a-z]{3,}:)", nfc(text))
    for part in parts[1::2]:
        if part not in CHARSET_CLASSES:
            raise ConstraintError(
                f"charset class {part!r} is unknown; known are {', '.join(CHARSET_CLASSES)} "
                "(any other character stands for itself)"
            )
    chars = "".join(CHARSET_CLASSES.get(part, part) for part in parts)
    if not chars:
        raise ConstraintError("the charset is empty; name at least one character, e.g. --charset :digits:")
    return "".join(dict.fromkeys(chars))


def range_advice(text: str) -> str:
    """What to add to a sentence about a charset in which someone may have meant a range; empty without one.

    Args:
        text: in which every character stands for itself, the hyphen too.
    """
    for first, last in re.findall(r"(?=([0-9A-Za-z])-([0-9A-Za-z]))", text):
        for name, chars in CHARSET_CLASSES.items():
            if first < last and first in chars and last in chars:
                instead = name if first + last == chars[0] + chars[-1] else "every character"
                return f"; ranges like {first}-{last} are not known, give {instead}"
    return ""


def parse_length(text: str) -> tuple[int, int]:
    """`"5"` as (5, 5), `"4-6"` as (4, 6).

    Raises:
        ConstraintError: anything else, or an empty range.
    """
    match = re.fullmatch(r"\s*(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*", text)
    if match is None:
        raise ConstraintError(f"length {text!r} is not a number or a range; give 5 or 4-6")
    low, high = int(match[1]), int(match[2] or match[1])
    if not 1 <= low <= high:
        raise ConstraintError(f"length {text!r} allows nothing; give a range like 4-6, with 1 as the least")
    return low, high
