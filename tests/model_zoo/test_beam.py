"""The search: with room for everything it is exact, with little room it is still sound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_zoo.beam import Hypotheses, search
from model_zoo.ctc import string_log_probs

AllStrings = Callable[[NDArray[np.float64]], dict[tuple[int, ...], float]]


def _emissions(N: int, T: int, C: int, spread: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(N, T, C, generator=generator, dtype=torch.float64) * spread).log_softmax(2)


def _strings(found: Hypotheses, item: int) -> dict[tuple[int, ...], float]:
    """What was found of an item, with its probability; a string found twice fails the test."""
    rows = zip(found.labels[item].tolist(), found.lengths[item].tolist(), found.log_scores[item], strict=True)
    real = [(tuple(row[:length]), score.exp().item()) for row, length, score in rows if score > -torch.inf]
    assert len(dict(real)) == len(real), "a string that was found twice"
    return dict(real)


@pytest.mark.parametrize(("T", "C"), [(1, 2), (1, 4), (2, 3), (3, 2), (3, 4), (4, 3), (5, 2), (6, 2)])
@pytest.mark.parametrize("spread", [0.3, 3.0])
def test_a_beam_with_room_for_all_finds_all_with_their_probabilities(
    T: int, C: int, spread: float, all_strings: AllStrings
) -> None:
    log_probs = _emissions(12, T, C, spread, seed=T * 10 + C)
    found = search(log_probs, width=60)
    for item in range(12):
        assert _strings(found, item) == pytest.approx(all_strings(log_probs[item].numpy()), rel=1e-9)


@pytest.mark.parametrize(("T", "C"), [(2, 3), (3, 4), (4, 3), (5, 2), (6, 2)])
def test_a_beam_for_each_length_finds_all_strings_of_the_lengths(
    T: int, C: int, all_strings: AllStrings
) -> None:
    log_probs = _emissions(6, T, C, 1.0, seed=T * 10 + C)
    for low in range(T + 1):
        for high in range(low, T + 1):
            found = search(log_probs, 60, low, high)
            for item in range(6):
                truth = all_strings(log_probs[item].numpy())
                expected = {s: p for s, p in truth.items() if low <= len(s) <= high}
                assert _strings(found, item) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("width", [1, 2, 3, 7])
@pytest.mark.parametrize("limits", [(), (2, 4), (3, 3), (0, 2)], ids=str)
def test_a_narrow_beam_counts_no_path_twice_and_no_string_twice(width: int, limits: tuple[int, ...]) -> None:
    # Given many flat items over few classes, where prefixes leave the beam and come back.
    log_probs = _emissions(300, 12, 4, 0.5, seed=width)
    found = search(log_probs, width, *limits)
    exact = string_log_probs(log_probs, found.labels, found.lengths)
    assert (found.log_scores <= exact + 1e-9).all()
    for item in range(300):
        strings = _strings(found, item)
        assert strings
        if limits:
            assert all(limits[0] <= len(string) <= limits[1] for string in strings)


def test_a_wider_beam_finds_better_strings() -> None:
    log_probs = _emissions(300, 12, 4, 0.5, seed=9)
    best = []
    for width in (1, 4, 16):
        found = search(log_probs, width)
        best.append(string_log_probs(log_probs, found.labels, found.lengths).amax(1).mean().item())
    assert best[0] < best[1] < best[2]


def test_short_answers_are_not_crowded_out_by_long_ones() -> None:
    # Given frames that say "abab" so clearly that the best prefix of any one beam is its beginning,
    certain = torch.tensor([[0.01, 0.98, 0.01], [0.01, 0.01, 0.98]], dtype=torch.float64)
    log_probs = certain.repeat(2, 1)[None].log()
    # when one character is allowed and one prefix kept for each length,
    found = search(log_probs, 1, 1, 1)
    # then there is an answer of one character.
    assert found.lengths.tolist() == [[1]]
    assert found.log_scores.isfinite().all()


def test_fewer_strings_than_the_beam_is_wide_leave_empty_places() -> None:
    found = search(_emissions(1, 1, 2, 1.0, seed=0), width=5)
    assert sorted(_strings(found, 0)) == [(), (1,)]
    assert found.log_scores.isneginf().sum() == 3


def test_the_search_does_not_change_what_it_is_given() -> None:
    log_probs = _emissions(4, 6, 3, 1.0, seed=1)
    before = log_probs.clone()
    search(log_probs, 3, 1, 4)
    assert torch.equal(log_probs, before)
