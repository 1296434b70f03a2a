"""Characters and class ids, and the one home of the CTC convention. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from model_zoo.errors import CardError, DataError

BLANK_ID = 0  # the class of "nothing new here"; characters follow as 1, 2, ...


@dataclass(frozen=True)
class Charset:
    """The characters that a model tells apart, in the order of its classes.

    Args:
        chars: distinct characters; class id = position + 1.

    Raises:
        CardError: no character, or one twice.
    """

    chars: str
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.chars:
            raise CardError("the charset has no characters; a model must tell at least one apart")
        ids = {char: position + 1 for position, char in enumerate(self.chars)}
        if len(ids) != len(self.chars):
            twice = next(char for char in self.chars if self.chars.count(char) > 1)
            raise CardError(
                f"the charset {self.chars!r} has {twice!r} twice; each character stands for one class"
            )
        object.__setattr__(self, "_ids", ids)

    @property
    def n_classes(self) -> int:
        """Classes of the model's last layer: the blank and one per character."""
        return len(self.chars) + 1

    def encode(self, text: str) -> list[int]:
        """The class ids of a label.

        Raises:
            DataError: a character that is not in the charset.
        """
        for char in text:
            if char not in self._ids:
                raise DataError(f"label {text!r} has {char!r}, which is not in the charset {self.chars!r}")
        return [self._ids[char] for char in text]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of class ids that name characters; `collapse` the ids of frames first.

        Raises:
            ValueError: an id that is the blank's, or no class.
        """
        chars = []
        for class_id in ids:
            if not BLANK_ID < class_id < self.n_classes:
                raise ValueError(f"class id {class_id} is no character; expected 1 to {len(self.chars)}")
            chars.append(self.chars[class_id - 1])
        return "".join(chars)

    def collapse(self, frame_ids: Iterable[int]) -> list[int]:
        """The CTC rule: runs of the same id become one, then blanks go (Graves et al. 2006, section 3.1)."""
        return [class_id for class_id, _ in groupby(frame_ids) if class_id != BLANK_ID]
