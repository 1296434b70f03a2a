"""How long the rounds of a training are."""

from __future__ import annotations

import pytest

from model_zoo.style.rounds import FEWEST_ROUNDS, FIRST_ROUND, MOST_ROUNDS, Result, round_images, why_stop


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


def results(*figures: float, loss: float = 1.0) -> list[Result]:
    """Rounds with such shares of the validation images read, all with the same loss."""
    return [Result(figure, loss) for figure in figures]


@pytest.mark.parametrize(
    ("done", "n_validation", "reason"),
    [
        pytest.param([], 88, None, id="nothing is done yet"),
        pytest.param([1.0] * (FEWEST_ROUNDS - 1), 88, None, id="too early, although all are read"),
        pytest.param([0.0] * (FEWEST_ROUNDS - 1), 0, None, id="too early, although nothing is known"),
        pytest.param(
            [0.0] * FEWEST_ROUNDS,
            0,
            "there are no validation images to tell whether more helps",
            id="nothing to measure on",
        ),
        pytest.param([0.9, 0.9, 1.0], 1088, "all 1,088 validation images are read", id="all are read"),
        pytest.param([1.0, 0.9, 0.95], 88, "two rounds made nothing better", id="the first was best"),
        pytest.param([0.9, 0.9, 0.9], 88, "two rounds made nothing better", id="the same is not better"),
        pytest.param([0.9, 0.95, 0.94], 88, None, id="one round that is worse is no reason"),
        pytest.param([0.5, 0.6, 0.7, 0.8], 88, None, id="it gets better"),
        pytest.param([0.5, 0.6, 0.7, 0.8, 0.9], 88, "5 rounds are the most", id="enough"),
    ],
)
def test_training_ends_when_another_round_would_not_help(
    done: list[float], n_validation: int, reason: str | None
) -> None:
    assert (FEWEST_ROUNDS, MOST_ROUNDS) == (3, 5), "the rounds above are so many"
    assert why_stop(results(*done), n_validation) == reason


def test_a_smaller_loss_is_better_where_as_many_are_read() -> None:
    assert why_stop([*results(0.9, loss=3.0), *results(0.9, loss=2.0), *results(0.9)], 88) is None
    assert Result(0.9, 5.0).rank > Result(0.8, 0.1).rank
