"""What every side's decoder gives back. Standard library only: peers import it in their own environments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Readings:
    """The strings of one array, in order.

    Attributes:
        texts: the strings of each item, best first; one, or up to ten where ten were asked for.
        log_probs: the decoder's own score of each; None where it gives none.
    """

    texts: list[str] | list[list[str]]
    log_probs: list[float] | list[list[float]] | None

    def lists(self) -> list[list[str]]:
        """The strings of each item, also where there is only one."""
        return [[text] if isinstance(text, str) else text for text in self.texts]
