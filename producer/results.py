"""The journal of a job: results.jsonl, one line per image, appended and never rewritten.

A line is written once an image is answered, so what is missing from the file is what `resume` sends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any

from model_zoo.sure import is_unsure
from producer.errors import UsageError
from producer.json_lines import parse_line
from worker.contract import (
    Answer,
    AnswerError,
    Candidate,
    ContractError,
    add_if_known,
    candidates_object,
    checked_answer,
    error_object,
)

# Of a line without an error. Nothing else in it reads so: within a string every quotation mark is escaped.
_NO_ERROR = b'"error": null'


@dataclass(frozen=True)
class ResultLine:
    """One line of results.jsonl.

    Attributes:
        id: the image's number in the manifest.
        file: its path relative to the directory, as os.fsdecode gives it.
        text: what was read; None where there is an error.
        probability: of the text, among all allowed strings.
        n_best: the most probable readings, best first.
        error: why there is no text.
        worker: the name of the worker that answered; None where the producer could not read the file.
        attempt: which sending of the batch was answered, from 1; 0 where nothing was sent.
        proven: whether no allowed string is more probable; None where that is not known.
        allowed_mass: of all allowed strings together under the model itself; None where that is not known.
        probability_high: the most that the probability can be; None where it is known exactly.
        unsure: True where the probability is below the `--min-probability` that the job was submitted with.
        seen: whether the model was trained on this very file; None where that is not known.
    """

    id: int
    file: str
    text: str | None = None
    probability: float | None = None
    n_best: tuple[Candidate, ...] = ()
    error: AnswerError | None = None
    worker: str | None = None
    attempt: int = 0
    proven: bool | None = None
    allowed_mass: float | None = None
    probability_high: float | None = None
    seen: bool | None = None
    unsure: bool | None = None


def line_of(answer: Answer, file: str, worker: str | None, attempt: int) -> ResultLine:
    """The journal's line for an answer."""
    return ResultLine(
        answer.id,
        file,
        answer.text,
        answer.probability,
        answer.n_best,
        answer.error,
        worker,
        attempt,
        answer.proven,
        answer.allowed_mass,
        answer.probability_high,
        answer.seen,
    )


def encode_line(line: ResultLine) -> str:
    """A line as ASCII JSON with its newline; non-UTF-8 names survive as surrogates.

    `proven`, `allowed_mass`, `probability_high` and `seen` are left out where they are None, as in older
    journals.
    """
    content = {
        "id": line.id,
        "file": line.file,
        "text": line.text,
        "probability": line.probability,
        "n_best": candidates_object(line.n_best),
        "error": None if line.error is None else error_object(line.error),
        "worker": line.worker,
        "attempt": line.attempt,
    }
    add_if_known(content, line.proven, line.allowed_mass, line.probability_high, line.seen)
    if line.unsure is not None:
        content["unsure"] = line.unsure
    return json.dumps(content) + "\n"


def decode_line(data: dict[str, Any]) -> ResultLine:
    """The inverse of `encode_line`. Raises ContractError where a field does not fit."""
    number, text, probability, n_best, error, proven, mass, high, seen = checked_answer(data)
    try:
        file = data["file"]
    except KeyError as lacking:
        raise ContractError(f"a line lacks {lacking}") from lacking
    worker, attempt = data.get("worker"), data.get("attempt", 0)
    unsure = True if data.get("unsure") is True else None
    return ResultLine(
        number, file, text, probability, n_best, error, worker, attempt, proven, mass, high, seen, unsure
    )


def read_results(path: Path, failed_only: bool = False) -> Iterator[ResultLine]:
    """The lines of a journal, in the order in which they were answered; a torn last line is left out.

    Args:
        path: of the journal.
        failed_only: leave out the lines without an error, which are looked at no closer.

    Raises:
        UsageError: the file is not there, or a line in the middle is no result.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; name a run folder of `submit`") from error
    with stream:
        for number, raw in enumerate(stream, 1):
            if not raw.endswith(b"\n"):
                return
            if failed_only and _NO_ERROR in raw:
                continue
            try:
                yield decode_line(parse_line(raw))
            except (ValueError, ContractError) as error:
                raise UsageError(f"{path}, line {number} is not a result: {error}") from error


class Journal:
    """Appends to results.jsonl and knows which images are answered (one bit an image).

    Args:
        path: of results.jsonl.
        min_probability: answers below it are marked as unsure; None marks none.

    Raises:
        UsageError: the file cannot be opened for writing, or holds what is no result.
    """

    def __init__(self, path: Path, min_probability: float | None = None) -> None:
        self._min_probability = min_probability
        self._answered = bytearray()
        self.n_answered = 0
        self._path = path
        try:
            self._stream = self._open()
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}; change its owner or mode"
            ) from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def has(self, image_id: int) -> bool:
        """Whether the image is answered."""
        byte = image_id >> 3
        return byte < len(self._answered) and bool(self._answered[byte] >> (image_id & 7) & 1)

    def append(self, lines: Iterable[ResultLine]) -> list[ResultLine]:
        """Write the lines of images that had none, to the disk itself, and return those.

        Raises:
            OSError: the disk is full, say; nothing is marked answered then, and the torn line is cut off.
        """
        new: dict[int, ResultLine] = {}
        for line in lines:
            if not self.has(line.id):
                new.setdefault(line.id, self._judged(line))
        if not new:
            return []
        data = memoryview("".join(map(encode_line, new.values())).encode("ascii"))
        end = self._path.stat().st_size
        try:
            while data:
                data = data[self._stream.write(data) :]
            os.fsync(self._stream.fileno())
        except OSError:
            os.truncate(self._path, end)
            raise
        for image_id in new:
            self._mark(image_id)
        return list(new.values())

    def _judged(self, line: ResultLine) -> ResultLine:
        unsure = line.text is not None and is_unsure(line.probability, self._min_probability)
        return replace(line, unsure=True) if unsure else line

    def _open(self) -> FileIO:
        self._path.touch(mode=0o600)
        end = 0
        with self._path.open("rb") as stream:
            for raw in stream:
                if not raw.endswith(b"\n"):
                    break
                end += len(raw)
        # A kill in the middle of a write leaves half a line: it was never acknowledged, so it goes.
        os.truncate(self._path, end)
        for line in read_results(self._path):
            self._mark(line.id)
        return FileIO(self._path, "a")

    def _mark(self, image_id: int) -> None:
        byte, bit = divmod(image_id, 8)
        if byte >= len(self._answered):
            self._answered.extend(bytes(byte + 1 - len(self._answered)))
        if not self._answered[byte] >> bit & 1:
            self._answered[byte] |= 1 << bit
            self.n_answered += 1
