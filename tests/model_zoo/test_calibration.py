"""Temperature, calibration error and thresholds, held against slow counts and against scipy's own test."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom, binomtest

from model_zoo.calibration import (
    GRID,
    calibration,
    calibration_error,
    check_enough_right,
    fit_temperature,
    lower_bound,
    precision,
    reliability,
    threshold,
)
from model_zoo.card_parts import ReliabilityRow, Threshold, answers_needed
from model_zoo.errors import DataError
from model_zoo.frames import temper

Arrays = tuple[NDArray[Any], NDArray[np.bool_]]

ANSWERS = st.lists(
    st.tuples(st.sampled_from([0.0, 1 / 15, 0.2, 0.5, 0.9, 0.99, 1.0]) | st.floats(0, 1), st.booleans()),
    min_size=1,
    max_size=60,
)


def arrays(answers: list[tuple[float, bool]]) -> Arrays:
    """Probabilities and whether each is right."""
    return np.array([p for p, _ in answers]), np.array([r for _, r in answers], dtype=bool)


@settings(max_examples=40)
@given(ANSWERS)
def test_bins_of_equal_width_are_those_of_the_definition(answers: list[tuple[float, bool]]) -> None:
    rows, error = [], 0.0
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        inside = [(p, r) for p, r in answers if low < p <= high or (number == 0 and p == 0)]
        if inside:
            mean = math.fsum(p for p, _ in inside) / len(inside)
            rows.append((low, high, len(inside), mean, sum(r for _, r in inside)))
            error += len(inside) / len(answers) * abs(mean - sum(r for _, r in inside) / len(inside))

    found = reliability(*arrays(answers))

    assert [(row.low, row.high, row.n, row.right) for row in found] == [
        (a, b, n, k) for a, b, n, _, k in rows
    ]
    assert [row.mean_probability for row in found] == pytest.approx([row[3] for row in rows])
    assert calibration_error(*arrays(answers)).equal_width == pytest.approx(error)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=15, max_size=60, unique_by=lambda it: it[0])
)
def test_bins_of_equal_mass_hold_equally_many(answers: list[tuple[float, bool]]) -> None:
    ordered = sorted(answers)
    small, more = divmod(len(ordered), 15)
    error, start = 0.0, 0
    for number in range(15):
        end = start + small + (number < more)
        part = ordered[start:end]
        error += abs(math.fsum(p for p, _ in part) - sum(r for _, r in part)) / len(ordered)
        start = end

    assert calibration_error(*arrays(answers)).equal_mass == pytest.approx(error)


@settings(max_examples=40)
@given(ANSWERS, st.randoms())
def test_the_order_of_the_answers_changes_nothing(answers: list[tuple[float, bool]], random: Any) -> None:
    shuffled = random.sample(answers, len(answers))

    one, other = calibration_error(*arrays(answers)), calibration_error(*arrays(shuffled))

    assert one.equal_width == pytest.approx(other.equal_width)
    assert one.equal_mass == pytest.approx(other.equal_mass)


@pytest.mark.parametrize(("right", "n", "enough"), [(10, 100, True), (9, 9, False), (10, 101, False)])
def test_a_temperature_takes_ten_right_answers_and_one_in_ten(right: int, n: int, enough: bool) -> None:
    answers = np.arange(n) < right
    if enough:
        check_enough_right(answers)
        return
    with pytest.raises(DataError) as error:
        check_enough_right(answers)
    assert str(error.value) == (
        f"{right} of {n} images are read right, and a temperature takes at least 10 and 10% of them; "
        "give more images, or train the model further"
    )


def test_a_calibration_for_a_card_holds_both_sides() -> None:
    right = np.array([True, True, False, True])

    found = calibration("validation", (np.full(4, 0.99), right), (np.full(4, 0.75), right), seed=3)

    assert (found.part, found.decoder, found.n, found.seed) == ("validation", "exact", 4, 3)
    assert found.before.equal_width == found.before.equal_mass == pytest.approx(0.24)
    assert found.after.equal_width == found.after.equal_mass == pytest.approx(0)
    assert found.table == (ReliabilityRow(11 / 15, 12 / 15, 4, 0.75, 3),)


@settings(max_examples=40)
@given(st.integers(0, 400), st.integers(0, 400))
def test_the_lower_bound_is_scipys_exact_one(a: int, b: int) -> None:
    right, n = min(a, b), max(a, b, 1)

    wanted = binomtest(right, n, alternative="greater").proportion_ci(0.95, "exact").low

    assert lower_bound(right, n) == pytest.approx(wanted)


@pytest.mark.parametrize(("target", "n"), [(0.99, 299), (0.995, 598), (0.9995, 5990)])
def test_answers_without_an_error_prove_no_more_than_their_number_supports(target: float, n: int) -> None:
    sure = np.full(n, 0.99995)

    assert threshold(sure, np.ones(n, bool), target) == Threshold(target, 0.0, n, 0, lower_bound(n, n))
    one_less = threshold(sure[1:], np.ones(n - 1, bool), target)
    assert one_less == Threshold(target, None, n - 1, 0, lower_bound(n - 1, n - 1))


@settings(max_examples=30)
@given(st.integers(0, 700), st.integers(0, 2**32 - 1), st.sampled_from([0.8, 0.9, 0.99]))
def test_a_threshold_is_the_last_that_passes_on_the_way_down(n: int, seed: int, target: float) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.beta(6, 0.4, n)
    right = random.random(n) < probabilities**0.5
    wanted = None
    for level in reversed(GRID):
        kept = [bool(it) for p, it in zip(probabilities, right, strict=True) if p >= level]
        if len(kept) < max(answers_needed(target), math.ceil((answers_needed(target) + n) / 2)):
            continue
        # P(at least so many right, were the precision the target): what an exact one-sided test looks at
        if binom.sf(sum(kept) - 1, len(kept), target) > 0.05 + 1e-12:
            break
        wanted = level

    found = threshold(probabilities, right, target)

    assert found.probability == wanted
    if wanted is not None:
        assert found.kept == sum(probabilities >= wanted)
        assert found.errors == sum(~right[probabilities >= wanted])
        assert found.low >= target


def test_a_threshold_is_wrong_no_more_often_than_its_confidence_allows() -> None:
    """Answers whose precision is below the target at every P: each threshold that is named is wrong."""
    random, wrong, runs = np.random.default_rng(1), 0, 400
    for _ in range(runs):
        right = random.random(600) < 0.985
        wrong += threshold(random.uniform(0.5, 1, 600), right, 0.99).probability is not None

    # Each P by itself passes in up to 5 % of the runs; the best of all would pass far more often.
    assert binom.sf(wrong - 1, runs, 0.05) > 0.01


def test_the_errors_below_a_threshold_do_not_count_against_it() -> None:
    probabilities = np.concatenate([np.full(400, 0.97), np.full(100, 0.6)])
    right = np.concatenate([np.ones(400, bool), np.zeros(100, bool)])

    found = precision("out-of-fold", probabilities, right)

    assert (found.n, found.confidence, found.decoder) == (500, 0.95, "exact")
    assert found.thresholds[0] == Threshold(0.99, 0.61, 400, 0, lower_bound(400, 400))
    assert found.thresholds[1] == Threshold(0.995, None, 500, 100, lower_bound(400, 500))


def sample(temperature: float, n: int = 300) -> tuple[torch.Tensor, list[list[int]]]:
    """Frames of a model that is too sure by this factor, and labels drawn from what it should have said."""
    generator = torch.Generator().manual_seed(5)
    honest = torch.randn(n, 6, 4, generator=generator).mul(2).log_softmax(-1)
    paths = torch.multinomial(honest.exp().flatten(0, 1), 1, generator=generator).view(n, 6).tolist()
    labels = [[c for c, _ in itertools.groupby(path) if c] for path in paths]
    return (honest * temperature).log_softmax(-1), labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_a_model_too_sure_is_found(temperature: float) -> None:
    log_probs, labels = sample(temperature)

    assert fit_temperature(log_probs, labels) == pytest.approx(temperature, rel=0.15)


def test_no_temperature_nearby_makes_the_labels_more_probable() -> None:
    log_probs, labels = sample(1.7)

    def loss(temperature: float) -> float:
        frames = (log_probs.double() / temperature).log_softmax(-1).transpose(0, 1)
        flat = torch.tensor([c for label in labels for c in label])
        lengths = torch.tensor([len(label) for label in labels])
        steps = torch.full((len(labels),), 6)
        return float(torch.nn.functional.ctc_loss(frames, flat, steps, lengths, reduction="sum"))

    found = fit_temperature(log_probs, labels)

    assert loss(found) < min(loss(found * 1.01), loss(found / 1.01))


def test_a_temperature_keeps_frames_normalised_and_certain_blanks_certain() -> None:
    frames = torch.tensor([[[0.0, -math.inf, -math.inf], [math.log(0.5), math.log(0.25), math.log(0.25)]]])

    cooled = temper(frames, 2.0).exp()

    assert cooled[0, 0].tolist() == [1.0, 0.0, 0.0]
    assert cooled.sum(-1).flatten().tolist() == pytest.approx([1.0, 1.0])
    assert cooled[0, 1].tolist() == pytest.approx(
        [math.sqrt(2) / (2 + math.sqrt(2)), *[1 / (2 + math.sqrt(2))] * 2]
    )
    assert temper(frames, None) is frames
    assert temper(frames, 1.0) is frames


@pytest.mark.parametrize("label", [[1], [2]])
def test_labels_that_are_all_right_or_all_wrong_fit_no_temperature(label: list[int]) -> None:
    frames = torch.tensor([[0.05, 0.9, 0.05]]).log().repeat(4, 1, 1)

    with pytest.raises(DataError) as caught:
        fit_temperature(frames, [label] * 4)
    assert str(caught.value) == (
        "no temperature between 0.05 and 20 fits these 4 labels, because nearly all of them are read right, "
        "or nearly none; give more images"
    )


def test_labels_that_no_temperature_reaches_are_refused() -> None:
    log_probs, labels = sample(1.0, 3)

    with pytest.raises(DataError) as caught:
        fit_temperature(log_probs, [])
    assert str(caught.value) == "a temperature is fitted to labelled images; there are none"
    with pytest.raises(DataError) as caught:
        fit_temperature(log_probs, [*labels[:2], [1] * 6])
    assert str(caught.value) == ("some label has the probability 0 under this model; leave such images out")
