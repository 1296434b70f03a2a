"""The labelled images of one style, checked before anything is trained on them.

Whatever cannot be used is named, file by file, with the reason; a folder that cannot be learned from at all
is refused in one sentence.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model_zoo.errors import DataError, UnreadableImage
from model_zoo.preprocess import read_file, read_image
from model_zoo.split import LabelledFile
from model_zoo.style.listing import Listing, list_folder
from model_zoo.style.problems import LONGEST, Kind, Problem, Samples
from model_zoo.style.samples_text import case_of, problems_in_words, quoted, samples_json, shown
from model_zoo.told import count
from model_zoo.visible import visible

__all__ = [
    "FEWEST_IMAGES",
    "Kind",
    "Problem",
    "Samples",
    "case_of",
    "problems_in_words",
    "read_samples",
    "samples_json",
]

# Of fewer, three parts hold too few images to learn from, to stop by and to measure on.
FEWEST_IMAGES = 30

# So many files are named in a refusal, whose sentence would drown in more.
_NAMED = 3


@dataclass(frozen=True)
class _Copies:
    """All files of the same bytes that have a label."""

    sha256: str
    size: tuple[int, int]  # (width, height)
    files: list[Path] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def problems(self, reason: str, kind: Kind) -> list[Problem]:
        return [
            Problem(path, label, reason, kind) for path, label in zip(self.files, self.labels, strict=True)
        ]


def read_samples(data: Path, labels: Path | None = None, *, max_length: int = LONGEST) -> Samples:
    """The labelled images under a folder, each read once; nothing of their pixels is kept.

    Args:
        data: the folder.
        labels: a CSV file, see `model_zoo.labels_csv`; None for the file names' stems.
        max_length: characters of a label.

    Raises:
        DataError: no such folder, a CSV file that cannot be used, fewer than `FEWEST_IMAGES` usable images,
            more than half of the labelled images unusable, or a single label or character in all of them.
    """
    listing = list_folder(data, labels)
    read, problems = _read(data, listing)
    problems += listing.problems
    conflicts = [copies for copies in read if len(set(copies.labels)) > 1]
    kept = []
    for copies in read:
        if len(set(copies.labels)) > 1:
            continue
        if (wrong := _wrong_with(copies.labels[0], max_length)) is not None:
            problems += copies.problems(*wrong)
        else:
            kept.append(copies)
    kept, rare = _without_rare(kept)
    problems += rare
    _refuse_what_cannot_be_learned(listing, kept, _in_order([*problems, *_of_conflicts(conflicts)], data))
    lengths = [len(copies.labels[0]) for copies in kept]
    return Samples(
        files=tuple(LabelledFile(copies.files[0], copies.labels[0], copies.sha256) for copies in kept),
        unusable=tuple(_in_order(problems, data)),
        duplicates=tuple(tuple(copies.files) for copies in kept if len(copies.files) > 1),
        conflicts=tuple(tuple(copies.files) for copies in conflicts),
        sizes=Counter(copies.size for copies in kept),
        charset="".join(sorted({char for copies in kept for char in copies.labels[0]})),
        min_length=min(lengths),
        max_length=max(lengths),
        folder=data,
        images=len(listing.images),
        conflict_labels=tuple(tuple(copies.labels) for copies in conflicts),
    )


def _read(data: Path, listing: Listing) -> tuple[list[_Copies], list[Problem]]:
    """The images that have a label, in order of the first file of the same bytes, and what is no image."""
    found: dict[str, _Copies | str] = {}  # of bytes that are no image, the reason
    problems = []
    for name, label in listing.labels.items():
        path = data / name
        try:
            content = read_file(path)
        except UnreadableImage as error:
            problems.append(Problem(path, label, str(error).removeprefix(f"{str(path)!r} ")))
            continue
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 not in found:
            found[sha256] = _decoded(sha256, content)
        copies = found[sha256]
        if isinstance(copies, str):
            problems.append(Problem(path, label, copies))
        else:
            copies.files.append(path)
            copies.labels.append(label)
    return [copies for copies in found.values() if isinstance(copies, _Copies)], problems


def _decoded(sha256: str, content: bytes) -> _Copies | str:
    try:
        grey = read_image(content)
    except UnreadableImage as error:
        return str(error)
    if grey.min() == grey.max():
        return "all pixels are of one grey, so there is no text to be seen"
    return _Copies(sha256, (grey.shape[1], grey.shape[0]))


def _wrong_with(label: str, max_length: int) -> tuple[str, Kind] | None:
    for char in label:
        if char.isspace() or not char.isprintable():
            named = "a space" if char == " " else visible(char)
            return f"its label has {named}, which is no visible character", "unprintable"
    if len(label) > max_length:
        reason = f"its label {quoted(label)} has {count(len(label), 'character')}, the most are {max_length}"
        return reason, "too_long"
    return None


def _without_rare(kept: list[_Copies]) -> tuple[list[_Copies], list[Problem]]:
    """Leave out images with a character of their own, again and again, as that makes others rare."""
    problems: list[Problem] = []
    while True:
        images = Counter(char for copies in kept for char in set(copies.labels[0]))
        stay = []
        for copies in kept:
            rare = next((char for char in copies.labels[0] if images[char] == 1), None)
            if rare is None:
                stay.append(copies)
            else:
                problems += copies.problems(f"no other usable image has {rare!r}", "rare_character")
        if len(stay) == len(kept):
            return kept, problems
        kept = stay


def _in_order(problems: list[Problem], folder: Path) -> list[Problem]:
    return sorted(problems, key=lambda problem: shown(problem.path, folder))


def _of_conflicts(conflicts: Sequence[_Copies]) -> list[Problem]:
    return [
        problem
        for copies in conflicts
        for problem in copies.problems("the same image has another label elsewhere", "two_labels")
    ]


def _refuse_what_cannot_be_learned(
    listing: Listing, kept: Sequence[_Copies], problems: Sequence[Problem]
) -> None:
    folder = f"data folder {str(listing.folder)!r}"
    # Who labels some of many images in a CSV file has done nothing wrong.
    harmless = {"not_in_folder"} if listing.table is None else {"not_in_folder", "no_label"}
    bad = [problem for problem in problems if problem.kind not in harmless]
    used = sum(len(copies.files) for copies in kept)
    if used + len(bad) >= FEWEST_IMAGES and len(bad) > used:
        where = "the file names" if listing.table is None else repr(listing.table.name)
        raise DataError(
            f"{len(bad):,} of {used + len(bad):,} labelled images in {folder} cannot be used, expected at "
            f"most half of them; mend or remove them, and check the labels in {where}; the first are "
            f"{_named(bad, listing.folder)}"
        )
    if len(kept) < FEWEST_IMAGES:
        copied = f" (and {count(used - len(kept), 'file')} of the same bytes)" if used > len(kept) else ""
        raise DataError(
            f"{folder} has {count(len(kept), 'usable labelled image')}{copied}, expected at least "
            f"{FEWEST_IMAGES}; add labelled images"
            + (f"; left out are {_named(bad, listing.folder)}" if bad else "")
        )
    labels = {copies.labels[0] for copies in kept}
    for what, found in (("the label", labels), ("the character", set().union(*labels))):
        if len(found) == 1:
            by_name = listing.table is None and found is labels
            advice = (
                "a label is what stands before the first underscore of a file's name, or in a table: give "
                "--labels FILE.csv, or other names"
                if by_name
                else "add images of other texts"
            )
            raise DataError(
                f"all {len(kept):,} usable images in {folder} have {what} {quoted(found.pop())} alone, "
                f"expected several; {advice}"
                + (f"; left out are {_named(bad, listing.folder)}" if bad else "")
            )


def _named(problems: Sequence[Problem], folder: Path) -> str:
    named = [f"{shown(problem.path, folder)} ({visible(problem.reason)})" for problem in problems[:_NAMED]]
    more = len(problems) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")
