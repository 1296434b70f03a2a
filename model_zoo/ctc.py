"""Exact CTC sums, whole batches at once, in log space and float64 (Graves et al. 2006, section 4.1).

Throughout, `log_probs` is (N, T, C) with frames that sum to one and class 0 the blank; a sum over no path is
-inf. Nothing is subtracted and nothing leaves the log space, so 100 frames lose no digits to underflow.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from model_zoo.charset import BLANK_ID

NOTHING = -torch.inf


def pack_labels(symbols: Tensor, longest: int | None = None) -> tuple[Tensor, Tensor]:
    """Move the characters of each row to its front.

    Args:
        symbols: class ids with blanks anywhere between, (..., T).
        longest: L, whatever the rows' lengths; None for the longest one's, for which a GPU is waited for.

    Returns:
        The class ids padded with blanks, (..., L), and the lengths, (...); what a row has beyond L is left
        out, and counted.
    """
    is_blank = symbols == BLANK_ID
    lengths = (~is_blank).sum(-1)
    order = is_blank.to(torch.uint8).argsort(dim=-1, stable=True)
    if longest is None:
        longest = int(lengths.max()) if lengths.numel() else 0
    return symbols.gather(-1, order)[..., :longest], lengths


def string_log_probs(log_probs: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
    """The log-probability of each string: the sum over all its paths.

    Args:
        log_probs: float64 (N, T, C).
        labels: M strings an item as class ids, padded with blanks, (N, M, L).
        lengths: their lengths, (N, M).

    Returns:
        float64 (N, M).
    """
    N, M, L = labels.shape
    flat = labels.flatten(1)  # (N, M * L)
    # A repeat of the label before needs a blank between: the way past the blank is closed to it.
    repeats = pad(labels[..., 1:] == labels[..., :-1], (1, 0)) if L else labels.bool()  # (N, M, L)
    after_blank = log_probs.new_full((N, M, L + 1), NOTHING)  # paths that end in the blank behind j labels
    after_blank[..., 0] = 0
    in_label = log_probs.new_full((N, M, L), NOTHING)  # paths that end in label j
    for frame in log_probs.unbind(1):
        before = pad(in_label, (1, 0), value=NOTHING)  # (N, M, L + 1), nothing stands before the first
        direct = before[..., :-1].masked_fill(repeats, NOTHING)
        entering = torch.logaddexp(after_blank[..., :-1], direct)
        after_blank = torch.logaddexp(after_blank, before) + frame[:, None, :1]
        in_label = torch.logaddexp(in_label, entering) + frame.gather(1, flat).view(N, M, L)
    ends = torch.logaddexp(after_blank, pad(in_label, (1, 0), value=NOTHING))
    return ends.gather(2, lengths[..., None])[..., 0]


def length_log_mass(log_probs: Tensor, min_length: int, max_length: int) -> Tensor:
    """The log-probability that the string is `min_length` to `max_length` characters long, whatever it says.

    Args:
        log_probs: float64 (N, T, C).
        min_length: the fewest characters.
        max_length: the most characters.

    Returns:
        float64 (N,).
    """
    N, _, C = log_probs.shape
    blank = log_probs.new_full((N, max_length + 1), NOTHING)  # paths of l characters that end in a blank
    blank[:, 0] = 0
    label = log_probs.new_full((N, max_length + 1, C - 1), NOTHING)  # ... that end in character c
    for t, frame in enumerate(log_probs.unbind(1)):
        reached = slice(0, min(t + 2, max_length + 1))  # no path is longer than it has frames
        was_blank, was_label = blank[:, reached], label[:, reached]
        entering = torch.logaddexp(was_blank[:, :-1, None], sum_of_others(was_label[:, :-1]))
        entering = pad(entering, (0, 0, 1, 0), value=NOTHING)  # no path enters length 0
        blank[:, reached] = torch.logaddexp(was_blank, was_label.logsumexp(-1)) + frame[:, :1]
        label[:, reached] = torch.logaddexp(was_label, entering) + frame[:, None, 1:]
    ends = torch.logaddexp(blank, label.logsumexp(-1))[:, min_length:]
    return ends.logsumexp(-1)


def sum_of_others(values: Tensor) -> Tensor:
    """For each class the log of the sum of all others, by running sums from both sides.

    The sum of all less the one itself would lose every digit where one class has nearly all of it. For the
    same reason the largest, by which the rest is scaled, has a sum of its own.
    """
    top, largest = values.max(-1, keepdim=True)
    scaled = (values - top.clamp(min=torch.finfo(values.dtype).min)).exp()
    from_left = pad(scaled[..., :-1], (1, 0)).cumsum(-1)
    from_right = pad(scaled[..., 1:], (0, 1)).flip(-1).cumsum(-1).flip(-1)
    of_largest = values.scatter(-1, largest, NOTHING).logsumexp(-1, keepdim=True)
    return ((from_left + from_right).log() + top).scatter(-1, largest, of_largest)
