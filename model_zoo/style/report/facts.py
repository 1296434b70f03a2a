"""What both reports say alike: figures as JSON, and what was left out of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from model_zoo.figures import Share, confusion_json, share_json
from model_zoo.style.figures import Figures
from model_zoo.style.problems import TITLES, Samples
from model_zoo.style.samples_text import shown
from model_zoo.told import count
from model_zoo.visible import visible_character

MAX_CHARACTERS = 100
MAX_NAMED = 100  # files left out that a page names; the JSON has all


def figures_json(figures: Figures) -> dict[str, Any]:
    """All figures but the wrong answers, by the keys of report.json (docs/report.md)."""
    characters = figures.characters
    return {
        "exact_match": share_json(figures.exact_match),
        "character_accuracy": characters.value if characters.n else None,
        "label_characters": characters.n,
        "characters_right": characters.right,
        "by_character": [
            {"character": char, **(share_json(share) or {})} for char, share in figures.by_character
        ],
        "by_position": [
            {"position": number, **(share_json(share) or {})}
            for number, share in enumerate(figures.by_position, start=1)
        ],
        "by_length": [{"length": length, **(share_json(share) or {})} for length, share in figures.by_length],
        "confusions": [confusion_json(confusion) for confusion in figures.confusions],
    }


@dataclass(frozen=True)
class Tables:
    """Shares as the rows of three tables: what it is, and how often it was right."""

    places: list[tuple[str, Share]]
    lengths: list[tuple[str, Share]]
    characters: list[tuple[str, Share]]


def tables(figures: Figures) -> Tables:
    """The tables of a page; at most `MAX_CHARACTERS` characters, the most often missed."""
    return Tables(
        [(str(number), share) for number, share in enumerate(figures.by_position, start=1)],
        [(str(length), share) for length, share in figures.by_length],
        [(visible_character(char), share) for char, share in figures.by_character[:MAX_CHARACTERS]],
    )


def left_out_in_words(samples: Samples) -> str:
    """How many images of the folder were not used, and how many rows of the CSV file name none of them."""
    images = samples.images - len(samples.files)
    rows = sum(it.kind == "not_in_folder" for it in samples.unusable)
    named = f"{count(rows, 'row')} of the CSV file without an image"
    return " and ".join([count(images, "image")] * bool(images) + [named] * bool(rows))


def left_out(samples: Samples) -> list[tuple[str, str]]:
    """File and reason of what was not used, by kind; then same bytes with two labels, then copies."""
    kinds = list(TITLES)
    rows = [
        (shown(it.path, samples.folder), it.reason)
        for it in sorted(samples.unusable, key=lambda it: kinds.index(it.kind))
    ]
    for paths, labels in zip(samples.conflicts, samples.conflict_labels, strict=True):
        for path, label in zip(paths, labels, strict=True):
            rows.append((shown(path, samples.folder), f"labelled {label!r}, another copy otherwise"))
    for paths in samples.duplicates:
        first = shown(paths[0], samples.folder)
        rows += [(shown(path, samples.folder), f"the same image as {first}, used once") for path in paths[1:]]
    return rows
