"""The words of a lexicon that a model can answer. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from model_zoo.errors import ConstraintError


@dataclass(frozen=True)
class DroppedWords:
    """How many words of a lexicon were left out, each counted for the first reason that holds.

    Attributes:
        unreadable: words with a character that the model lacks.
        too_long: words that need more time steps than the model has.
        excluded: words that the charset, length, pattern or regex does not allow.
    """

    unreadable: int = 0
    too_long: int = 0
    excluded: int = 0


NONE_DROPPED = DroppedWords()


def frames_of(word: str) -> int:
    """Time steps that a word needs: one for each character, and one between repeats (Graves et al. 2006)."""
    return len(word) + sum(left == right for left, right in pairwise(word))


def fewest_frames(words: Collection[str]) -> int:
    """Time steps of the word that needs the fewest; at least one word."""
    by_length = sorted(words, key=len)
    fewest = frames_of(by_length[0])
    for word in by_length:
        if len(word) >= fewest:
            break
        fewest = min(fewest, frames_of(word))
    return fewest


def filter_words(
    words: Iterable[str], charset: str, time_steps: int, allows: Callable[[str], bool] | None
) -> tuple[tuple[str, ...], DroppedWords]:
    """The words that a model can answer and that `allows` says yes to, in order; and how many are left out.

    Raises:
        ConstraintError: no word is left.
    """
    words = tuple(words)
    is_readable = re.compile(f"[{re.escape(charset)}]+").fullmatch
    readable = [word for word in words if is_readable(word)]
    fitting = [word for word in readable if 2 * len(word) - 1 <= time_steps or frames_of(word) <= time_steps]
    kept = tuple(filter(allows, fitting)) if allows else tuple(fitting)
    dropped = DroppedWords(len(words) - len(readable), len(readable) - len(fitting), len(fitting) - len(kept))
    if not kept:
        raise ConstraintError(
            f"none of the lexicon's {len(words):,} words is left; left out are {dropped.unreadable:,} for "
            f"characters that the model lacks, {dropped.too_long:,} for its {time_steps} time steps, "
            f"{dropped.excluded:,} for the charset, length, pattern or regex given"
        )
    return kept, dropped
