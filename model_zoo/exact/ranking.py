"""The order of readings: more probable first, ties by class ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_zoo.exact.tables import TIE

Integers = NDArray[Any]


def rank(
    strings: Integers, lengths: Integers, chances: NDArray[np.float64]
) -> tuple[Integers, Integers, NDArray[np.float64]]:
    """Put each item's strings in order.

    Args:
        strings: class ids or columns that ascend with them, padded with 0, (N, M, L).
        lengths: (N, M).
        chances: log-probabilities, in any order, (N, M).

    Returns:
        The same, ordered; of strings that tie the smaller tuple is first.
    """
    N, M, L = strings.shape
    order = np.argsort(-chances, axis=1, kind="stable")
    sorted_chances = np.take_along_axis(chances, order, 1)
    # A group is what ties with its first, the most probable one.
    group = np.zeros((N, M), np.int64)
    first = sorted_chances[:, 0].copy()
    for at in range(1, M):
        is_new = ~(sorted_chances[:, at] >= first + np.log1p(-TIE))
        group[:, at] = group[:, at - 1] + is_new
        first[is_new] = sorted_chances[is_new, at]
    by_text = np.take_along_axis(strings, order[..., None], 1).reshape(N * M, L)
    item = np.repeat(np.arange(N), M)
    # Padding is smaller than any class, so a prefix comes before what it begins.
    flat = np.lexsort((*by_text.T[::-1], group.ravel(), item)).reshape(N, M) - np.arange(N)[:, None] * M
    order = np.take_along_axis(order, flat, 1)
    return (
        np.take_along_axis(strings, order[..., None], 1),
        np.take_along_axis(lengths, order, 1),
        np.take_along_axis(chances, order, 1),
    )
