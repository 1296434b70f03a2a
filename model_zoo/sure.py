"""Answers below a probability are unsure: one rule for all commands. Standard library only."""

from __future__ import annotations


def is_unsure(probability: float | None, least: float | None) -> bool:
    """Whether an answer of this probability is below the least that is wanted.

    Args:
        probability: of the answer; one that is unknown, or no number, is unsure.
        least: `--min-probability`; None: every answer is sure.
    """
    return least is not None and not (probability is not None and probability >= least)
