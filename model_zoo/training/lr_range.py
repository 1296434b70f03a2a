"""The learning-rate range test: a short training in which the rate grows until the loss diverges.

Smith (2017), Cyclical learning rates for training neural networks, arXiv:1506.01186, section 3.3; range,
smoothing, the end at four times the best loss and the rule of the valley are fastai's.
"""

from __future__ import annotations

import copy
import csv
import io
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from model_zoo.atomic import write_whole
from model_zoo.errors import DataError
from model_zoo.training.fit import Fit, seed_epoch
from model_zoo.training.schedule import STILL_MOMENTUM

SMOOTHING = 0.98
DIVERGED = 4.0  # times the best smoothed loss
# The first tenth of the steps tells nothing yet, the last five have diverged.
SKIPPED_START, SKIPPED_END = 0.1, 5


@dataclass(frozen=True)
class RangeTest:
    """What a test has shown.

    Attributes:
        rates: of each step, rising.
        losses: of each step, mean of an image.
        smoothed: likewise, a running average without bias.
        valley: the rate in the middle of the longest fall of the smoothed loss: fastai's suggestion.
        steepest: the rate at which the smoothed loss falls fastest.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    valley: float
    steepest: float


def range_test(fit: Fit, *, low: float = 1e-7, high: float = 10.0, steps: int = 100) -> RangeTest:
    """Train for some steps with rates from `low` to `high`, evenly spaced in the logarithm.

    Args:
        fit: what is to be trained; it is left as it was.
        low: the first rate.
        high: that the rates tend to.
        steps: the most that are made, at least 30.

    Raises:
        DataError: the loss diverges before anything can be seen.
    """
    before = copy.deepcopy((fit.state.network.state_dict(), fit.state.optimizer.state_dict()))
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    average = 0.0
    fit.state.network.train()
    for step, loss in zip(range(steps), _losses(fit), strict=False):
        rates.append(low * (high / low) ** (step / steps))
        for group in fit.state.optimizer.param_groups:
            group["lr"], group["betas"] = rates[-1], (STILL_MOMENTUM, fit.recipe.beta2)
        fit.descend(loss)
        losses.append(loss.item())
        average = SMOOTHING * average + (1 - SMOOTHING) * losses[-1]
        smoothed.append(average / (1 - SMOOTHING ** (step + 1)))
        if not smoothed[-1] <= DIVERGED * min(smoothed):  # NaN included
            break
    fit.state.network.load_state_dict(before[0])
    fit.state.optimizer.load_state_dict(before[1])
    return _judged(rates, losses, smoothed, steps)


def _losses(fit: Fit) -> Iterator[torch.Tensor]:
    """The loss of one batch after the other, pass after pass."""
    for epoch in itertools.count():
        images, source = fit.images(epoch), seed_epoch(fit.recipe.seed, epoch)
        yield from fit.losses(images, fit.batches(len(images), source), source)


def _judged(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], steps: int
) -> RangeTest:
    skipped = int(SKIPPED_START * steps)
    seen_rates, seen = rates[skipped:-SKIPPED_END], smoothed[skipped:-SKIPPED_END]
    finite = [number for number, loss in enumerate(seen) if math.isfinite(loss)]
    if len(finite) < 6:
        raise DataError(
            f"the loss diverged after {len(rates)} of {steps} steps, too early to see a fall; "
            "check images and labels, or begin at a lower rate"
        )
    seen_rates, seen = seen_rates[: len(finite)], seen[: len(finite)]
    return RangeTest(
        tuple(rates),
        tuple(losses),
        tuple(smoothed),
        seen_rates[valley(seen)],
        seen_rates[steepest(seen_rates, seen)],
    )


def valley(losses: Sequence[float]) -> int:
    """The middle of the longest fall, which is the longest falling subsequence.

    Args:
        losses: one after the other.
    """
    lengths = [1] * len(losses)
    for i, loss in enumerate(losses):
        lengths[i] = 1 + max((lengths[j] for j in range(i) if losses[j] > loss), default=0)
    end = lengths.index(max(lengths))
    start = end - lengths[end]
    third = (end - start) / 3
    return max(0, start + int(third) + int(third / 2))


def steepest(rates: Sequence[float], losses: Sequence[float]) -> int:
    """The place from which the loss falls fastest, per unit of the rate's logarithm."""
    slopes = [
        (losses[i + 1] - losses[i]) / (math.log(rates[i + 1]) - math.log(rates[i]))
        for i in range(len(losses) - 1)
    ]
    return slopes.index(min(slopes))


def write_csv(test: RangeTest, out: Path) -> None:
    """A line a step: learning rate, loss and smoothed loss.

    Raises:
        DataError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("learning_rate", "loss", "smoothed_loss"))
    for row in zip(test.rates, test.losses, test.smoothed, strict=True):
        writer.writerow([f"{value:.4g}" for value in row])
    write_whole(out, text.getvalue().encode())
