"""Keeping the few items that matter out of a stream of any length."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

T = TypeVar("T")


class Smallest(Generic[T]):
    """The `cap` items with the smallest keys of all that were offered; memory for `cap` items."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._offered = 0
        # heapq keeps the smallest entry on top; with negated keys that is the one to drop.
        self._heap: list[tuple[tuple[float, ...], int, T]] = []

    def offer(self, key: tuple[float, ...], item: T) -> None:
        """Keep `item` if its key is small enough; of equal keys, the first one offered wins."""
        self._offered += 1  # stands before the item, so that items themselves are never compared
        entry = (tuple(-part for part in key), -self._offered, item)
        if len(self._heap) < self._cap:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def items(self) -> tuple[T, ...]:
        """The items kept, smallest key first."""
        ordered = sorted(self._heap, key=lambda entry: entry[:2], reverse=True)
        return tuple(item for _, _, item in ordered)
