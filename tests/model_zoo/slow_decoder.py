"""The decoder that is right by definition: every path is summed, every string is asked whether it is allowed.

It shares nothing with the package but the types of what it is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints

Strings = dict[tuple[int, ...], float]

TIE = 1e-9

_KINDS = {"L": str.isalpha, "l": str.islower, "U": str.isupper, "D": str.isdecimal, "?": lambda char: True}


@dataclass(frozen=True)
class Truth:
    """The allowed strings of one item.

    Attributes:
        texts: those with any probability, in the order that the decoder owes.
        shares: of each in what the model gives all allowed ones.
        mass: what that is.
    """

    texts: list[str]
    shares: list[float]
    mass: float

    @property
    def share_of(self) -> dict[str, float]:
        """The share of each text."""
        return dict(zip(self.texts, self.shares, strict=True))


def slow_decode(strings: Strings, charset: Charset, constraints: Constraints) -> Truth:
    """Decode one item.

    Args:
        strings: the probability of each string, as the fixture `all_strings` gives it.
        charset: of the model.
        constraints: which are allowed.
    """
    allowed = {ids: p for ids, p in strings.items() if p > 0 and is_allowed(charset.decode(ids), constraints)}
    mass = sum(allowed.values())
    order = in_order(allowed)
    return Truth([charset.decode(ids) for ids in order], [allowed[ids] / mass for ids in order], mass)


def is_allowed(text: str, constraints: Constraints) -> bool:
    """Whether every constraint allows the text."""
    low, high = constraints.min_length, constraints.max_length
    return (
        (constraints.charset is None or set(text) <= set(constraints.charset))
        and low <= len(text)
        and (high is None or len(text) <= high)
        and (constraints.pattern is None or _fits(text, constraints.pattern))
        and (constraints.regex is None or re.fullmatch(constraints.regex, text) is not None)
        and (constraints.lexicon is None or text in constraints.lexicon.words)
    )


def _fits(text: str, pattern: str) -> bool:
    """Whether a pattern without escapes takes the text."""
    return len(text) == len(pattern) and all(
        _KINDS.get(place, place.__eq__)(char) for place, char in zip(pattern, text, strict=True)
    )


def in_order(strings: Strings) -> list[tuple[int, ...]]:
    """More probable first; of those that tie with the first of their group the smaller tuple."""
    left = sorted(strings, key=strings.__getitem__, reverse=True)
    order: list[tuple[int, ...]] = []
    while left:
        ties = [ids for ids in left if strings[ids] >= strings[left[0]] * (1 - TIE)]
        order += sorted(ties)
        left = left[len(ties) :]
    return order


def alignment_beam_search(log_probs: Tensor, charset: Charset) -> str:
    """The post's decoder: beam 10, emission threshold 0.01.

    Args:
        log_probs: (T, C).
    """
    alignments: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for frame in log_probs.double().tolist():
        likely = [(score, class_id) for class_id, score in enumerate(frame) if score >= np.log(0.01)]
        longer = [(total + score, (*path, c)) for total, path in alignments for score, c in likely]
        alignments = sorted(longer, key=lambda alignment: -alignment[0])[:10]
    totals: dict[str, float] = {}
    for total, path in alignments:
        text = charset.decode(charset.collapse(path))
        totals[text] = totals.get(text, 0.0) + float(np.exp(total))
    return max(totals, key=totals.__getitem__)


def frames(kind: str, T: int, C: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Log-probabilities (T, C) of one item, frames summing to one; the kinds are those of KINDS_OF_FRAMES."""
    scores = rng.normal(size=(T, C))
    match kind:
        case "even":
            scores *= 0.5
        case "clear":
            scores *= 4
        case "near certain":
            scores *= 15
        case "flat":
            scores[:] = 0
        case "of few values":
            scores = scores.round()
        case "with impossible classes":
            scores[rng.random((T, C)) < 0.35] = -np.inf
            scores[np.arange(T), rng.integers(0, C, T)] = 0
        case "with twin characters":
            scores[:, -1] = scores[:, 1]
        case "mirrored, all characters alike":
            scores = (scores + scores[::-1]) / 2
            scores[:, 1:] = scores[:, 1:2]
        case "mostly blank":
            scores[:, 0] += 5
        case "with repeats":
            scores[np.arange(T), np.where(np.arange(T) % 2, 0, 1)] += 3
        case _:
            raise ValueError(kind)
    normal: NDArray[np.float64] = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return normal


KINDS_OF_FRAMES = (
    "even",
    "clear",
    "near certain",
    "flat",
    "of few values",
    "with impossible classes",
    "with twin characters",
    "mirrored, all characters alike",
    "mostly blank",
    "with repeats",
)
