"""The folders of `styles`: their test parts, and what a user would know of each style.

Charset, lengths and whether the labels are blind to case come from the labels of the training part alone
(parts 4-9 of the project's rule): the test part is read, and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from model_zoo.constraints import Constraints
from model_zoo.split import LabelledFile, labelled_files, of_parts

# Beside the checkout, unless CAPTCHAFLEET_DATA says otherwise.
DEFAULT_DATA = Path(__file__).parent.parent.parent / "shared" / "data"
FOLDER = "styles"


class StylesError(Exception):
    """Something that cannot be measured; the message says why and what to do."""


@dataclass(frozen=True)
class Style:
    """One folder.

    Attributes:
        name: of the folder.
        folder: with the images.
        test: the images of the test part.
        charset: every character of the training part's labels, sorted.
        min_length: of the training part's labels.
        max_length: of the training part's labels.
        case_blind: their letters are all of one case, so the case of an answer is not judged.
    """

    name: str
    folder: Path
    test: tuple[LabelledFile, ...]
    charset: str
    min_length: int
    max_length: int
    case_blind: bool

    def is_right(self, text: str | None, label: str) -> bool:
        """Whether an answer counts as the label; None is an image without an answer."""
        if text is None:
            return False
        return text.casefold() == label.casefold() if self.case_blind else text == label

    @property
    def characters(self) -> str:
        """The charset, where labels are case-blind with every letter in both cases."""
        cases = self.charset + self.charset.swapcase() if self.case_blind else self.charset
        return "".join(dict.fromkeys(cases))

    @property
    def constraints(self) -> Constraints:
        """What a user would give to `--charset`, `--length` and `--ignore-case`."""
        return Constraints(self.charset, self.min_length, self.max_length, ignore_case=self.case_blind)


def find_styles(only: Collection[str] = ()) -> list[Style]:
    """The styles, by name.

    Args:
        only: names of those that are wanted; empty for all.

    Raises:
        StylesError: no such folder.
        DataError: a file without a label, or no image in a part.
    """
    named = os.environ.get("CAPTCHAFLEET_DATA")
    folder = (Path(named) if named else DEFAULT_DATA) / FOLDER
    there = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()} if folder.is_dir() else {}
    if not there:
        raise StylesError(
            f"{folder} holds no folders of images; set CAPTCHAFLEET_DATA to the folder that holds {FOLDER}/"
        )
    if unknown := sorted(set(only) - set(there)):
        raise StylesError(f"style {unknown[0]!r} is not in {folder}; there are {', '.join(there)}")
    return [style_of(path) for name, path in there.items() if not only or name in only]


def style_of(folder: Path) -> Style:
    """What is known of a folder.

    Raises:
        DataError: a file without a label, or no image in a part.
    """
    files = labelled_files(folder)
    labels = [file.label for file in of_parts(files, ["train"])]
    characters = "".join(sorted(set("".join(labels))))
    cases = {char.isupper() for char in characters if char.swapcase() != char}
    return Style(
        name=folder.name,
        folder=folder,
        test=tuple(of_parts(files, ["test"])),
        charset=characters,
        min_length=min(map(len, labels)),
        max_length=max(map(len, labels)),
        case_blind=len(cases) == 1,
    )
