"""Answers below a probability are unsure: they count as not right, and are told apart.

The judgement is the producer's, over what workers said, so that a run folder can be measured again with
another probability.
"""

from __future__ import annotations

from model_zoo.figures import Share
from model_zoo.sure import is_unsure
from producer.figures import SureFigures


class SureTally:
    """The sums of one pass over the journal.

    Args:
        least: `--min-probability`; None: nothing is counted.
    """

    def __init__(self, least: float | None) -> None:
        self._least = least
        self._images = self._sure = self._sure_labelled = self._sure_right = 0
        self._unsure = self._unsure_right = 0
        self.unsure_labelled = 0

    def add(self, text: str | None, probability: float | None) -> bool:
        """Count an image, and say whether its answer is unsure.

        Args:
            text: of the answer; None where there is none.
            probability: of that text.
        """
        self._images += 1
        unsure = text is not None and is_unsure(probability, self._least)
        self._unsure += unsure
        self._sure += text is not None and not unsure
        return unsure

    def add_labelled(self, unsure: bool, right: bool) -> None:
        """Count an answer whose label is known: whether it is unsure, and whether its text is the label."""
        self.unsure_labelled += unsure
        self._unsure_right += unsure and right
        self._sure_labelled += not unsure
        self._sure_right += right and not unsure

    def figures(self) -> SureFigures | None:
        """The sums; None where every answer is sure by definition."""
        if self._least is None:
            return None
        return SureFigures(
            min_probability=self._least,
            answers=self._unsure,
            right=self._unsure_right if self.unsure_labelled or self._sure_labelled else None,
            precision=Share(self._sure_right, self._sure_labelled) if self._sure_labelled else None,
            coverage=Share(self._sure, self._images) if self._images else None,
        )
