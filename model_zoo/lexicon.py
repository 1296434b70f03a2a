"""A list of the words that an answer may be. Standard library only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from model_zoo.errors import ConstraintError
from model_zoo.nfc import nfc

# A million words are a large language's full forms; they compile in seconds and travel as a few megabytes.
MAX_WORDS = 1_000_000

# Far above a million words that any model could read; what is larger is another kind of file.
MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Lexicon:
    """Words, known by their digest: two lexicons are equal where their digests are.

    Attributes:
        words: in NFC, distinct, sorted by code points, none empty, at least one.
        digest: sha256 of the canonical text, in hex.
    """

    words: tuple[str, ...] = field(compare=False, repr=False)
    digest: str

    @classmethod
    def from_words(cls, words: Iterable[str]) -> Lexicon:
        """A lexicon of these words; surrounding blanks, empty words and repetitions are left out.

        Raises:
            ConstraintError: no word, more than a million, or one that cannot stand in a line of UTF-8.
        """
        distinct = {nfc(word.strip()) for word in words} - {""}
        if not distinct:
            raise ConstraintError("the lexicon has no words; give one word a line")
        if len(distinct) > MAX_WORDS:
            raise ConstraintError(f"the lexicon has {len(distinct):,} words; give at most {MAX_WORDS:,}")
        ordered = tuple(sorted(distinct))
        text = "\n".join(ordered)
        if text.count("\n") >= len(ordered):
            broken = next(word for word in ordered if "\n" in word)
            raise ConstraintError(f"the lexicon's word {broken!r} has a line break; give one word a line")
        try:
            canonical = text.encode()
        except UnicodeEncodeError as error:
            raise ConstraintError(
                f"the lexicon has {text[error.start]!r}, which is no character; give words of valid Unicode"
            ) from error
        return cls(ordered, hashlib.sha256(canonical).hexdigest())

    @classmethod
    def from_text(cls, text: str) -> Lexicon:
        """The lexicon of a text with one word a line, the canonical one or any other.

        Raises:
            ConstraintError: as `from_words`.
        """
        return cls.from_words(text.split("\n"))

    def text(self) -> str:
        """The canonical text: the sorted words, one a line, without a line break at the end."""
        return "\n".join(self.words)


def read_lexicon(path: str | Path) -> Lexicon:
    """The lexicon of a file: UTF-8, one word a line; a byte order mark and `\\r\\n` are allowed.

    Raises:
        ConstraintError: a file that cannot be read, is not UTF-8, has no words or more than a million.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConstraintError(f"lexicon {str(path)!r} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise ConstraintError(
            f"lexicon {str(path)!r} has more than {MAX_BYTES:,} bytes; give at most {MAX_WORDS:,} words"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConstraintError(
            f"lexicon {str(path)!r} is not UTF-8 (byte {error.start:,}); save it as UTF-8, one word a line"
        ) from error
    try:
        return Lexicon.from_text(text)
    except ConstraintError as error:
        raise ConstraintError(f"lexicon {str(path)!r}: {error}") from error
