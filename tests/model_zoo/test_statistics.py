"""The interval against scipy's, and at its ends."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from model_zoo.statistics import wilson_interval


@pytest.mark.parametrize(
    ("successes", "n", "confidence", "reason"),
    [
        (355, 360, 0.95, "the size of the held-out parts"),
        (0, 360, 0.95, "none right: low is exactly 0"),
        (360, 360, 0.95, "all right: high is exactly 1"),
        (1, 1, 0.95, "one try"),
        (1, 2, 0.99, "another confidence"),
        (123456, 200000, 0.9, "many tries"),
    ],
)
def test_the_interval_equals_scipys(successes: int, n: int, confidence: float, reason: str) -> None:
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")

    assert wilson_interval(successes, n, confidence) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )


def test_no_tries_tell_nothing() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("successes", "n", "confidence", "message"),
    [
        (3, 2, 0.95, "3 successes of 2 tries; expected 0 <= successes <= n"),
        (-1, 2, 0.95, "-1 successes of 2 tries; expected 0 <= successes <= n"),
        (1, 2, 95.0, "confidence is 95.0; expected a number between 0 and 1, e.g. 0.95"),
    ],
)
def test_impossible_counts_are_refused(successes: int, n: int, confidence: float, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted
        wilson_interval(successes, n, confidence)
    assert str(caught.value) == message
