"""The four sets of log-probabilities that everything is measured on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SETS = ("conf_T13_C20", "hard_T13_C20", "conf_T50_C37", "hard_T50_C37")
# Beside the checkout, unless CAPTCHAFLEET_DATA says otherwise.
DEFAULT_DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"


class NoEmissionsError(Exception):
    """The sets are not where they are looked for."""


@dataclass(frozen=True)
class Emissions:
    """One set.

    Attributes:
        log_probs: float32 (N, T, C), class 0 the blank.
        chars: the names of the classes, the blank's first and empty.
        labels: the right text of each item.
        charsets: the characters of the labels of the item's kind: what a user who knows it would allow.
    """

    name: str
    path: Path
    log_probs: np.ndarray
    chars: list[str]
    labels: list[str]
    charsets: list[str]


def find(names: tuple[str, ...] = SETS) -> dict[str, Path]:
    """Where each set lies.

    Raises:
        NoEmissionsError: one is missing.
    """
    folder = Path(os.environ.get("CAPTCHAFLEET_DATA") or DEFAULT_DATA) / "emissions"
    paths = {name: folder / f"set_{name}.npz" for name in names}
    for path in paths.values():
        if not path.is_file():
            raise NoEmissionsError(
                f"{path} is missing; set CAPTCHAFLEET_DATA to the folder that holds emissions/{path.name}"
            )
    return paths


def load(name: str, path: Path) -> Emissions:
    """Read a set."""
    with np.load(path) as arrays:
        chars = arrays["chars"].tolist()
        labels = ["".join(chars[c] for c in row) for row in arrays["labels"].tolist()]
        kinds = arrays["kind"].tolist()
        log_probs = np.ascontiguousarray(arrays["log_probs"])
    used: dict[int, set[str]] = {}
    for kind, label in zip(kinds, labels, strict=True):
        used.setdefault(kind, set()).update(label)
    charsets = ["".join(char for char in chars if char and char in used[kind]) for kind in kinds]
    return Emissions(name, path, log_probs, chars, labels, charsets)
