"""What becomes of memory in a process that moves batches. Standard library only."""

from __future__ import annotations

import ctypes
import gc
import sys

# Of malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
# The most that glibc takes for the second.
_LARGEST_FROM_HEAP = 32 * 2**20
_KEPT = 256 * 2**20


def keep_freed() -> bool:
    """Have glibc keep up to 256 MB that were freed for the next batch; for a process that moves batches.

    By default it gives the megabytes of a batch back to the system and takes them again with the next one:
    two thousand page faults a batch of 256 images, and half of the processor time of fetching it, or of
    packing it. What a process takes at most stays the same; it only gives it back at its end.

    Returns:
        Whether it will; False with another C library than glibc.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    return bool(
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_FROM_HEAP) and libc.mallopt(_M_TRIM_THRESHOLD, _KEPT)
    )


def freeze_start() -> None:
    """Take all that is there now out of the search for garbage: modules and a model stay until the end.

    Every answer is a few objects, so the search comes around often; each time it would look through the
    hundred thousand objects of the start, which costs a quarter of taking a batch's answers.
    """
    gc.freeze()
