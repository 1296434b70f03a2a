"""Our side: the same facts as `theirs.py` gives, from the zoo's own code."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from model_zoo.architectures import build
from model_zoo.charset import Charset
from model_zoo.training.fit import new_state
from model_zoo.training.losses import position_losses
from model_zoo.training.recipe import RECIPES
from model_zoo.training.schedule import one_cycle, one_cycle_momentum
from parity import describe as d

# Any 19 characters: class 1, 2, ...
CHARSET = Charset("2345678bcdefgmnpwxy")


def facts() -> dict[str, Any]:
    """What the zoo says, in the form of `theirs.py`."""
    torch.manual_seed(1)
    return {
        "versions": {"torch": torch.__version__},
        "networks": {name: network(name) for name in d.NETWORKS},
        "curves": curves(),
        "defaults": defaults(),
        "adam": adam(),
        "smoothed_loss": smoothed_loss(),
    }


def network(name: str) -> dict[str, Any]:
    """One network, described: what its loss sees, logits of positions or log-probabilities of frames."""
    made = build(name, {}, n_classes=d.CLASSES, height=d.HEIGHT, width=d.WIDTH)
    read = getattr(made, "positions", made)
    return d.describe(made, lambda: read(d.images()), lambda tensor: tensor.partition(".")[0])


def curves() -> dict[str, list[float]]:
    """Learning rate and momentum of every step of the post's run."""
    total = d.EPOCHS * d.BATCHES
    return {
        "rate": [one_cycle(step, total, peak=d.PEAK) for step in range(total)],
        "momentum": [one_cycle_momentum(step, total) for step in range(total)],
    }


def defaults() -> dict[str, Any]:
    """What the recipe `post` says where the post relies on fastai."""
    recipe = RECIPES["post"]
    decays = new_state(nn.BatchNorm1d(2), recipe).optimizer.param_groups
    return {
        "rotation_probability": recipe.augmentation.rotation_probability,
        "padding": recipe.augmentation.padding,
        "weight_decay": recipe.weight_decay,
        "beta2": recipe.beta2,
        "eps": recipe.eps,
        "norms_and_biases_decay": any(group["params"] and group["weight_decay"] for group in decays),
        "label_smoothing": recipe.label_smoothing,
        "drop_last": recipe.drop_last,
    }


def adam() -> list[float]:
    """Five numbers after some steps of the recipe's optimizer, moved as training moves it."""
    numbers = nn.Linear(5, 1, bias=False)
    nn.init.ones_(numbers.weight)
    recipe = RECIPES["post"]
    optimizer = new_state(numbers, recipe).optimizer
    for step, gradient in enumerate(d.gradients()):
        for group in optimizer.param_groups:
            group["lr"] = d.PEAK
            group["betas"] = (0.95 - 0.1 * step / d.OPTIMIZER_STEPS, recipe.beta2)
        numbers.weight.grad = gradient.view(1, 5).clone()
        optimizer.step()
    values: list[float] = numbers.weight.flatten().tolist()
    return values


def smoothed_loss() -> float:
    """The loss of networks with positions."""
    logits, targets = d.logits_and_targets()
    labels = [CHARSET.decode(row) for row in targets.tolist()]
    smoothing = RECIPES["post"].label_smoothing
    return float(position_losses(logits, labels, CHARSET, smoothing).mean())
