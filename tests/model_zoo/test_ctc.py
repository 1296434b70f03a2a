"""The exact sums: against all paths for small T and C, and in log space where those cannot be counted."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_zoo.ctc import length_log_mass, pack_labels, string_log_probs

AllStrings = Callable[[NDArray[np.float64]], dict[tuple[int, ...], float]]

# Frames, classes, and how far apart the scores are: at 40 one class of a frame has all but 1e-17 of it.
SHAPES = [(T, C, spread) for T in (1, 2, 3, 5, 6) for C in (2, 3, 4) for spread in (0.5, 4.0, 40.0)]


def _emissions(N: int, T: int, C: int, spread: float, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(N, T, C, generator=generator, dtype=torch.float64) * spread
    return scores.log_softmax(2)


def _labels(strings: list[tuple[int, ...]], items: int) -> tuple[Tensor, Tensor]:
    longest = max(map(len, strings))
    rows = [[*string, *[0] * (longest - len(string))] for string in strings]
    lengths = torch.tensor([len(string) for string in strings])
    return torch.tensor(rows, dtype=torch.long).expand(items, -1, -1), lengths.expand(items, -1)


@pytest.mark.parametrize(("T", "C", "spread"), SHAPES)
def test_the_probability_of_every_string_is_the_sum_over_its_paths(
    T: int, C: int, spread: float, all_strings: AllStrings
) -> None:
    log_probs = _emissions(8, T, C, spread)
    truth = [all_strings(item.numpy()) for item in log_probs]
    strings = list(truth[0])
    found = string_log_probs(log_probs, *_labels(strings, 8)).exp()
    expected = torch.tensor([[item[string] for string in strings] for item in truth], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize(("T", "C", "spread"), SHAPES)
def test_the_mass_of_a_length_is_the_sum_over_its_paths(
    T: int, C: int, spread: float, all_strings: AllStrings
) -> None:
    log_probs = _emissions(8, T, C, spread, seed=1)
    truth = [all_strings(item.numpy()) for item in log_probs]
    for low in range(T + 1):
        for high in range(low, T + 1):
            expected = [sum(p for s, p in item.items() if low <= len(s) <= high) for item in truth]
            found = length_log_mass(log_probs, low, high).exp()
            torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=0)


def test_a_string_that_needs_more_frames_than_there_are_has_no_probability() -> None:
    log_probs = _emissions(1, 2, 3, 1.0)
    labels, lengths = _labels([(1, 1), (1, 2, 1), (1, 2)], 1)
    chances = string_log_probs(log_probs, labels, lengths)[0].tolist()
    assert chances[:2] == [-math.inf, -math.inf]
    assert math.isfinite(chances[2])


def test_impossible_classes_leave_sums_without_nan(all_strings: AllStrings) -> None:
    log_probs = _emissions(16, 5, 3, 1.0, seed=2)
    shut = torch.rand(16, 5, 3, generator=torch.Generator().manual_seed(3)) < 0.3
    shut[..., 1] &= ~shut.all(2)
    log_probs = log_probs.masked_fill(shut, -torch.inf).log_softmax(2)
    for item in log_probs:
        truth = all_strings(item.numpy())
        found = string_log_probs(item[None], *_labels(list(truth), 1)).exp()[0].tolist()
        assert found == pytest.approx(list(truth.values()), rel=1e-9, abs=0)
        lengths = [length_log_mass(item[None], n, n).exp().item() for n in range(6)]
        expected = [sum(p for s, p in truth.items() if len(s) == n) for n in range(6)]
        assert lengths == pytest.approx(expected, rel=1e-9, abs=0)


def test_a_hundred_frames_do_not_underflow() -> None:
    smallest = 0.0
    for spread in (0.1, 200.0):
        log_probs = _emissions(2, 100, 64, spread, seed=4)
        labels = torch.randint(1, 64, (2, 3, 40), generator=torch.Generator().manual_seed(5))
        lengths = torch.tensor([[40, 7, 0], [1, 40, 20]])
        found = string_log_probs(log_probs, labels, lengths)
        # They agree with PyTorch's own loss, which is the same sum.
        for m in range(3):
            loss = torch.nn.functional.ctc_loss(
                log_probs.transpose(0, 1),  # the loss takes (T, N, C)
                labels[:, m],
                torch.tensor([100, 100]),
                lengths[:, m],
                reduction="none",
            )
            torch.testing.assert_close(-found[:, m], loss, rtol=1e-10, atol=0)
        smallest = min(smallest, found.min().item())
    assert smallest < -10_000, "no case below the smallest float64, e**-745"


def test_the_masses_of_all_lengths_add_up_to_one_over_a_hundred_frames() -> None:
    log_probs = _emissions(2, 100, 64, 3.0, seed=6)
    masses = torch.stack([length_log_mass(log_probs, n, min(n + 9, 100)) for n in range(0, 101, 10)])
    assert masses.isfinite().all()
    assert (masses < -200).any()
    torch.testing.assert_close(masses.logsumexp(0), torch.zeros(2).double(), rtol=0, atol=1e-9)


def test_a_repeat_is_summed_and_not_what_is_left_of_a_difference() -> None:
    # Given "a" in all three frames but for e**-69: "aa" exists only through the blank between.
    log_probs = torch.tensor([[[-69.0, 0.0, -80.0]] * 3], dtype=torch.float64)
    # Then two characters are "aa" by one path, or "ab" or "ba" with the rare "b" in one frame.
    expected = math.log(math.exp(-69) + 2 * math.exp(-80))
    assert length_log_mass(log_probs, 2, 2).item() == pytest.approx(expected, rel=1e-12)


def test_what_is_far_less_probable_than_the_smallest_float_still_counts() -> None:
    # Given "a" in both frames but for e**-1000 each of "b" and of the blank.
    log_probs = torch.tensor([[[-1000.0, 0.0, -1000.0]] * 2], dtype=torch.float64)
    # Then two characters are "ab" or "ba", and none is two blanks.
    assert length_log_mass(log_probs, 2, 2).item() == pytest.approx(math.log(2) - 1000, rel=1e-12)
    assert length_log_mass(log_probs, 0, 0).item() == pytest.approx(-2000, rel=1e-12)


PACKS = [
    ([0, 1, 0, 2], [1, 2], "blanks between"),
    ([0, 0, 0, 0], [], "all blank"),
    ([3, 3, 1, 2], [3, 3, 1, 2], "no blank, and repeats stay"),
]


@pytest.mark.parametrize(("symbols", "expected", "reason"), PACKS)
def test_characters_move_to_the_front(symbols: list[int], expected: list[int], reason: str) -> None:
    labels, lengths = pack_labels(torch.tensor([symbols, [1, 0, 0, 2]]))
    assert labels[0, : lengths[0]].tolist() == expected, reason
    assert labels[1, : lengths[1]].tolist() == [1, 2]


def test_no_rows_pack_to_no_rows() -> None:
    labels, lengths = pack_labels(torch.zeros((0, 4), dtype=torch.long))
    assert labels.shape == (0, 0)
    assert lengths.shape == (0,)
