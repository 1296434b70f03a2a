"""The slow truth that decoders are held against: every path, collapsed by the rule and summed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

Strings = dict[tuple[int, ...], float]


@lru_cache(maxsize=64)
def _paths(T: int, C: int) -> tuple[NDArray[np.int64], NDArray[np.int64], list[tuple[int, ...]]]:
    """All C**T paths (P, T), the number of each one's string (P,), and the strings."""
    paths = list(itertools.product(range(C), repeat=T))
    strings: dict[tuple[int, ...], int] = {}
    which = []
    for path in paths:
        string = tuple(c for t, c in enumerate(path) if c != 0 and (t == 0 or path[t - 1] != c))
        which.append(strings.setdefault(string, len(strings)))
    return np.array(paths), np.array(which), list(strings)


def sum_all_paths(log_probs: NDArray[np.float64]) -> Strings:
    """The probability of every string that T frames can carry.

    Args:
        log_probs: (T, C), blank first.
    """
    T, C = log_probs.shape
    paths, which, strings = _paths(T, C)
    path_probs = np.exp(log_probs[np.arange(T), paths].sum(1))
    return dict(zip(strings, np.bincount(which, path_probs).tolist(), strict=True))


@pytest.fixture(scope="session")
def all_strings() -> Callable[[NDArray[np.float64]], Strings]:
    """`sum_all_paths`: (T, C) log-probabilities to the probability of every string."""
    return sum_all_paths
