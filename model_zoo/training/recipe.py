"""Everything that decides how a training run goes; it is written into the card as it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Augmentation:
    """How far a training image may be bent and shaded; every value is the largest, drawn uniformly per image.

    Attributes:
        rotation_degrees: either way.
        scale: relative growth or shrinkage, of each axis on its own.
        shear: columns that a row shifts per row.
        shift_x: share of the width, either way.
        shift_y: share of the height, either way.
        elastic_pixels: of a smooth random field of displacements.
        ripple_pixels: of a sine along each axis, with random wavelength and phase.
        contrast: relative, either way.
        brightness: of grey values in 0..1, either way.
        noise: standard deviation of grey values in 0..1.
    """

    rotation_degrees: float = 4.0
    scale: float = 0.1
    shear: float = 0.15
    shift_x: float = 0.04
    shift_y: float = 0.06
    elastic_pixels: float = 1.5
    ripple_pixels: float = 0.8
    contrast: float = 0.3
    brightness: float = 0.15
    noise: float = 0.05


@dataclass(frozen=True)
class Recipe:
    """The settings of one run.

    Attributes:
        epochs: passes over the training part.
        synthetic: generated images mixed into each epoch, new ones each time.
        seed: of everything random.
        batch_size: images a step.
        learning_rate: the peak of the cycle.
        weight_decay: of AdamW, on matrices and filters alone.
        warm_up: share of the steps before the peak.
        averaging: decay of the running average of the weights, which is what is shipped.
        clip: largest norm of a gradient.
        augmentation: of training images.
    """

    epochs: int = 60
    synthetic: int = 0
    seed: int = 0
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up: float = 0.15
    averaging: float = 0.998
    clip: float = 5.0
    augmentation: Augmentation = field(default_factory=Augmentation)


def learning_rate(recipe: Recipe, step: int, total: int) -> float:
    """The rate of a step of one cycle: up from 4 % of the peak, then down to 0.1 % of it, both on cosines.

    Smith and Topin (2018), Super-convergence, arXiv:1708.07120. A function of the step alone, so that a
    resumed run needs no state of it.

    Args:
        recipe: names the peak and the share of steps before it.
        step: 0 to total - 1.
        total: steps of the whole run.
    """
    rise = max(1, round(recipe.warm_up * total))
    if step < rise:
        start, end, share = 0.04, 1.0, step / rise
    else:
        start, end, share = 1.0, 0.001, (step - rise) / max(1, total - 1 - rise)
    return recipe.learning_rate * (end + (start - end) * (1 + math.cos(math.pi * share)) / 2)
