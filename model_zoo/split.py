"""Labelled images in a folder, and the one rule that says which of them a model may learn from.

part = int(sha256(file bytes), 16) mod 10. Parts 0-2 are for the test, part 3 for validation, the rest for
training. The rule looks at content alone, so that a renamed or copied file stays in its part, on every
machine. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_zoo.errors import DataError
from model_zoo.formats import IMAGE_EXTENSIONS, READABLE
from model_zoo.stem import stem_label

RULE = "part = int(sha256(file bytes), 16) mod 10; 0-2 test, 3 validation, 4-9 train"

N_PARTS = 10

PARTS: dict[str, tuple[int, ...]] = {"test": (0, 1, 2), "validation": (3,), "train": (4, 5, 6, 7, 8, 9)}

# From this share on, one length is taken for the rule and another for a misnamed file.
USUAL_LENGTH_SHARE = 0.95


@dataclass(frozen=True)
class LabelledFile:
    """An image with its right text.

    Attributes:
        path: of the file.
        label: from the file's name, in NFC.
        sha256: of the file's bytes, in hex.
    """

    path: Path
    label: str
    sha256: str

    @property
    def part_number(self) -> int:
        """Of its part, 0 to 9."""
        return part_number(self.sha256)

    @property
    def part(self) -> str:
        """`test`, `validation` or `train`."""
        return part_name(self.sha256)


def part_number(sha256: str) -> int:
    """The number of the part of a file with that sha256 (hex), 0 to 9."""
    return int(sha256, 16) % N_PARTS


def part_name(sha256: str) -> str:
    """The part of a file with that sha256 (hex)."""
    number = part_number(sha256)
    return next(name for name, numbers in PARTS.items() if number in numbers)


def label_of(path: Path) -> str:
    """`3wnd3` for both `3wnd3.png` and `3wnd3_17.png`.

    Raises:
        DataError: a name without a label.
    """
    label = stem_label(path.name)
    if label is None:
        raise DataError(
            f"file {str(path)!r} has no label before its first underscore; rename it to LABEL.png"
        )
    return label


def labelled_files(directory: Path) -> list[LabelledFile]:
    """Every image under `directory`, in the order of the relative paths.

    Raises:
        DataError: no such folder, no images in it, or a name without a label.
    """
    if not directory.is_dir():
        wrong = "is a file" if directory.exists() else "is not there"
        raise DataError(f"data folder {str(directory)!r} {wrong}; give a folder of images named LABEL.png")
    paths = [path for path in directory.rglob("*") if _is_image(path)]
    if not paths:
        raise DataError(f"data folder {str(directory)!r} holds no images; expected files named LABEL.png")
    paths.sort(key=lambda path: path.relative_to(directory).as_posix())
    return [LabelledFile(path, label_of(path), _sha256(path)) for path in paths]


def of_parts(files: Iterable[LabelledFile], parts: Sequence[str]) -> list[LabelledFile]:
    """The files that belong to the named parts.

    Raises:
        DataError: an unknown part, or none of the files is in them.
    """
    for part in parts:
        if part not in PARTS:
            raise DataError(f"part {part!r} is unknown; known are {', '.join(PARTS)}")
    chosen = [file for file in files if file.part in parts]
    if not chosen:
        raise DataError(
            f"no image falls into {' or '.join(parts)}; add more images, about one in ten is validation"
        )
    return chosen


def write_list(files: Iterable[LabelledFile], directory: Path, out: Path) -> int:
    """Write the paths of `files` relative to `directory`, one a line, in the file system's bytes.

    Returns:
        How many there are.

    Raises:
        DataError: a path with a line break, or a list that cannot be written.
    """
    names = [file.path.relative_to(directory).as_posix() for file in files]
    for name in names:
        if "\n" in name or "\r" in name:
            raise DataError(f"path {name!r} has a line break, which no list can hold; rename the file")
    try:
        out.write_bytes(b"".join(os.fsencode(name) + b"\n" for name in names))
    except OSError as error:
        raise DataError(
            f"list {str(out)!r} cannot be written ({error.strerror}); give another path"
        ) from error
    return len(names)


def data_hash(files: Iterable[LabelledFile]) -> str:
    """sha256 over the sorted sha256 of the files, one a line: which data it was, whatever the names."""
    return hashlib.sha256("\n".join(sorted(file.sha256 for file in files)).encode()).hexdigest()


def check_lengths(files: Sequence[LabelledFile], allowed: tuple[int, int] | None = None) -> tuple[int, int]:
    """Find misnamed files before hours are spent on them.

    Args:
        files: at least one.
        allowed: the fewest and the most characters of a label; None to find them out.

    Returns:
        The fewest and the most characters there are.

    Raises:
        DataError: a length outside `allowed`; without it, a rare length where nearly all labels share one.
    """
    counts = Counter(len(file.label) for file in files)
    usual, usual_count = counts.most_common(1)[0]
    if allowed is None and usual_count >= USUAL_LENGTH_SHARE * len(files):
        allowed = (usual, usual)
    if allowed is not None:
        for file in files:
            if not allowed[0] <= len(file.label) <= allowed[1]:
                span = f"{allowed[0]}" if allowed[0] == allowed[1] else f"{allowed[0]} to {allowed[1]}"
                raise DataError(
                    f"label {file.label!r} of {file.path.name!r} has {len(file.label)} characters, expected "
                    f"{span}; rename the file, or say --length {min(counts)}-{max(counts)} if it is right"
                )
    return min(counts), max(counts)


def _is_image(path: Path) -> bool:
    return IMAGE_EXTENSIONS.get(path.suffix.lower()) in READABLE and path.is_file()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"file {str(path)!r} cannot be read ({error.strerror}); check its rights") from error
