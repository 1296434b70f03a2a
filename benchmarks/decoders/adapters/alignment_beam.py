"""The blog post's decoder: the ten most probable alignments, summed where their texts agree.

In each frame it leaves out classes below one percent. Two variants: `post` works as the post's code does, one
numpy element at a time and with scipy's logsumexp; `lists` is the same search without what makes that slow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby

import numpy as np
from scipy.special import logsumexp

from decoders.readings import Readings

BEAM = 10
THRESHOLD = math.log(0.01)


def make(chars: list[str], variant: str) -> Callable[[np.ndarray], Readings]:
    """A decoder of one of the two variants."""

    def post(log_probs: np.ndarray) -> Readings:
        found = [_search_elements(item, chars) for item in log_probs]
        return Readings([text for text, _ in found], [score for _, score in found])

    def lists(log_probs: np.ndarray) -> Readings:
        found = [_search_lists(item, chars) for item in log_probs.tolist()]
        return Readings([text for text, _ in found], [score for _, score in found])

    return {"post": post, "lists": lists}[variant]


def _search_elements(log_probs: np.ndarray, chars: list[str]) -> tuple[str, float]:
    """The best text of one item (T, C) with the log of its alignments' sum."""
    T, C = log_probs.shape
    alignments: list[tuple[float, list[int]]] = [(0.0, [])]
    for t in range(T):
        longer = []
        for total, path in alignments:
            for c in range(C):
                score = log_probs[t, c]
                if score >= THRESHOLD:
                    longer.append((total + score, [*path, c]))
        longer.sort(key=lambda alignment: alignment[0], reverse=True)
        alignments = longer[:BEAM]
    sums: dict[str, float] = {}
    for total, path in alignments:
        text = "".join(chars[c] for c, _ in groupby(path))
        sums[text] = logsumexp([total, sums.get(text, -math.inf)])
    best = max(sums, key=sums.__getitem__)
    return best, float(sums[best])


def _search_lists(frames: list[list[float]], chars: list[str]) -> tuple[str, float]:
    """The same of one item's frames as lists."""
    alignments: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for frame in frames:
        likely = [(score, c) for c, score in enumerate(frame) if score >= THRESHOLD]
        longer = [(total + score, (*path, c)) for total, path in alignments for score, c in likely]
        longer.sort(key=lambda alignment: alignment[0], reverse=True)
        alignments = longer[:BEAM]
    sums: dict[str, float] = {}
    for total, path in alignments:
        text = "".join(chars[c] for c, _ in groupby(path))
        sums[text] = sums.get(text, 0.0) + math.exp(total)
    best = max(sums, key=sums.__getitem__)
    return best, math.log(sums[best])
