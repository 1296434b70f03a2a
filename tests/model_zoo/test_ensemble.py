"""Ensembles of tiny networks: what they compute, how they are made, and every way in which one is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_zoo.cards import ModelCard, find_card
from model_zoo.combine import CombineOptions, combine
from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.ensemble import Ensemble
from model_zoo.solver import Solver, load_solver

Make = Callable[..., ModelCard]


def noise(number: int) -> np.ndarray:
    """A grey image of random pixels, (50, 80)."""
    return np.random.default_rng(number).integers(0, 256, (50, 80), dtype=np.uint8)


def both(folder: Path, *members: str, views: tuple[Any, ...] = ()) -> ModelCard:
    """The ensemble `both` of these members."""
    return combine(CombineOptions(members, "both", folder, views))


def test_the_probabilities_are_the_mean_of_the_members_frame_by_frame(make: Make, own_zoo: Path) -> None:
    make("a", 1, mean=0.4, temperature=1.5)
    make("b", 2)
    both(own_zoo, "a", "b")
    solvers = [load_solver(name, "cpu") for name in ("a", "b", "both")]
    batch, _ = solvers[0].preprocess([noise(1), noise(2)])

    a, b, mean = (solver.log_probs(batch).exp() for solver in solvers)

    assert torch.allclose(mean, (a + b) / 2, atol=1e-6)
    assert torch.allclose(mean.sum(-1), torch.ones(2, 10), atol=1e-5)
    assert not torch.allclose(a, b, atol=1e-2)


def test_an_ensemble_is_solved_like_any_other_model(make: Make, own_zoo: Path) -> None:
    make("a", 1)
    make("b", 2)
    card = both(own_zoo, "a", "b")

    solver = load_solver(f"both@{card.fingerprint}", "cpu")
    (prediction,) = solver.solve([noise(1)])

    assert prediction.text is not None
    assert solver.card == card == find_card("both").card
    assert solver.solve([b""])[0].error is not None


def test_an_ensembles_own_temperature_comes_on_top(make: Make, own_zoo: Path) -> None:
    make("a", 1)
    card = both(own_zoo, "a")
    straight = load_solver("both", "cpu")
    warm = Solver(replace(card, temperature=3.0), straight.network, straight.device)
    batch, _ = straight.preprocess([noise(1)])

    assert torch.allclose(warm.log_probs(batch), (straight.log_probs(batch) / 3).log_softmax(-1))


def test_the_card_says_what_the_members_are_and_cost(make: Make, own_zoo: Path) -> None:
    cards = [make("a", 1, beam_width=7), make("b", 2, licence="BSD", min_length=2)]

    card = both(own_zoo, "a", "b", views=((0.0, 0.0, 1.0), (1.0, 0.0, 1.0)))

    assert [(it.name, it.fingerprint, it.sha256) for it in card.members] == [
        (it.name, it.fingerprint, it.sha256) for it in cards
    ]
    assert (card.parameters, card.flops_per_image, card.beam_width) == (200, 4000, 7)
    assert (card.min_length, card.max_length, card.licence) == (2, 3, "MIT and BSD")
    assert card.options == {"views": [[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]]}
    assert card.description == "The mean of a and b by 2 views."
    assert card.data == cards[0].data
    assert (card.mean, card.std, card.constraints, card.accuracy) == (0.0, 1.0, None, ())


def test_constraints_that_all_members_share_are_kept_and_others_are_not(make: Make, own_zoo: Path) -> None:
    make("a", 1, constraints=ConstraintTexts(length="3"))
    make("b", 2, constraints=ConstraintTexts(length="3"))
    make("c", 3)
    out = own_zoo.parent / "more"

    assert both(own_zoo, "a", "b").constraints == ConstraintTexts(length="3")
    assert combine(CombineOptions(["a", "c"], "mixed", out)).constraints is None


def test_data_of_different_members_is_told_as_such(make: Make, own_zoo: Path) -> None:
    first = make("a", 1)
    make("b", 2, data=replace(first.data, name="more", train=9, sha256="11" * 32))

    data = both(own_zoo, "a", "b").data

    assert (data.name, data.train) == ("none and more", 9)
    assert data.split == "as of each member; see their cards"


class Position(torch.nn.Module):
    """A network that says where the one bright pixel is: x and y as the logits of a single frame."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        weights = images[:, 0] / images.sum((1, 2, 3))[:, None, None]
        x = (weights.sum(1) * torch.arange(images.shape[3])).sum(1)
        y = (weights.sum(2) * torch.arange(images.shape[2])).sum(1)
        return torch.stack([x, y, weights.flatten(1).max(1).values], 1)[:, None]


def seen(make: Make, view: tuple[float, float, float], spread: int = 0) -> list[float]:
    """What a member sees of a bright spot at (40, 20), by one view: x, y and the peak."""
    found: list[torch.Tensor] = []
    network = Position()
    network.register_forward_hook(lambda module, inputs, output: found.append(output))
    image = torch.zeros(1, 1, 50, 80)
    image[0, 0, 20 - spread : 21 + spread, 40 - spread : 41 + spread] = 1
    card = replace(make("a"), mean=0.0, std=1.0)
    Ensemble([network], [card], [view])(image)
    return [float(it) for it in found[0][0, 0]]


def test_a_view_moves_the_image_by_whole_pixels(make: Make) -> None:
    assert seen(make, (0.0, 0.0, 1.0)) == [40.0, 20.0, 1.0]
    assert seen(make, (2.0, -3.0, 1.0)) == pytest.approx([42.0, 17.0, 1.0], abs=1e-3)


def test_a_view_magnifies_about_the_centre(make: Make) -> None:
    x, y, _ = seen(make, (0.0, 0.0, 1.25), spread=3)

    assert x == pytest.approx(39.5 + 1.25 * 0.5, abs=0.05)
    assert y == pytest.approx(24.5 - 1.25 * 4.5, abs=0.05)


def test_one_model_that_looks_twice_is_the_mean_of_both_looks(make: Make, own_zoo: Path) -> None:
    make("a", 1)
    both(own_zoo, "a", views=((0.0, 0.0, 1.0), (2.0, 0.0, 1.0)))
    one, two = load_solver("a", "cpu"), load_solver("both", "cpu")
    image = noise(4)
    moved = np.concatenate([image[:, :1], image[:, :1], image[:, :-2]], 1)
    batch, _ = one.preprocess([image, moved])

    mean = one.log_probs(batch).exp().mean(0)

    assert torch.allclose(two.log_probs(batch[:1])[0].exp(), mean, atol=1e-4)
