"""The log of a run: NAME.csv, one line an epoch."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from pathlib import Path

from model_zoo.errors import DataError


@dataclass(frozen=True)
class EpochLog:
    """One line.

    Attributes:
        epoch: 1, 2, ...
        images: trained on in this epoch, synthetic ones included.
        loss: mean CTC loss of an image, augmented.
        validation_exact_match: of the averaged weights, with greedy decoding.
        seconds: that the epoch took.
    """

    epoch: int
    images: int
    loss: float
    validation_exact_match: float
    seconds: float


def append(path: Path, log: EpochLog) -> None:
    """Add a line; the first epoch starts the file anew.

    Raises:
        DataError: the file cannot be written.
    """
    row = asdict(log)
    try:
        with path.open("w" if log.epoch == 1 else "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            if log.epoch == 1:
                writer.writeheader()
            writer.writerow(row)
    except OSError as error:
        raise DataError(
            f"log {str(path)!r} cannot be written ({error.strerror}); make room and try again"
        ) from error


def trim(path: Path, epoch: int) -> None:
    """Drop what follows `epoch`: a line is written before its checkpoint, and a kill may fall in between."""
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[: epoch + 1]), encoding="utf-8")
