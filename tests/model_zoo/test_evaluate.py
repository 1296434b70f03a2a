"""The figures of an evaluation, worked out by hand, and how they reach the card."""

from __future__ import annotations

import pytest

from model_zoo.evaluate import Reading, measure


def reading(label: str, text: str | None) -> Reading:
    return Reading(f"{label}.png", "test", label, text, None if text is None else 0.5)


@pytest.mark.parametrize(
    ("pairs", "exact", "in_place", "error_rate", "reason"),
    [
        ([("abc", "abc")], 1.0, 1.0, 0.0, "all right"),
        ([("abc", "abd")], 0.0, 2 / 3, 1 / 3, "one replaced"),
        ([("abc", "bc")], 0.0, 0.0, 1 / 3, "one lost: every position is off, the distance is one"),
        ([("abc", "abcd")], 0.0, 1.0, 1 / 3, "one too many: every position is right"),
        ([("abc", None)], 0.0, 0.0, 1.0, "an unreadable image counts as wrong"),
        ([("ab", "ab"), ("cdef", "cdee")], 0.5, 5 / 6, 1 / 6, "shares are of characters, not of images"),
    ],
)
def test_the_figures_are_those_worked_out_by_hand(
    pairs: list[tuple[str, str | None]], exact: float, in_place: float, error_rate: float, reason: str
) -> None:
    result = measure([reading(*pair) for pair in pairs], "greedy")

    assert result.exact_match.value == exact
    assert result.exact_match.n == len(pairs)
    assert result.character_accuracy == pytest.approx(in_place)
    assert result.character_error_rate == pytest.approx(error_rate)
    assert [(it.label, it.text) for it in result.errors] == [pair for pair in pairs if pair[0] != pair[1]]
