"""The optimisation by itself: images in memory in, weights out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from model_zoo.architectures import build
from model_zoo.charset import Charset
from model_zoo.errors import DataError
from model_zoo.training import checkpoint
from model_zoo.training.data import LabelledImages, Normalisation
from model_zoo.training.fit import Fit, Follower, seed_epoch
from model_zoo.training.recipe import RECIPES, Recipe

AB = Charset("ab")
SMALL = {"channels": [4, 4, 8, 8], "hidden": 8}
LABELS = ("a", "b", "ab", "ba", "a", "b", "ab", "ba", "aa", "bb")


def some_images(count: int = 10) -> LabelledImages:
    source = torch.Generator().manual_seed(count)
    pixels = torch.randint(0, 256, (count, 1, 16, 64), dtype=torch.uint8, generator=source)
    return LabelledImages(pixels, LABELS[:count])


class Positional(nn.Module):
    """The least that has positions: one convolution and a head that normalises over the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(1, 8, 4, 4)
        self.norm = nn.BatchNorm1d(8 * 4 * 16)
        self.head = nn.Linear(8 * 4 * 16, 2 * 3)

    def positions(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.norm(self.filters(images).flatten(1)))
        return logits.unflatten(1, (2, 3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        log_probs = self.positions(images).float().log_softmax(-1)
        blank = torch.full_like(log_probs, -torch.inf)
        blank[..., 0] = 0
        return torch.stack((log_probs, blank), 2).flatten(1, 2)[:, :-1]


def a_fit(recipe: Recipe, network: nn.Module | None = None, **options: object) -> Fit:
    seed_epoch(recipe.seed, -1)
    network = network or build("crnn-small", SMALL, n_classes=3, height=16, width=64)
    given = {"training": some_images(), "validation": some_images(4), **options}
    return Fit(network, charset=AB, normalise=Normalisation(0.5, 0.3), recipe=recipe, **given)  # type: ignore


def the_weights(network: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in network.state_dict().values()]


def equal(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


RECIPE = replace(RECIPES["standard"], epochs=2, batch_size=4)
POST = replace(RECIPES["post"], epochs=2, batch_size=4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("recipe", [RECIPE, POST], ids=["standard", "post"])
def test_the_same_seed_gives_the_same_bits_also_after_a_stop(
    recipe: Recipe, precision: str, tmp_path: Path
) -> None:
    recipe = replace(recipe, precision=precision)
    whole, again, stopped, resumed = (a_fit(recipe) for _ in range(4))
    logs = whole.run()
    again.run()
    stopped.epoch()
    checkpoint.save_checkpoint(tmp_path / "it", stopped.state, recipe, "data")

    checkpoint.load_checkpoint(tmp_path / "it", resumed.state, recipe, "data")
    late = resumed.run()

    assert equal(the_weights(whole.network), the_weights(again.network))
    assert equal(the_weights(whole.network), the_weights(resumed.network))
    assert [replace(log, seconds=0) for log in late] == [replace(log, seconds=0) for log in logs[1:]]


def test_a_checkpoint_from_before_a_setting_was_added_still_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = a_fit(RECIPE)
    old = json.dumps({"epochs": 2, "batch_size": 4, "augmentation": {"noise": 0.05}})
    monkeypatch.setattr(checkpoint, "_canonical", lambda recipe: old)
    checkpoint.save_checkpoint(tmp_path / "it", fit.state, RECIPE, "data")
    monkeypatch.undo()

    checkpoint.load_checkpoint(tmp_path / "it", fit.state, RECIPE, "data")
    with pytest.raises(DataError):
        checkpoint.load_checkpoint(tmp_path / "it", fit.state, replace(RECIPE, eps=1e-5), "data")


def test_another_seed_or_precision_gives_other_weights() -> None:
    recipes = RECIPE, replace(RECIPE, seed=1), replace(RECIPE, precision="bfloat16")
    fits = [a_fit(replace(recipe, epochs=1)) for recipe in recipes]
    for fit in fits:
        fit.run()

    first, *others = [the_weights(fit.network) for fit in fits]
    assert not any(equal(first, other) for other in others)


def test_the_update_is_adamw_s_step_for_step() -> None:
    """The fused update runs over memory in order; channels-last filters have an order of their own."""
    fit, twin = a_fit(RECIPE), a_fit(RECIPE)
    plain = torch.optim.AdamW(twin.state.optimizer.param_groups)
    for group in plain.param_groups:
        group["fused"], group["foreach"] = False, False

    for step in range(3):
        images = torch.rand(4, 1, 16, 64, generator=torch.Generator().manual_seed(step))
        for it, optimizer in ((fit, fit.state.optimizer), (twin, plain)):
            it.state.network.eval()  # no dropout
            it.state.optimizer.zero_grad()
            it.loss(images, ["a", "b", "ab", "ba"]).backward()
            optimizer.step()

    for a, b in zip(fit.state.network.parameters(), twin.state.network.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_network_of_positions_learns_its_labels() -> None:
    """Ten images by heart; the last batch would be a single image, over which its head cannot normalise."""
    recipe = replace(POST, epochs=30, batch_size=3, drop_last=False, learning_rate=1e-2)
    logs = a_fit(recipe, Positional(), validation=some_images()).run()

    assert logs[-1].validation_exact_match == logs[-1].validation_beam_exact_match == 1
    assert logs[-1].validation_character_accuracy == 1
    assert logs[-1].loss < logs[0].loss


def test_the_log_says_which_weights_were_measured_and_what_was_not() -> None:
    averaged = a_fit(replace(RECIPE, epochs=1)).epoch()
    plain = a_fit(replace(POST, epochs=1), validation=None).epoch()

    assert (averaged.weights, plain.weights) == ("average", "network")
    assert averaged.validation_loss is not None
    assert (plain.validation_loss, plain.validation_exact_match) == (None, None)
    assert plain.images == 10
    assert plain.learning_rate == pytest.approx(3e-3 / 2, rel=0.6), "the rate of the last of two steps"


def test_without_an_average_the_network_itself_is_the_result() -> None:
    fit = a_fit(POST)

    assert fit.network is fit.state.network
    assert not fit.network.training


def test_weights_may_come_from_another_network() -> None:
    first, second = a_fit(replace(RECIPE, seed=1)), a_fit(RECIPE)
    third = a_fit(RECIPE, start=first.state.network.state_dict())

    assert equal(the_weights(first.network), the_weights(third.network))
    assert not equal(the_weights(first.network), the_weights(second.network))


def test_all_images_may_be_synthetic_or_some_of_them() -> None:
    epochs: list[int] = []

    def synthetic(epoch: int) -> LabelledImages:
        epochs.append(epoch)
        return some_images(6)

    assert [log.images for log in a_fit(RECIPE, training=None, per_epoch=synthetic).run()] == [6, 6]
    assert [log.images for log in a_fit(RECIPE, per_epoch=synthetic).run()] == [16, 16]
    assert epochs == [0, 1, 0, 1]


def test_no_images_and_too_few_for_a_batch_are_refused() -> None:
    with pytest.raises(DataError) as none:
        a_fit(RECIPE, training=None)
    with pytest.raises(DataError) as few:
        a_fit(replace(POST, batch_size=16)).epoch()

    assert str(none.value) == "there is no image to train on; give labelled images, or --synthetic"
    assert str(few.value) == "10 training images do not fill a batch of 16; give more of them"


def test_a_run_that_diverges_says_so() -> None:
    fit = a_fit(replace(POST, epochs=1))
    with torch.no_grad():
        next(fit.state.network.parameters()).fill_(torch.nan)

    with pytest.raises(DataError) as caught:
        fit.epoch()
    assert str(caught.value) == ("the loss is nan in epoch 1: training diverged; lower the learning rate")


def test_the_average_follows_weights_and_buffers() -> None:
    average, network = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    nn.init.constant_(network.weight, 3.0)
    network.running_mean.fill_(4.0)
    network.num_batches_tracked.fill_(7)

    Follower(checkpoint.TrainingState(network, average, torch.optim.SGD(network.parameters())))(0.75)

    assert average.weight.item() == pytest.approx(1.5)
    assert average.running_mean.item() == pytest.approx(1.0)
    assert average.num_batches_tracked.item() == 7


def test_an_epoch_is_seeded_by_seed_and_epoch_alone() -> None:
    def drawn(seed: int, epoch: int) -> tuple[float, float]:
        source = seed_epoch(seed, epoch)
        return torch.rand(1).item(), torch.rand(1, generator=source).item()

    assert drawn(1, 2) == drawn(1, 2)
    assert len({drawn(1, 2), drawn(2, 1), drawn(1, 3)}) == 3


@pytest.mark.parametrize("closable", [True, False])
def test_a_fit_closes_what_draws_its_images(closable: bool) -> None:
    closed = []

    class Drawing:
        def __call__(self, epoch: int) -> LabelledImages:
            return some_images(4)

    if closable:
        Drawing.close = lambda self: closed.append(self)  # type: ignore[attr-defined]
    drawing = Drawing()
    fit = a_fit(Recipe(epochs=1), per_epoch=drawing)

    fit.close()

    assert closed == ([drawing] if closable else [])
