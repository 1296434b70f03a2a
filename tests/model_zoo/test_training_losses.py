"""Losses, and the figures measured after every epoch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from model_zoo.charset import Charset
from model_zoo.training import losses, metrics
from model_zoo.training.data import LabelledImages, Normalisation
from model_zoo.training.recipe import RECIPES, Recipe

AB = Charset("ab")


def test_the_ctc_loss_of_one_character_in_two_frames_is_the_sum_of_its_three_paths() -> None:
    probabilities = torch.tensor([[[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]])  # (1, 2, 3)
    paths = 0.3 * 0.6 + 0.3 * 0.1 + 0.5 * 0.6  # aa, a-, -a

    loss = losses.ctc_losses(probabilities.log(), ["a"], AB)

    assert loss.item() == pytest.approx(-math.log(paths), rel=1e-5)


def test_the_post_s_ctc_loss_is_divided_by_the_length_of_the_label() -> None:
    frames = torch.full((2, 7, 3), 1 / 3).log()

    whole = losses.image_losses(frames, ["ab", "abab"], AB, Recipe(), positional=False)
    each = losses.image_losses(frames, ["ab", "abab"], AB, RECIPES["post"], positional=False)

    assert torch.allclose(each, whole / torch.tensor([2, 4]))


def test_the_loss_of_positions_is_fastai_s_smoothed_cross_entropy() -> None:
    """eps / C times the sum of -log p over the classes, and 1 - eps times the right one's."""
    logits = torch.tensor([[[0.0, 2.0, 1.0], [1.0, 0.0, 3.0]]])
    log_p = logits.log_softmax(-1)[0]
    wanted = [1, 2]
    by_hand = [0.1 / 3 * -log_p[i].sum() + 0.9 * -log_p[i, wanted[i]] for i in range(2)]

    loss = losses.image_losses(logits, ["ab"], AB, Recipe(), positional=True)

    assert loss.tolist() == [pytest.approx(float(sum(by_hand)) / 2, rel=1e-6)]


def test_a_short_label_is_padded_with_the_class_of_no_character() -> None:
    assert losses.position_targets(["ab", "b", ""], AB, 3).tolist() == [[1, 2, 0], [2, 0, 0], [0, 0, 0]]


def test_exact_match_of_no_labels_is_not_a_number() -> None:
    assert math.isnan(metrics.exact_match([], []))
    assert metrics.exact_match(["a", "b"], ["a", "c"]) == 0.5


class Fixed(nn.Module):
    """Answers the same whatever it sees; with `positions`, if it has them."""

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__()
        self.answer = nn.Parameter(answer)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.answer[: len(images)]


class FixedPositions(Fixed):
    def positions(self, images: torch.Tensor) -> torch.Tensor:
        raise AssertionError("one forward pass is enough")


def measured(network: nn.Module, *labels: str) -> metrics.Measured:
    pixels = torch.zeros((len(labels), 1, 4, 4), dtype=torch.uint8)
    return metrics.measure(network, LabelledImages(pixels, labels), AB, Normalisation(0, 1), Recipe())


def test_a_network_of_frames_is_measured_greedily_and_by_beam_search() -> None:
    """The best path is empty (0.5 * 0.4), but the paths of "a" have 0.4 * 0.35 + 0.4 * 0.4 + 0.5 * 0.35."""
    frames = torch.tensor([[0.5, 0.4, 0.1], [0.4, 0.35, 0.25]]).log().repeat(2, 1, 1)

    found = measured(Fixed(frames), "a", "b")

    assert found.exact_match == 0
    assert found.beam_exact_match == 0.5
    assert found.character_accuracy == 0, "one deletion for each of two characters"
    assert found.loss == pytest.approx(-(math.log(0.475) + math.log(0.4 * 0.1 + 0.5 * 0.25 + 0.1 * 0.25)) / 2)


def test_a_network_of_positions_is_measured_place_by_place() -> None:
    blank = torch.tensor([1.0, 0, 0])
    a, b = torch.tensor([0.1, 0.8, 0.1]), torch.tensor([0.1, 0.1, 0.8])
    frames = torch.stack([torch.stack([a, blank, a]), torch.stack([a, blank, b])]).log()

    found = measured(FixedPositions(frames), "aa", "bb")

    assert (found.exact_match, found.beam_exact_match) == (0.5, 0.5)
    assert found.character_accuracy == 0.75
    smoothed = [-(0.1 / 3 * math.log(0.1 * 0.1 * 0.8) + 0.9 * math.log(p)) for p in (0.8, 0.8, 0.1, 0.8)]
    assert found.loss == pytest.approx(sum(smoothed) / 4, rel=1e-5)
