"""How the images of one style are trained on, of whichever style."""

from __future__ import annotations

from dataclasses import replace

from model_zoo.training.recipe import STILL, Recipe

STYLE = Recipe(
    batch_size=32,
    learning_rate=1e-3,
    warm_up=0.1,
    averaging=0.998,
    augmentation=replace(
        STILL, rotation_degrees=3.0, scale=0.08, shear=0.1, shift_x=0.03, shift_y=0.05, elastic_pixels=1.0,
        contrast=0.25, brightness=0.12, noise=0.04, lines=0.5,
    ),
    precision="bfloat16",
)  # fmt: skip
