"""Cuts the stream of a job's images into batches, once and for all: a batch's id is the range it holds."""

from __future__ import annotations

from collections.abc import Callable


class Cutter:
    """Cuts the stream of images into ranges.

    Args:
        images_of: the most images that a batch may hold, by its number from 0.
        max_bytes: that a batch may hold, as the scan sees them; one image may have more.
    """

    def __init__(self, images_of: Callable[[int], int], max_bytes: int) -> None:
        self._images_of, self._max_bytes = images_of, max_bytes
        self._batches = self._first = self._bytes = 0
        self._full_at = images_of(0)

    def before(self, image_id: int, size: int) -> tuple[int, int] | None:
        """The range that ends before this image of `size` bytes, if the open one has no room for it."""
        cut = None
        heavy = self._bytes + size > self._max_bytes and image_id > self._first
        if heavy or image_id >= self._full_at:
            cut = (self._first, image_id - 1)
            self._first, self._bytes, self._batches = image_id, 0, self._batches + 1
            self._full_at = image_id + self._images_of(self._batches)
        self._bytes += size
        return cut

    def rest(self, images: int) -> tuple[int, int] | None:
        """The last range of so many images."""
        return (self._first, images - 1) if images > self._first else None
