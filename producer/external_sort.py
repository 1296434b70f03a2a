"""Texts in order, however many: an external merge sort (Knuth, The Art of Computer Programming 3, 5.4).

A folder may hold ten million names, which as Python texts take a gigabyte.
"""

from __future__ import annotations

import heapq
import json
import os
import tempfile
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType

from producer.errors import UsageError

# Texts held in memory before they go to the disk: 10 MB of file names.
_IN_MEMORY = 100_000
# Texts read at once of each run while runs are merged; ten million names make a hundred runs.
_BLOCK = 256
_LENGTH_BYTES = 8


class ExternalSort:
    """Sorts texts as `sorted` does, in memory for a few; a context manager, because of its file.

    The file has no name where the system allows it, and otherwise loses it at once: whatever ends this
    process, nothing is left behind.

    Args:
        folder: where the file is made, once it is needed; None for the system's temporary folder.
        in_memory: texts that need no file.
    """

    def __init__(self, folder: Path | None = None, in_memory: int = _IN_MEMORY) -> None:
        self._folder = folder
        self._in_memory = in_memory
        self._texts: list[str] = []
        self._file: FileIO | None = None
        self._runs: list[tuple[int, int]] = []  # where each begins and ends in the file
        self._end = 0

    def __enter__(self) -> ExternalSort:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, text: str) -> None:
        """Take a text.

        Raises:
            UsageError: the disk takes no more.
        """
        if len(self._texts) >= self._in_memory:
            self._spill()
        self._texts.append(text)

    def drain(self) -> Iterator[str]:
        """All texts, sorted; equal ones come as often as they were added. Closes the file at its end."""
        with self:
            if self._file is None:
                self._texts.sort()
                yield from self._texts
                return
            self._spill()
            yield from heapq.merge(*(self._run(self._file, *run) for run in self._runs))

    def close(self) -> None:
        """Forget all texts and give the disk back what they took."""
        self._texts = []
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> None:
        self._texts.sort()
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - `close`
            start = self._end
            for first in range(0, len(self._texts), _BLOCK):
                # JSON in ASCII keeps the surrogates of names that are no UTF-8.
                block = json.dumps(self._texts[first : first + _BLOCK]).encode("ascii")
                self._write(self._file, len(block).to_bytes(_LENGTH_BYTES, "big") + block)
        except OSError as error:
            where = self._folder or tempfile.gettempdir()
            raise UsageError(
                f"names are sorted on the disk where there are more than {self._in_memory:,}, and {where} "
                f"cannot be written: {error.strerror}; make room there"
            ) from error
        self._runs.append((start, self._end))
        self._texts = []

    def _write(self, file: FileIO, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        self._end += len(data)

    def _run(self, file: FileIO, start: int, end: int) -> Iterator[str]:
        # Each run at a place of its own in one file, so that many runs take one descriptor.
        while start < end:
            size = int.from_bytes(os.pread(file.fileno(), _LENGTH_BYTES, start), "big")
            yield from json.loads(os.pread(file.fileno(), size, start + _LENGTH_BYTES))
            start += _LENGTH_BYTES + size
