"""A CSV file of labels: one row an image, its file name and its text. Standard library only.

`producer submit --labels FILE.csv` and `model-zoo train --labels FILE.csv` read the same file alike.
docs/report.md says what may stand in it.
"""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_zoo.errors import DataError
from model_zoo.nfc import nfc

# What may stand between two cells, and what a message calls it.
_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}

_FILE_COLUMNS = ("file", "filename", "path", "image")
_LABEL_COLUMNS = ("label", "text")

# For whoever has a file of which no row fits: it may have columns that nobody knows.
COLUMNS = (
    f"a header calls the columns {', '.join(_FILE_COLUMNS[:-1])} or {_FILE_COLUMNS[-1]}, and "
    f"{' or '.join(_LABEL_COLUMNS)}; without such a header they are the first two"
)


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row that gives a file a label.

    Attributes:
        line: the number of its last line, from 1.
        written: the file name as it stands there.
        label: the right text, in NFC, never empty.
    """

    line: int
    written: str
    label: str

    @property
    def file(self) -> str:
        """The key of the file that it names."""
        return file_key(self.written)


def file_key(name: str) -> str:
    """What a row and a file that belong together share: `./a.png` and `a.png` are one file.

    So are names that differ in their Unicode form alone: the table of a folder from macOS is often NFC, the
    names in the folder NFD. A key opens no file.
    """
    return nfc(posixpath.normpath(name))


def label_rows(path: Path) -> Iterator[LabelRow]:
    """The rows of a CSV file (UTF-8; commas, semicolons or tabs) in their order.

    The columns are those that a header calls file/filename/path/image and label/text; without such a header,
    the first two. A row with an empty label says nothing, like no row.

    Raises:
        DataError: a file that is not UTF-8 or no CSV, or a row too short.
        OSError: a file that cannot be read.
    """
    data = path.read_bytes()  # whole, because a pipe cannot be read twice
    try:
        yield from _rows(path, data)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 (byte 0x{error.object[error.start]:02x}); save it as 'CSV UTF-8', or "
            "convert it: iconv -f WINDOWS-1252 -t UTF-8"
        ) from error


def _rows(path: Path, data: bytes) -> Iterator[LabelRow]:
    separator = _separator(data)
    named = _SEPARATORS.get(separator or "", "a comma, a semicolon or a tab")
    reader = _reader(data, separator or ",")
    file_column, label_column, first = 0, 1, True
    try:
        for row in reader:
            if not row:
                continue
            if first and (columns := _header(row)) is not None:
                file_column, label_column = columns
            elif len(row) <= max(file_column, label_column):
                raise DataError(
                    f"{os.fspath(path)}, line {reader.line_num} has "
                    f"{len(row)} {'column' if len(row) == 1 else 'columns'}, expected at least "
                    f"{max(file_column, label_column) + 1}: a file name and a label, separated by {named}"
                )
            elif row[label_column]:
                yield LabelRow(reader.line_num, row[file_column], nfc(row[label_column]))
            first = False
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num} is not CSV: {error}") from error


def _reader(data: bytes, separator: str) -> Any:  # csv's own class has no public name
    # Decoded line by line: as one text a million rows would be there twice more, at up to four bytes a
    # character. utf-8-sig drops the byte order mark that spreadsheets write; newline="" is what csv asks for.
    lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def _separator(data: bytes) -> str | None:
    """The one that ends the first cell of the first row; None where that row has a single cell.

    Not the one that occurs most: a label may hold commas in a file of semicolons, as spreadsheets of many
    countries write it.
    """
    found: dict[str, int] = {}
    for separator in _SEPARATORS:
        try:
            first: list[str] = next((row for row in _reader(data, separator) if row), [])
        except csv.Error:  # a cell without end where the separator is another
            continue
        if len(first) > 1:
            found[separator] = len(first[0])
    return min(found, key=found.__getitem__, default=None)


def _header(row: list[str]) -> tuple[int, int] | None:
    """The columns of file and label if `row` is a header that names both."""
    names = [name.strip().casefold() for name in row]
    files = [column for column, name in enumerate(names) if name in _FILE_COLUMNS]
    labels = [column for column, name in enumerate(names) if name in _LABEL_COLUMNS]
    return (files[0], labels[0]) if files and labels else None
