"""Greedy decoding and nothing else: the best class of each frame, with torch and numpy.

Our own greedy method checks its input and sums over the string's paths; this does neither. Its score is the
best path's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from decoders.readings import Readings


def make(chars: list[str], variant: str) -> Callable[[np.ndarray], Readings]:
    """A decoder; there is one variant."""
    points = np.array([0, *map(ord, chars[1:])], np.uint32)

    def decode(log_probs: np.ndarray) -> Readings:
        best, classes = torch.from_numpy(log_probs).max(2)
        ids = classes.numpy()
        keep = ids > 0
        keep[:, 1:] &= ids[:, 1:] != ids[:, :-1]
        rows, _ = keep.nonzero()
        place = keep.cumsum(1)
        texts = np.zeros((len(ids), max(1, int(place[:, -1].max()))), np.uint32)
        texts[rows, place[keep] - 1] = points[ids[keep]]
        strings: list[str] = texts.view(f"<U{texts.shape[1]}")[:, 0].tolist()
        return Readings(strings, best.sum(1).tolist())

    return decode
