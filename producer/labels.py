"""The right texts of a job's images: from the file names, from a CSV file, or from nowhere."""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from model_zoo.errors import DataError
from model_zoo.labels_csv import COLUMNS, file_key, label_rows
from model_zoo.stem import stem_label
from producer.errors import UsageError


class LabelError(UsageError):
    """Labels that cannot be read or that contradict each other."""


class LabelSource(Protocol):
    """Says what an image should read, one image at a time, so that any number of them streams through."""

    @property
    def name(self) -> str:
        """As given to `--labels`."""

    def label_of(self, file: str) -> str | None:
        """The right text of `file` (relative to the directory), None where nobody knows it."""

    def note(self, images: int, labelled: int) -> str | None:
        """A sentence for the report, if `labelled` of `images` files found a label and that needs a word."""


@dataclass(frozen=True)
class NoLabels:
    """`--labels none`: nothing is known, so nothing is measured."""

    name: str = "none"

    def label_of(self, file: str) -> str | None:
        """None, whatever the file."""
        return None

    def note(self, images: int, labelled: int) -> str | None:
        """Nobody asked for labels, so there is nothing to say."""
        return None


@dataclass(frozen=True)
class StemLabels:
    """`--labels stem`: a file is named after its text, `label.png` or `label_anything.png`."""

    name: str = "stem"

    def label_of(self, file: str) -> str | None:
        """The file's stem up to its first underscore; None where nothing stands there (`_1.png`, `.png`)."""
        return stem_label(file)

    def note(self, images: int, labelled: int) -> str | None:
        """A word about files whose name leaves no label."""
        if labelled == images:
            return None
        verb = "has" if images - labelled == 1 else "have"
        return (
            f"{images - labelled} of {images} images {verb} no label: the file's name starts with '_' or '.'"
        )


@dataclass(frozen=True)
class CsvLabels:
    """`--labels FILE.csv`: one row an image, read into memory whole.

    Attributes:
        name: the path as given.
        labels: `file_key` of a file -> its label.
    """

    name: str
    labels: dict[str, str] = field(repr=False)

    def label_of(self, file: str) -> str | None:
        """The label of the row that names `file`; `./a.png` and `a.png` are one file."""
        return self.labels.get(file_key(file))

    def note(self, images: int, labelled: int) -> str | None:
        """A word about rows that fit no image, or images without a row."""
        if labelled == images:
            return None
        if labelled:
            return f"{self.name} has a label for {labelled} of {images} images; the others are not measured"
        example = next(iter(self.labels), None)
        if example is None:
            return f"{self.name} has no label at all, so nothing was measured"
        return (
            f"no row of {self.name} names one of the {images} images (it names {example!r}, say), so nothing "
            f"was measured; file names must be relative to the directory of the images; {COLUMNS}"
        )


def parse_labels_option(text: str) -> LabelSource:
    """The source that the text of `--labels` names: `stem`, `none`, or the path of a CSV file.

    Raises:
        LabelError: no such file, or a file whose rows are no labels.
    """
    if text == "stem":
        return StemLabels()
    if text == "none":
        return NoLabels()
    return read_labels(Path(text))


def read_labels(path: Path) -> CsvLabels:
    """The labels in a CSV file, see `model_zoo.labels_csv`.

    Raises:
        LabelError: a file that cannot be read or is not UTF-8, a row too short, one file with two labels.
    """
    labels: dict[str, str] = {}
    lines = array("Q")  # where each of the labels stands, in the same order
    try:
        for row in label_rows(path):
            key = row.file
            label = labels.setdefault(key, row.label)
            if len(labels) > len(lines):
                lines.append(row.line)
            elif label != row.label:
                line = dict(zip(labels, lines, strict=True))[key]
                raise LabelError(
                    f"{path} gives {row.written!r} two labels, {label!r} in line {line} and "
                    f"{row.label!r} in line {row.line}; keep the right one"
                )
    except DataError as error:
        raise LabelError(str(error)) from error
    except OSError as error:
        raise LabelError(
            f"labels {os.fspath(path)!r} cannot be read ({error.strerror}); give stem, none or the path of a "
            "CSV file"
        ) from error
    return CsvLabels(os.fspath(path), labels)
