"""The learning curve: its fit, the number of samples it names, and how often the interval holds the truth."""

from __future__ import annotations

import math
import random

import pytest
from auditing import logistic

from model_zoo.statistics import wilson_interval
from model_zoo.style.curve import Point, Reached, crossing, fit, monotone, with_zero_shot

SIZES = (10, 20, 40, 80, 160, 320)


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        pytest.param([0.1, 0.2, 0.3], [3, 3, 3], [0.1, 0.2, 0.3], id="rising as it is"),
        pytest.param([0.4, 0.2, 0.9], [3, 3, 3], [0.3, 0.3, 0.9], id="two are pooled"),
        pytest.param([0.4, 0.1], [1, 2], [0.2, 0.2], id="by their weights"),
        pytest.param([0.9, 0.5, 0.1], [1, 1, 1], [0.5, 0.5, 0.5], id="all are pooled"),
    ],
)
def test_a_curve_rises(values: list[float], weights: list[float], expected: list[float]) -> None:
    assert monotone(values, weights) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([0.95, 0.97, 0.99], 10, id="with the smallest already"),
        pytest.param([0.1, 0.95, 0.99], 40, id="at a size"),
        pytest.param([0.1, 0.2, 0.949], math.inf, id="not at all"),
        # asin(sqrt) is 0 at 0 and pi/2 at 1; 0.5 is half-way, so half-way between the logarithms.
        pytest.param([0.0, 1.0, 1.0], 20 * 2 ** (2 * math.asin(0.95**0.5) / (math.pi / 2) - 1), id="between"),
    ],
)
def test_where_a_curve_reaches_its_target(values: list[float], expected: float) -> None:
    assert crossing([10, 40, 160], values, 0.95) == pytest.approx(expected)


def test_one_draw_has_the_wilson_interval_of_its_test_images() -> None:
    curve = fit([Point(50, (90,), 100)], [0.95])

    (level,) = curve.levels
    assert level.value == pytest.approx(0.9)
    assert (level.low, level.high) == pytest.approx(wilson_interval(90, 100), abs=0.01)


def test_draws_that_scatter_leave_more_open() -> None:
    alike = fit([Point(50, (90, 90, 90), 100)], [0.95]).levels[0]
    apart = fit([Point(50, (80, 90, 100), 100)], [0.95]).levels[0]

    assert apart.high - apart.low > 1.5 * (alike.high - alike.low)


def test_all_of_a_few_images_is_no_proof_of_95_percent() -> None:
    curve = fit([Point(size, (9, 9, 9), 9) for size in SIZES], [0.95])

    assert curve.reached == (Reached(0.95, samples=10, low=10, high=None),)


def test_a_target_far_off_is_not_reached_whatever_chance_did() -> None:
    curve = fit([Point(size, (10, 12, 14), 100) for size in SIZES], [0.95])

    assert curve.reached == (Reached(0.95, None, None, None),)


def test_who_reads_worse_with_few_samples_keeps_the_reader_without() -> None:
    points = [Point(10, (80, 80, 80), 100), Point(40, (90, 90, 90), 100)]

    alone = fit(points, [0.82]).levels
    kept = fit(points, [0.82], zero_shot=0.84)

    assert [it.value for it in alone] == pytest.approx([0.80, 0.90])
    assert [it.value for it in kept.levels] == pytest.approx([0.84, 0.90])
    assert (kept.levels[0].low, kept.levels[0].high) == pytest.approx(wilson_interval(84, 100), abs=0.01)
    assert kept.levels[1] == alone[1]
    assert kept.reached[0].samples == 10


def test_the_order_of_the_points_is_nothing_and_the_same_seed_gives_the_same() -> None:
    points = [Point(10, (3, 5, 4), 50), Point(20, (30, 31, 35), 50), Point(40, (49, 50, 50), 50)]

    assert fit(points, [0.5, 0.95], seed=3) == fit(points[::-1], [0.5, 0.95], seed=3)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """A hundred audits of a captcha whose curve is known, with draws that differ more than by chance."""
    rng = random.Random(8)
    truth = 60 * math.exp(math.log(0.95 / 0.05) / 2.5)
    held = 0
    for audit in range(100):
        points = []
        for size in SIZES:
            shares = [logistic(size * math.exp(rng.gauss(0, 0.1)), 60, 2.5) for _ in range(3)]
            points.append(
                Point(size, tuple(sum(rng.random() < it for _ in range(200)) for it in shares), 200)
            )
        (reached,) = fit(points, [0.95], seed=audit, redraws=300).reached
        assert reached.low is not None
        held += reached.low <= truth <= (reached.high or math.inf)

    assert held >= 93


@pytest.mark.parametrize(
    ("value", "interval", "expected"),
    [
        pytest.param(0.2, (0.1, 0.3), (40, 20, 80), id="not without samples"),
        pytest.param(0.93, (0.88, 0.96), (40, 0, 80), id="perhaps"),
        pytest.param(0.96, (0.92, 0.98), (0, 0, 80), id="probably"),
        pytest.param(0.99, (0.97, 1.0), (0, 0, 0), id="surely"),
    ],
)
def test_what_is_read_without_samples_needs_none(
    value: float, interval: tuple[float, float], expected: tuple[int, int, int]
) -> None:
    reached = with_zero_shot(Reached(0.95, 40, 20, 80), value, interval)

    assert (reached.samples, reached.low, reached.high) == expected
