"""The frames of a batch, made ready for decoding."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_zoo.errors import ZooError


def normalise(
    log_probs: Tensor, columns: NDArray[np.int32], items: NDArray[np.intp]
) -> tuple[Tensor, Tensor]:
    """The allowed classes of each frame of some items, made to sum to one.

    Every path has one class of each frame, so this divides the probability of each string by the same number:
    the share of the paths that keep to these classes.

    Args:
        log_probs: of the whole batch, float (N, T, C), normalised or not.
        columns: class ids, the blank's first, (K,).
        items: the numbers of the items, (n,).

    Returns:
        float64 (n, T, K), and the logarithm of the classes' share, (n,).

    Raises:
        ZooError: an item with NaN or +inf, or with a frame that has no probability at all.
    """
    device = log_probs.device
    values = log_probs[torch.from_numpy(items).to(device)].double()
    broken = (values.isnan() | values.isposinf()).flatten(1).any(1)
    if broken.any():
        item = items[int(broken.nonzero()[0])]
        raise ZooError(
            f"item {item} has NaN or +inf for a log-probability; expected numbers up to 0, or -inf"
        )
    chosen = values[..., torch.from_numpy(columns).to(device).long()]
    for scores, whose in ((values, "any class"), (chosen, "any allowed class")):
        silent = scores.isneginf().all(2).nonzero()
        if len(silent):
            item, frame = items[int(silent[0, 0])], int(silent[0, 1])
            raise ZooError(
                f"item {item} has no probability for {whose} in frame {frame}; nothing can be read from it"
            )
    share = (chosen.logsumexp(2) - values.logsumexp(2)).sum(1)
    return chosen.log_softmax(2), share


def temper(log_probs: Tensor, temperature: float | None) -> Tensor:
    """Log-probabilities divided by the temperature and normalised anew; above 1 they become less sure.

    Args:
        log_probs: (N, T, C), frames that sum to one; -inf stays -inf.
        temperature: positive; None and 1 change nothing.

    Returns:
        (N, T, C).
    """
    if temperature is None or temperature == 1:
        return log_probs
    return (log_probs / temperature).log_softmax(-1)
