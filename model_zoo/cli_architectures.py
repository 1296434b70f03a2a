"""What `model-zoo list --architectures` says."""

from __future__ import annotations

from collections.abc import Iterator

from model_zoo.architectures import architectures
from model_zoo.architectures.cost import cost_of
from model_zoo.training.prepare import DEFAULT_ARCHITECTURE

# What the figures are for: the input of the shipped models, and 19 characters.
HEIGHT, WIDTH, N_CLASSES = 50, 200, 20
# Larger weights are not part of the package.
SHIPPED_MB = 16


def architecture_lines() -> Iterator[str]:
    """Two lines an architecture, that of `train` unless told otherwise marked; what holds for all of them."""
    for architecture in architectures():
        cost = cost_of(architecture.name, n_classes=N_CLASSES, height=HEIGHT, width=WIDTH)
        default = "(default) " if architecture.name == DEFAULT_ARCHITECTURE else ""
        yield f"{architecture.name:<16}{default}{architecture.description}"
        yield (
            f"{'':<16}{cost.parameters:,} parameters ({cost.weights_mb:.1f} MB), "
            f"{cost.flops / 1e6:,.0f} MFLOP an image, {cost.time_steps} time steps"
        )
    yield (
        f"For images of {WIDTH}x{HEIGHT} pixels and {N_CLASSES} classes. Weights over {SHIPPED_MB} MB are "
        "not shipped: `model-zoo train --architecture NAME` makes them, from random ones."
    )
