"""The frames of a batch, made ready for decoding."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_zoo.errors import ZooError
from model_zoo.folding import fold_character, fold_charset


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


def fold_case(log_probs: Tensor, charset: str) -> Tensor:
    """Upper and lower case of a letter as one class, which has the probability of both in each frame.

    Args:
        log_probs: float (N, T, C), blank first, normalised or not; -inf is a probability of 0.
        charset: the model's characters, C - 1.

    Returns:
        (N, T, F) of the same type: the blank, then the classes of `fold_charset(charset)`.
    """
    # Folded frame by frame, before runs of one class become one character, and not text by text afterwards,
    # though `a` and `A` in neighbouring frames are two characters of the network's and here become one. The
    # case is what the user says does not matter, and often what nobody can tell: o and O differ in nothing
    # but size. Such a letter over two frames, each `o` or `O` with 0.5, is `o`, `O`, `oO` and `Oo` with 0.25
    # each. Added up over their cases, the texts would be `o` and `oo` with 0.5 each: a doubt about the case
    # would have become a doubt about the length. Folded frames say `o` with 1, as a network says that was
    # trained with one class a letter. What it costs: two equal letters in different case are told apart only
    # by a blank between them, as CTC tells any two equal ones.
    folded = fold_charset(charset)
    if len(folded) == len(charset):
        return log_probs
    members: list[list[int]] = [[0], *([] for _ in folded)]
    place = {char: number for number, char in enumerate(folded, 1)}
    for class_id, char in enumerate(charset, 1):
        members[place[fold_character(char)]].append(class_id)
    sums = log_probs[..., [row[0] for row in members]]
    for number in range(1, max(map(len, members))):
        places = [place for place, row in enumerate(members) if len(row) > number]
        more = log_probs[..., [members[place][number] for place in places]]
        sums[..., places] = torch.logaddexp(sums[..., places].double(), more.double()).to(sums.dtype)
    return sums


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
