"""How long the rounds of a training are."""

from __future__ import annotations

import pytest

from model_zoo.style.rounds import FIRST_ROUND, round_images


@pytest.mark.parametrize(
    ("number", "left", "images"),
    [
        pytest.param(0, 1e6, FIRST_ROUND, id="the first has its length"),
        pytest.param(0, 50.0, 5000, id="or what the time allows"),
        pytest.param(0, 0.0, 1, id="and is made without any"),
        pytest.param(0, -3.0, 1, id="or when it is too late"),
        pytest.param(1, 1e6, 2 * FIRST_ROUND, id="each is twice as long"),
        pytest.param(1, 60.0, 6000, id="a quarter of that is worth it"),
        pytest.param(1, 59.0, 0, id="less is not"),
    ],
)
def test_a_round_fits_into_the_time_that_is_left(number: int, left: float, images: int) -> None:
    assert round_images(number, 0.01, left) == images
