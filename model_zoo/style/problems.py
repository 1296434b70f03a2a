"""The labelled images of a folder that can be used, and what is wrong with the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model_zoo.split import LabelledFile

# Characters of a label: each gets three frames of the network, of which the widest input has 96.
LONGEST = 32

Kind = Literal[
    "no_label", "two_labels", "not_in_folder", "unreadable", "unprintable", "too_long", "rare_character"
]

# What a list of such files is headed with, after their number; the first word for one file, then for more.
TITLES: dict[Kind, tuple[str, str]] = {
    "unreadable": ("image cannot be read", "images cannot be read"),
    "no_label": ("image has no label", "images have no label"),
    "two_labels": ("image has two labels in the CSV file", "images have two labels in the CSV file"),
    "unprintable": (
        "label has a character that cannot be learned",
        "labels have a character that cannot be learned",
    ),
    "too_long": ("label is too long", "labels are too long"),
    "rare_character": (
        "label has a character that no other image has",
        "labels have a character that no other image has",
    ),
    "not_in_folder": (
        "row of the CSV file names no image of the folder",
        "rows of the CSV file name no image of the folder",
    ),
}


@dataclass(frozen=True)
class Problem:
    """One file that is left out, or worth a look.

    Attributes:
        path: of the file.
        label: that it has; empty where it has none.
        reason: one short phrase for people.
        kind: for programs, and what lists are grouped by; a key of `TITLES`.
    """

    path: Path
    label: str
    reason: str
    kind: Kind = "unreadable"


@dataclass(frozen=True)
class Samples:
    """The usable images of a folder, and everything that is left out.

    Attributes:
        files: usable, one per distinct bytes, in order of path.
        unusable: images that cannot be used and rows of the CSV file without an image, in order of path.
        duplicates: files of the same bytes and label, in order of path; only the first is used.
        conflicts: files of the same bytes with two labels; none is used.
        sizes: (width, height) in pixels of the usable images -> how many have it.
        charset: the characters of the usable labels, sorted.
        min_length: the fewest characters of a usable label.
        max_length: the most.
        folder: that was read.
        images: image files in it, usable or not.
        conflict_labels: of the files in `conflicts`.
    """

    files: tuple[LabelledFile, ...]
    unusable: tuple[Problem, ...]
    duplicates: tuple[tuple[Path, ...], ...]
    conflicts: tuple[tuple[Path, ...], ...]
    sizes: Counter[tuple[int, int]]
    charset: str
    min_length: int
    max_length: int
    folder: Path
    images: int = 0
    conflict_labels: tuple[tuple[str, ...], ...] = ()
