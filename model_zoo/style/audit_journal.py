"""The runs of an audit on the disk, a line of JSON each: a killed audit loses only the run it was in."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from model_zoo.atomic import write_whole
from model_zoo.errors import DataError

NAME = "audit.jsonl"
VERSION = 2  # 1 had the texts in order of the files' names


@dataclass(frozen=True)
class Head:
    """The first line: what the runs have in common. Runs of another head are another audit's.

    Attributes:
        data: sha256 over the images and their labels.
        seed: of the draws.
        model: NAME@FINGERPRINT of what each run begins with.
        sizes: of the runs.
        seconds: that a run of each size may train.
        draws: planned of each size.
        short: whether the time was too short for more.
    """

    data: str
    seed: int
    model: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    draws: int
    short: bool


@dataclass(frozen=True)
class Run:
    """One run, finished.

    Attributes:
        size: labelled images it learnt from, those that stopped it among them; 0 is the zero-shot run.
        draw: number, from 0.
        characters: different characters that its labels showed.
        allowed: seconds that it might train.
        seconds: that it trained.
        wall: seconds that it took with everything.
        epochs: it trained.
        stopped: why it ended, for people.
        out_of_time: whether it says that time ended it.
        texts: read from each test image, in order of their sha256.
        probabilities: of the texts.
    """

    size: int
    draw: int
    characters: int
    allowed: float
    seconds: float
    wall: float
    epochs: int
    stopped: str
    out_of_time: bool
    texts: tuple[str, ...]
    probabilities: tuple[float, ...]

    @property
    def used_up(self) -> bool:
        """Whether time ended it: with more of it, it might have read better.

        A training keeps some of its time to end in, so it may say so before all of that is gone.
        """
        return self.size > 0 and (self.seconds >= 0.9 * self.allowed or self.out_of_time)


class Journal:
    """The file of one audit.

    Args:
        folder: of the audit; there.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def exists(self) -> bool:
        """Whether an audit was begun here; a head that a kill cut off is none.

        Raises:
            DataError: the file cannot be read.
        """
        return self.path.exists() and b"\n" in self._content()

    def begin(self, head: Head) -> None:
        """Write the head of a new audit.

        Raises:
            DataError: it cannot be written.
        """
        self._append({"version": VERSION, **asdict(head)}, "w")

    def add(self, run: Run) -> None:
        """Write one finished run through to the disk.

        Raises:
            DataError: it cannot be written.
        """
        self._append(asdict(run))

    def read(self) -> tuple[Head, list[Run]]:
        """What is there; half a line at the end, as a kill leaves it, is taken away.

        Raises:
            DataError: the file cannot be read, or is none of an audit.
        """
        content = self._content()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            write_whole(self.path, whole)
        try:
            head, *runs = (json.loads(line) for line in whole.splitlines())
            if head.pop("version") != VERSION:
                raise ValueError("written by another version")
            return Head(**_tuples(head)), [Run(**_tuples(run)) for run in runs]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"file {str(self.path)!r} is no list of runs of this version's audit; delete it, or give "
                "another --out"
            ) from error

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise DataError(
                f"file {str(self.path)!r} cannot be read ({error.strerror}); check its rights"
            ) from error

    def _append(self, row: dict[str, Any], mode: Literal["a", "w"] = "a") -> None:
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
        try:
            with self.path.open(mode, encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DataError(
                f"file {str(self.path)!r} cannot be written ({error.strerror}); make room, or give another "
                "--out"
            ) from error


def of_size(runs: Sequence[Run], size: int) -> list[Run]:
    """The runs of one size, in the order of their draws."""
    return sorted((run for run in runs if run.size == size), key=lambda run: run.draw)


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
