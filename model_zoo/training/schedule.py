"""Learning rate and momentum as functions of the step alone, so that a resumed run needs no state of them.

One cycle: Smith and Topin (2018), Super-convergence, arXiv:1708.07120.
"""

from __future__ import annotations

import math

from model_zoo.training.recipe import Recipe

# Adam's first beta where the schedule leaves it alone, and the two ends between which one cycle moves it.
STILL_MOMENTUM = 0.9
HIGH_MOMENTUM, LOW_MOMENTUM = 0.95, 0.85


def rates(recipe: Recipe, step: int, total: int) -> tuple[float, float]:
    """Learning rate and momentum (Adam's first beta) of a step.

    Args:
        recipe: names the schedule, the peak and the share of steps before it.
        step: 0 to total - 1.
        total: steps of the whole run.
    """
    if recipe.schedule == "cosine":
        return cosine(recipe, step, total), STILL_MOMENTUM
    rate = one_cycle(step, total, peak=recipe.learning_rate, pct_start=recipe.warm_up)
    return rate, one_cycle_momentum(step, total, pct_start=recipe.warm_up)


def cosine(recipe: Recipe, step: int, total: int) -> float:
    """Up from 4 % of the peak, then down to 0.1 % of it in the last step, both on cosines."""
    rise = max(1, round(recipe.warm_up * total))
    if step < rise:
        start, end, share = 0.04, 1.0, step / rise
    else:
        start, end, share = 1.0, 0.001, (step - rise) / max(1, total - 1 - rise)
    return recipe.learning_rate * (end + (start - end) * (1 + math.cos(math.pi * share)) / 2)


def one_cycle(
    step: int,
    total: int,
    *,
    peak: float,
    div: float = 25,
    pct_start: float = 0.25,
    div_final: float = 1e5,
) -> float:
    """The learning rate as fastai's `fit_one_cycle` sets it.

    Args:
        step: 0 to total - 1; fastai's position is step / total, so the end is never quite reached.
        total: steps of the whole run.
        peak: the highest rate.
        div: the first rate is the peak over this.
        pct_start: share of the steps before the peak.
        div_final: the last rate tends to the peak over this.
    """
    return _there_and_back(step / total, pct_start, peak / div, peak, peak / div_final)


def one_cycle_momentum(step: int, total: int, *, pct_start: float = 0.25) -> float:
    """Momentum against the rate: 0.95 down to 0.85 at the peak, and back."""
    return _there_and_back(step / total, pct_start, HIGH_MOMENTUM, LOW_MOMENTUM, HIGH_MOMENTUM)


def _there_and_back(position: float, turn: float, start: float, middle: float, end: float) -> float:
    """Along half a cosine from `start` to `middle`, which is reached at `turn`, then to `end` at 1."""
    if position < turn:
        return _half_cosine(start, middle, position / turn)
    return _half_cosine(middle, end, (position - turn) / (1 - turn))


def _half_cosine(start: float, end: float, share: float) -> float:
    return start + (end - start) * (1 - math.cos(math.pi * share)) / 2
