"""Ctrl-C while libraries are still being imported. Standard library only.

KeyboardInterrupt is raised wherever Python happens to be. In the middle of numpy or torch that is code which
swallows it, or which leaves half a module behind: the import then ends in another error, with a traceback, or
the interrupt is lost. So an import is let finish, and the interrupt comes right after it.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, NoReturn

# The files of Python's import system, as frames name them.
_IMPORT_SYSTEM = "<frozen importlib."


@contextmanager
def interrupts_after_imports(*packages: str) -> Iterator[None]:
    """Let Ctrl-C wait for the end of a library's import; a second one does not wait.

    Nothing changes where SIGINT is ignored or handled by someone else, and outside the main thread.

    Args:
        packages: whose modules are ours: they let an interrupt through, also while they are imported.
    """
    usual = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) != usual:
        yield
        return
    signal.signal(signal.SIGINT, partial(_interrupt, {*packages, "__main__"}))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _interrupt(ours: set[str], number: int, frame: FrameType | None) -> None:
    importer = _importer(frame, ours)
    if importer is None or sys.gettrace() is not None:  # a second Ctrl-C, or a debugger's
        signal.default_int_handler(number, frame)
    # As a debugger would: the next line that the importing function comes to raises.
    importer.f_trace = _raise
    sys.settrace(_trace_nothing)


def _importer(frame: FrameType | None, ours: set[str]) -> FrameType | None:
    """Who imports the library that is being imported; None where none is, as far as our code can tell."""
    importer, inside = None, False
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORT_SYSTEM):
            inside = True
        else:
            if inside:
                importer, inside = frame, False
            if str(frame.f_globals.get("__name__")).partition(".")[0] in ours:
                break
        frame = frame.f_back
    return importer


def _trace_nothing(frame: FrameType, event: str, argument: Any) -> None:
    """No function that is called from here on has to be watched."""


def _raise(frame: FrameType, event: str, argument: Any) -> NoReturn:
    frame.f_trace = None
    sys.settrace(None)
    raise KeyboardInterrupt
