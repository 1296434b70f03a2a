"""The right texts of a job's images: from the file names, from a CSV file, or from nowhere."""

from __future__ import annotations

import csv
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from model_zoo.stem import stem_label
from producer.errors import UsageError

_FILE_COLUMNS = frozenset({"file", "filename", "path", "image"})
_LABEL_COLUMNS = frozenset({"label", "text"})


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
        labels: normalised file name -> its label.
    """

    name: str
    labels: dict[str, str] = field(repr=False)

    def label_of(self, file: str) -> str | None:
        """The label of the row that names `file`; `./a.png` and `a.png` are one file."""
        return self.labels.get(posixpath.normpath(file))

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
            "was measured; file names must be relative to the directory of the images"
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
    """The labels in a CSV file (UTF-8, comma separated, see docs/report.md).

    The columns are those that a header calls file/filename/path/image and label/text; without such a header,
    the first two. A row with an empty label says nothing, like no row.

    Raises:
        LabelError: a file that cannot be read or is not UTF-8, a row too short, one file with two labels.
    """
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, file, label in _rows(path):
        if not label:
            continue
        key = posixpath.normpath(file)
        if labels.setdefault(key, label) != label:
            raise LabelError(
                f"{path} gives {file!r} two labels, {labels[key]!r} in line {lines[key]} and {label!r} in "
                f"line {line}; keep the right one"
            )
        lines.setdefault(key, line)
    return CsvLabels(os.fspath(path), labels)


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """(number of the line, file, label) of each row that is not empty."""
    file_column, label_column, first = 0, 1, True
    try:
        # utf-8-sig drops the byte order mark that spreadsheets write; newline="" is what csv asks for.
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, skipinitialspace=True)
            for row in reader:
                if not row:
                    continue
                if first and (columns := _header(row)) is not None:
                    file_column, label_column = columns
                elif len(row) <= max(file_column, label_column):
                    raise LabelError(
                        _too_short(path, reader.line_num, row, max(file_column, label_column) + 1)
                    )
                else:
                    yield reader.line_num, row[file_column], row[label_column]
                first = False
    except UnicodeDecodeError as error:
        raise LabelError(
            f"{path} is not UTF-8 (byte 0x{error.object[error.start]:02x}); save it as 'CSV UTF-8', or "
            "convert it: iconv -f WINDOWS-1252 -t UTF-8"
        ) from error
    except OSError as error:
        raise LabelError(
            f"labels {os.fspath(path)!r} cannot be read ({error.strerror}); give stem, none or the path of a "
            "CSV file"
        ) from error
    except csv.Error as error:
        raise LabelError(f"{path}, line {reader.line_num} is not CSV: {error}") from error


def _header(row: list[str]) -> tuple[int, int] | None:
    """The columns of file and label if `row` is a header that names both."""
    names = [name.strip().casefold() for name in row]
    files = [column for column, name in enumerate(names) if name in _FILE_COLUMNS]
    labels = [column for column, name in enumerate(names) if name in _LABEL_COLUMNS]
    return (files[0], labels[0]) if files and labels else None


def _too_short(path: Path, line: int, row: list[str], expected: int) -> str:
    columns = "1 column" if len(row) == 1 else f"{len(row)} columns"
    return (
        f"{path}, line {line} has {columns}, expected at least {expected}: a file name and a label, "
        "separated by a comma"
    )
