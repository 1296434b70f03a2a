"""What the probability of an answer is worth: temperature, calibration error, thresholds.

Plain functions of arrays. The probability is that of the exact decoder's answer: its share of the mass of
all allowed texts.

Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML: temperature scaling
(section 4.2) and the expected calibration error, ECE (equation 3). Nguyen and O'Connor (2015), Posterior
calibration and exploratory analysis for natural language processing models, EMNLP: bins of equal mass.
Clopper and Pearson (1934), The use of confidence or fiducial limits, Biometrika 26: the exact lower bound.
Maurer, Hothorn and Lehmacher (1995): hypotheses that are tested in an order fixed beforehand, up to the first
that fails, need no correction for how many they are; Angelopoulos et al. (2021), Learn then test, choose
thresholds of a classifier that way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import betaincinv

from model_zoo.card_parts import (
    Calibration,
    CalibrationError,
    Precision,
    ReliabilityRow,
    Threshold,
    answers_needed,
)
from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.ctc import string_log_probs
from model_zoo.errors import DataError
from model_zoo.frames import temper

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

N_BINS = 15
CONFIDENCE = 0.95
TARGETS = (0.99, 0.995)
LEAST_RIGHT, LEAST_SHARE_RIGHT = 10, 0.1

# Far outside of what networks need: 1.5 to 3 for those of Guo et al., 0.5 to 2 for CTC here.
_LOWEST_TEMPERATURE, _HIGHEST_TEMPERATURE = 0.05, 20.0

# A mean loss this much above the least one is as good: no temperature is told from another by it.
_FLAT = 1e-6

# Each P that may be named, chosen without a look at any answer: finer where answers are surest.
GRID = tuple(
    number / 10_000
    for number in (*range(0, 9900, 100), *range(9900, 9990, 10), *range(9990, 10_000))
)  # fmt: skip


def fit_temperature(log_probs: torch.Tensor, labels: Sequence[Sequence[int]]) -> float:
    """The temperature under which the labels are most probable, by CTC's negative log-likelihood.

    Args:
        log_probs: (N, T, C) of a model at temperature 1, blank first; images that it was not fitted to.
        labels: N labels as class ids; N is at least 1.

    Returns:
        Between 0.05 and 20.

    Raises:
        DataError: no label, one that the frames cannot carry, or labels that are the more probable the
            farther the temperature is from 1: all of them are read right, or nearly none.
    """
    if not labels:
        raise DataError("a temperature is fitted to labelled images; there are none")
    frames = log_probs.double().cpu()
    longest = max(map(len, labels))
    padded = torch.tensor([[*label, *[0] * (longest - len(label))] for label in labels])[:, None]  # (N, 1, L)
    lengths = torch.tensor([[len(label)] for label in labels])  # (N, 1)

    def loss(log_temperature: float) -> float:
        tempered = temper(frames, math.exp(log_temperature))
        return -float(string_log_probs(tempered, padded.long(), lengths).mean())

    if not math.isfinite(loss(0.0)):
        raise DataError("some label has the probability 0 under this model; leave such images out")
    bounds = math.log(_LOWEST_TEMPERATURE), math.log(_HIGHEST_TEMPERATURE)
    found = float(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4}).x)
    if min(map(loss, bounds)) < loss(found) + _FLAT:
        raise DataError(
            f"no temperature between {_LOWEST_TEMPERATURE:g} and {_HIGHEST_TEMPERATURE:g} fits these "
            f"{len(labels):,} labels, because nearly all of them are read right, or nearly none; give more "
            "images"
        )
    return math.exp(found)


def check_enough_right(right: Bools) -> None:
    """Refuse answers that are too seldom right for a temperature to be told from them.

    The temperature makes the labels more probable, the answers' probabilities are what it is for; where the
    two are seldom the same text, the one says nothing of the other, and the calibration may get worse.

    Args:
        right: whether each answer at temperature 1 is right, (N,).

    Raises:
        DataError: fewer than 10, or fewer than 1 in 10, are.
    """
    n, n_right = len(right), int(right.sum())
    if n_right < LEAST_RIGHT or n_right < LEAST_SHARE_RIGHT * n:
        raise DataError(
            f"{n_right:,} of {n:,} images are read right, and a temperature takes at least {LEAST_RIGHT} and "
            f"{LEAST_SHARE_RIGHT:.0%} of them; give more images, or train the model further"
        )


def calibration_error(probabilities: Floats, right: Bools, n_bins: int = N_BINS) -> CalibrationError:
    """The expected calibration error, both ways.

    Args:
        probabilities: of N answers, 0 to 1, (N,).
        right: whether each is right, (N,).
        n_bins: of either kind.
    """
    n = max(1, len(probabilities))
    gaps = [
        abs(row.n * row.mean_probability - row.right) for row in reliability(probabilities, right, n_bins)
    ]
    order = np.argsort(probabilities, kind="stable")
    # Answers of one probability are one group: which of them are right is shared out evenly among them, so
    # that the order in which they come changes nothing where a bin ends between them.
    _, group, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    share = (np.bincount(group, right, len(counts)) / np.maximum(counts, 1))[group]
    difference = (np.asarray(probabilities, np.float64) - share)[order]
    masses = [abs(float(part.sum())) for part in np.array_split(difference, n_bins)]
    return CalibrationError(sum(gaps) / n, sum(masses) / n)


def reliability(probabilities: Floats, right: Bools, n_bins: int = N_BINS) -> tuple[ReliabilityRow, ...]:
    """The reliability table: bins of equal width, `low` < probability <= `high`, without the empty ones.

    Args:
        probabilities: of N answers, 0 to 1, (N,).
        right: whether each is right, (N,).
        n_bins: from 0 to 1; a probability of 0 belongs to the first.
    """
    values = np.asarray(probabilities, np.float64)
    edges = np.arange(n_bins + 1) / n_bins
    which = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, n_bins - 1)
    rows = []
    for number in np.unique(which):
        inside = which == number
        low, high = float(edges[number]), float(edges[number + 1])
        rows.append(
            ReliabilityRow(
                low, high, int(inside.sum()), float(values[inside].mean()), int(right[inside].sum())
            )
        )
    return tuple(rows)


def lower_bound(right: int, n: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided Clopper-Pearson lower bound of a share: exact, never too high.

    Args:
        right: 0 <= right <= n.
        n: how often it was tried; with 0 tries the bound is 0.
        confidence: with which the true share is above it.
    """
    return 0.0 if right == 0 else float(betaincinv(right, n - right + 1, 1 - confidence))


def threshold(
    probabilities: Floats, right: Bools, target: float, confidence: float = CONFIDENCE
) -> Threshold:
    """The smallest P of `GRID` from which on answers are proven to have the precision `target`.

    Looking at many P and taking the best would be as many chances to be lucky. So they are tested in an order
    that no answer's correctness decides: from the P that leaves halfway between the fewest answers that could
    prove the target and all of them, downwards, to the first whose lower bound misses the target. Then, with
    the confidence of one test, no P that passed is below its target (fixed-sequence testing, see above).

    Args:
        probabilities: of N answers to images drawn like those to come, (N,).
        right: whether each is right, (N,).
        target: precision asked for, between 0 and 1.
        confidence: of the lower bound, one-sided.
    """
    kept = [int((probabilities >= level).sum()) for level in GRID]
    least = answers_needed(target, confidence)
    halfway = max(least, (least + len(probabilities) + 1) // 2)
    tested = [(level, n) for level, n in zip(GRID, kept, strict=True) if n >= halfway]
    if not tested:
        errors = int((~right).sum())
        n = len(probabilities)
        return Threshold(target, None, n, errors, lower_bound(n - errors, n, confidence))
    found: Threshold | None = None
    for level, n in reversed(tested):
        errors = int((~right[probabilities >= level]).sum())
        low = lower_bound(n - errors, n, confidence)
        if low < target:
            return found or Threshold(target, None, n, errors, low)
        found = Threshold(target, level, n, errors, low)
    assert found is not None
    return found


def precision(
    part: str,
    probabilities: Floats,
    right: Bools,
    *,
    targets: Sequence[float] = TARGETS,
    seed: int | None = None,
    constraints: ConstraintTexts | None = None,
) -> Precision:
    """The thresholds of a model for its card; arguments as for `threshold` and of `card_parts.Precision`."""
    rows = tuple(threshold(probabilities, right, target) for target in targets)
    return Precision(part, "exact", len(probabilities), CONFIDENCE, rows, seed, constraints)


def calibration(
    part: str,
    before: tuple[Floats, Bools],
    after: tuple[Floats, Bools],
    *,
    seed: int | None = None,
    constraints: ConstraintTexts | None = None,
) -> Calibration:
    """What probabilities are worth, for a card.

    Args:
        part: that was read.
        before: the answers' probabilities and whether they are right, at temperature 1.
        after: the same at the model's temperature.
        seed: of the training, where several were measured.
        constraints: what the answers kept.
    """
    errors = calibration_error(*before), calibration_error(*after)
    return Calibration(part, "exact", len(after[0]), *errors, reliability(*after), seed, constraints)
