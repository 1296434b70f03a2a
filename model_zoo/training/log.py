"""The log of a run: NAME.csv, one line an epoch."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from pathlib import Path

from model_zoo.atomic import write_whole
from model_zoo.errors import DataError


@dataclass(frozen=True)
class EpochLog:
    """One line; a figure that was not measured is empty.

    Attributes:
        epoch: 1, 2, ...
        images: trained on in this epoch, synthetic ones included.
        loss: mean loss of an image, augmented.
        validation_loss: mean loss of a validation image, not augmented.
        validation_character_accuracy: see `metrics.Measured`.
        validation_exact_match: with greedy decoding.
        validation_beam_exact_match: with a prefix beam search of width 10.
        weights: what was validated, `average` or `network` (as trained).
        learning_rate: of the last step.
        seconds: that the epoch took, validation included.
    """

    epoch: int
    images: int
    loss: float
    validation_loss: float | None = None
    validation_character_accuracy: float | None = None
    validation_exact_match: float | None = None
    validation_beam_exact_match: float | None = None
    weights: str = "network"
    learning_rate: float = 0.0
    seconds: float = 0.0


def append(path: Path, log: EpochLog) -> None:
    """Add a line; the first epoch starts the file anew, and so does one whose file is gone.

    Raises:
        DataError: the file cannot be written.
    """
    row, new = asdict(log), log.epoch == 1 or not path.exists()
    try:
        with path.open("w" if new else "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            if new:
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
        write_whole(path, "".join(lines[: epoch + 1]).encode())
