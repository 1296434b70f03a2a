"""Which files of a folder are images, and which label each has."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_zoo.errors import DataError
from model_zoo.formats import HEAD_BYTES, IMAGE_EXTENSIONS, sniff_format
from model_zoo.labels_csv import COLUMNS, LabelRow, file_key, label_rows
from model_zoo.stem import stem_label
from model_zoo.style.problems import Problem

# How the files begin that macOS puts beside every file of an archive: `._NAME`, which holds no picture.
_APPLE_DOUBLE = b"\x00\x05\x16\x07"


@dataclass(frozen=True)
class Listing:
    """The images of a folder with their labels.

    Attributes:
        folder: where they lie.
        table: the CSV file of their labels; None where their names hold them.
        images: file names relative to the folder, with slashes, sorted.
        labels: file name -> label in NFC, never empty.
        problems: of images without one label, and of rows of the CSV file without an image.
    """

    folder: Path
    table: Path | None
    images: tuple[str, ...]
    labels: dict[str, str]
    problems: tuple[Problem, ...]


def list_folder(data: Path, labels: Path | None) -> Listing:
    """Every image under `data`; files are images by extension, others by their first bytes.

    Args:
        data: the folder; links to folders are not followed.
        labels: a CSV file, see `model_zoo.labels_csv`; None for the file names' stems.

    Raises:
        DataError: no such folder, no images in it, or a CSV file that cannot be read or names none of them.
    """
    if not data.is_dir():
        wrong = "is a file" if data.exists() else "is not there"
        raise DataError(f"data folder {str(data)!r} {wrong}; give a folder of labelled images")
    images = sorted(_images(data))
    if not images:
        raise DataError(
            f"data folder {str(data)!r} holds no images; expected files named LABEL.png, or a CSV file of "
            "labels (--labels) and the images that it names"
        )
    if labels is None:
        return _by_stem(data, images)
    return _by_table(data, images, labels)


def _images(data: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise DataError(
            f"folder {str(error.filename)!r} cannot be listed ({error.strerror}); give this user the "
            "right to read it, or another folder"
        ) from error

    for folder, _, names in os.walk(data, onerror=refuse):
        for name in names:
            path = Path(folder, name)
            if _is_image(path):
                yield path.relative_to(data).as_posix()


def _is_image(path: Path) -> bool:
    named_so = path.suffix.lower() in IMAGE_EXTENSIONS
    if not path.is_file():
        return named_so and path.is_symlink()  # a link to nothing, which someone should hear of
    if named_so and not path.name.startswith("._"):
        return True
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return named_so
    return not head.startswith(_APPLE_DOUBLE) if named_so else sniff_format(head) is not None


def _by_stem(data: Path, images: Sequence[str]) -> Listing:
    labels, problems = {}, []
    for name in images:
        label = stem_label(name)
        if label is None:
            reason = "nothing stands before the first underscore or dot of its name"
            problems.append(Problem(data / name, "", reason, "no_label"))
        else:
            labels[name] = label
    return Listing(data, None, tuple(images), labels, tuple(problems))


def _by_table(data: Path, images: Sequence[str], table: Path) -> Listing:
    rows = _rows_of(table)
    known = {file_key(name) for name in images}
    if rows and not known & rows.keys():
        example = next(iter(rows.values()))[0].written
        raise DataError(
            f"no row of {str(table)!r} names one of the {len(images):,} images in {str(data)!r} (it names "
            f"{example!r}, say); file names must be relative to the folder; {COLUMNS}"
        )
    labels, problems = {}, []
    for name in images:
        found = rows.get(file_key(name), [])
        first = found[0] if found else None
        other = next((row for row in found if row.label != found[0].label), None)
        if first is None:
            problems.append(Problem(data / name, "", f"{table.name} has no label for it", "no_label"))
        elif other is not None:
            reason = (
                f"{table.name} gives it {first.label!r} in line {first.line} and {other.label!r} in line "
                f"{other.line}"
            )
            problems.append(Problem(data / name, first.label, reason, "two_labels"))
        else:
            labels[name] = first.label
    for name in sorted(rows.keys() - known):
        row = rows[name][0]
        reason = f"named in line {row.line} of {table.name}"
        problems.append(Problem(data / name, row.label, reason, "not_in_folder"))
    return Listing(data, table, tuple(images), labels, tuple(problems))


def _rows_of(table: Path) -> dict[str, list[LabelRow]]:
    """`file_key` of a file -> all rows that name it, in their order."""
    rows: dict[str, list[LabelRow]] = {}
    try:
        for row in label_rows(table):
            rows.setdefault(row.file, []).append(row)
    except OSError as error:
        raise DataError(
            f"labels {str(table)!r} cannot be read ({error.strerror}); give the path of a CSV file"
        ) from error
    if not rows:
        raise DataError(
            f"{str(table)!r} has no label at all; expected a row an image: a file name and a label"
        )
    return rows
