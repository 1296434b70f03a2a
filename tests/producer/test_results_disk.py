"""The journal on a disk that is full, slow or broken: it holds whole lines, and only those are answered."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from producer.results import Journal, ResultLine, encode_line, read_results
from worker.contract import AnswerError, Candidate

FIRST = ResultLine(0, "a.png", "2b827", 0.75, (Candidate("2b827", 0.75),), None, "cpu-1@here", 2)
SECOND = ResultLine(1, "caf\udce9\n.png", error=AnswerError("empty_file", "the file has no bytes"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.jsonl"


class FullDisk:
    """A file that takes `room` bytes more, bit by bit, then none."""

    def __init__(self, path: Path, room: int) -> None:
        self._real = path.open("ab", buffering=0)
        self._room = room

    def write(self, data: memoryview) -> int:
        if not self._room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = self._real.write(data[: min(self._room, 10)]) or 0
        self._room -= taken
        return taken

    def fileno(self) -> int:
        return self._real.fileno()

    def close(self) -> None:
        self._real.close()


@pytest.mark.parametrize("room", [0, 1, 150, 200])
def test_a_full_disk_leaves_no_half_line_and_marks_nothing(room: int, path: Path) -> None:
    with Journal(path) as journal:
        journal.append([FIRST])
        whole = path.read_bytes()
        real: Any = journal._stream
        journal._stream = FullDisk(path, room)  # type: ignore[assignment]

        with pytest.raises(OSError, match="No space left on device"):
            journal.append([SECOND, ResultLine(2, "c.png")])

        journal._stream.close()
        journal._stream = real
        assert path.read_bytes() == whole
        assert (journal.has(1), journal.has(2), journal.n_answered) == (False, False, 1)
        assert journal.append([SECOND]) == [SECOND], "space is there again"
    assert list(read_results(path)) == [FIRST, SECOND]


def test_a_disk_that_takes_little_at_a_time_gets_all_in_the_end(path: Path) -> None:
    with Journal(path) as journal:
        journal._stream.close()
        journal._stream = FullDisk(path, 10**6)  # type: ignore[assignment]

        journal.append([FIRST, SECOND])

    assert list(read_results(path)) == [FIRST, SECOND]


def test_a_disk_that_fails_to_sync_answered_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Journal(path) as journal:
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output error"):
            journal.append([FIRST])

        assert not journal.has(0)
    assert path.read_bytes() == b""


def test_a_real_limit_of_the_file_system_is_met_the_same_way(path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from producer.results import Journal, ResultLine
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
with Journal(Path(sys.argv[1])) as journal:
    try:
        for number in range(1000):
            journal.append([ResultLine(number, "x" * 100)])
    except OSError as error:
        print(journal.n_answered, error.strerror)
"""
    said = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    ).stdout

    lines = list(read_results(path))
    assert said == f"{len(lines)} File too large\n"
    assert path.read_bytes().endswith(b"\n")
    assert 4096 - path.stat().st_size < len(encode_line(lines[-1]))
