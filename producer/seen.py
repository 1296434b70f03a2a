"""Which images of a job the model was trained on: counted apart, because a figure on them is no measure."""

from __future__ import annotations

from model_zoo.figures import Share
from producer.figures import SeenFigures


class SeenTally:
    """The sums of one pass over the journal."""

    def __init__(self) -> None:
        self._images = self._known = self._seen = self._unseen_right = self._unseen_labelled = 0

    def add(self, seen: bool | None, right: bool | None) -> None:
        """Count one image.

        Args:
            seen: what its answer says; None where nobody knows, which counts as not seen.
            right: whether it was read right; None where it has no label.
        """
        self._images += 1
        self._known += seen is not None
        if seen:
            self._seen += 1
        elif right is not None:
            self._unseen_labelled += 1
            self._unseen_right += right

    def figures(self) -> SeenFigures:
        """The sums."""
        n = self._unseen_labelled
        unseen = Share(self._unseen_right, n) if n else None
        return SeenFigures(self._known, self._images, self._seen, unseen)
