"""What was left out of a folder of labelled images, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from model_zoo.style.problems import TITLES, Samples
from model_zoo.visible import visible

# So many files of each kind are named on the terminal.
_LISTED = 10
# A label of a CSV file may have any length; so much of it is shown.
_SHOWN = 40


def shown(path: Path, folder: Path) -> str:
    """The path as a reader may see it: relative to the folder, with slashes."""
    return visible((path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix())


def quoted(label: str) -> str:
    """A label in quotes; of a long one the beginning."""
    return repr(label if len(label) <= _SHOWN else f"{label[:_SHOWN]}...")


def case_of(labels: Iterable[str]) -> Literal["lower", "upper", "both", "none"]:
    """Of which case the letters of labels are; `none` where no character has a case.

    Labels of one case may be those of images that show both, written by someone who saw no difference.
    """
    chars = set().union(*labels)
    lower, upper = any(char.islower() for char in chars), any(char.isupper() for char in chars)
    if lower and upper:
        return "both"
    return "lower" if lower else "upper" if upper else "none"


def problems_in_words(samples: Samples) -> list[str]:
    """What was left out, as lines for a terminal: ten files of a kind at most; none where all is well."""
    lines: list[str] = []
    for kind, titles in TITLES.items():
        found = [problem for problem in samples.unusable if problem.kind == kind]
        files = [f"{shown(problem.path, samples.folder)}: {visible(problem.reason)}" for problem in found]
        lines += _listed(titles, files)
    conflicts = [
        ", ".join(f"{shown(path, samples.folder)} ({quoted(label)})" for path, label in pairs)
        for pairs in _pairs_of_conflicts(samples)
    ]
    lines += _listed(
        ("image has two labels and is not used", "images have two labels and are not used"), conflicts
    )
    copies = [", ".join(shown(path, samples.folder) for path in paths) for paths in samples.duplicates]
    lines += _listed(
        ("image is there more than once and used once", "images are there more than once and used once"),
        copies,
    )
    return lines


def samples_json(samples: Samples) -> dict[str, Any]:
    """The same for programs, with every file; names relative to the folder, as `visible` shows them."""
    return {
        "folder": visible(str(samples.folder)),
        "images": samples.images,
        "used": len(samples.files),
        "distinct_labels": len({file.label for file in samples.files}),
        "charset": samples.charset,
        "min_length": samples.min_length,
        "max_length": samples.max_length,
        "case": case_of([samples.charset]),
        "sizes": [
            {"width": width, "height": height, "images": images}
            for (width, height), images in samples.sizes.most_common()
        ],
        "unusable": [
            {
                "file": shown(problem.path, samples.folder),
                "label": visible(problem.label),
                "kind": problem.kind,
                "reason": visible(problem.reason),
            }
            for problem in samples.unusable
        ],
        "duplicates": [[shown(path, samples.folder) for path in paths] for paths in samples.duplicates],
        "conflicts": [
            [{"file": shown(path, samples.folder), "label": visible(label)} for path, label in pairs]
            for pairs in _pairs_of_conflicts(samples)
        ],
    }


def _listed(titles: tuple[str, str], files: Sequence[str]) -> Iterator[str]:
    if not files:
        return
    yield f"{len(files):,} {titles[len(files) > 1]}:"
    for file in files[:_LISTED]:
        yield f"  {file}"
    if len(files) > _LISTED:
        yield f"  and {len(files) - _LISTED:,} more"


def _pairs_of_conflicts(samples: Samples) -> Iterator[list[tuple[Path, str]]]:
    for paths, labels in zip(samples.conflicts, samples.conflict_labels, strict=True):
        yield list(zip(paths, labels, strict=True))
