"""The names of `--from-list`, one after another: a list of ten million is never in memory whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO

from producer.errors import UsageError

# Read at once; no system takes a longer name.
_BLOCK = 2**16


def read_list(path: str) -> Iterator[str]:
    """The names in a list: one a line, or separated by NUL bytes (`find -print0`); `-` is standard input.

    Raises:
        UsageError: the list cannot be read, or is no list of names.
    """
    try:
        with open("/dev/stdin" if path == "-" else path, "rb") as stream:
            yield from _names(stream, path)
    except OSError as error:
        raise UsageError(f"the list {path} cannot be read: {error.strerror}") from error


def _names(stream: IO[bytes], path: str) -> Iterator[str]:
    head = stream.read(_BLOCK)
    separator = b"\0" if b"\0" in head else b"\n"
    for name in _split(chain([head], iter(lambda: stream.read(_BLOCK), b"")), separator, path):
        if b"\0" in name:
            raise UsageError(
                f"the list {path} separates its first names by newlines and later ones by NUL bytes; "
                "separate all of them alike"
            )
        # A carriage return ends the line of a list that was written on Windows; no name ends with one.
        if kept := name if separator == b"\0" else name.rstrip(b"\r"):
            yield os.fsdecode(kept)


def _split(blocks: Iterable[bytes], separator: bytes, path: str) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *names, rest = (rest + block).split(separator)
        yield from names
        if len(rest) > _BLOCK:
            raise UsageError(
                f"the list {path} holds a name of more than {_BLOCK:,} bytes, which is none; give one a line"
            )
    yield rest
