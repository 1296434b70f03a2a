"""Compiling by numba: what all compiled functions have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(flags: Collection[str] = ()) -> Callable[[F], F]:
    """`njit` without the GIL, with a cache on the disk where a place for one can be written to.

    The cache only notices changes of the function's own file, so functions that call each other stand in one.

    Args:
        flags: of `fastmath`; none keeps IEEE's rules.
    """

    def decorate(function: F) -> F:
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(flags)}
        decorated: F
        try:
            decorated = njit(cache=True, **options)(function)
        except RuntimeError:  # numba: no locator available, neither beside the file nor in the user's cache
            decorated = njit(**options)(function)
        return decorated

    return decorate
