"""Most items at once: the greedy string, and the proof that nothing beats it (torch, whole batch, linear).

Every string other than the prefixes of the greedy one leaves it somewhere, as a child of one of its prefixes.
The mass behind all these children takes one matrix product; where none reaches the best prefix's own
probability, that one is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from model_zoo.charset import BLANK_ID
from model_zoo.ctc import pack_labels
from model_zoo.exact.tables import LEAST, SLACK


@dataclass(frozen=True)
class Certified:
    """The best prefix of each item's greedy string.

    Attributes:
        columns: (N, L), padded with 0.
        lengths: (N,).
        chances: linear, (N,).
        proven: whether no other string is as probable, (N,).
    """

    columns: Tensor
    lengths: Tensor
    chances: Tensor
    proven: Tensor


def best_path(scores: Tensor, longest: int | None = None) -> tuple[Tensor, Tensor]:
    """The best class of each frame, collapsed (greedy or best-path decoding, Graves et al. 2006, section
    3.2).

    Args:
        scores: (N, T, K), the blank first; logarithms or not.
        longest: L, as `pack_labels` takes it.

    Returns:
        Columns (N, L), padded with 0, and lengths (N,).
    """
    ids = scores.argmax(2)
    goes_on = torch.zeros_like(ids, dtype=torch.bool)
    goes_on[:, 1:] = ids[:, 1:] == ids[:, :-1]
    return pack_labels(ids.masked_fill(goes_on, BLANK_ID), longest)


def certify(probs: Tensor, longest: int | None = None) -> Certified:
    """Read greedily, and prove it where that is possible.

    Args:
        probs: float64 (N, T, K), linear, frames summing to one, the blank first.
        longest: characters of the greedy string that are looked at; None for all. The proof is about every
            string all the same: what goes on behind them counts as a rival.
    """
    labels, lengths = best_path(probs, longest)
    opened, anywhere = _prefixes(probs, labels)  # (N, L + 1, T + 1)
    own = anywhere[..., -1]
    place = torch.arange(own.shape[1], device=own.device)
    own = own.masked_fill(place > lengths[:, None], 0.0)
    chances, best = own.max(1)
    rival = own.scatter(1, best[:, None], 0.0).amax(1)

    masses = anywhere[..., :-1] @ probs  # (N, L + 1, K): behind each child of each prefix
    # The same character again is a new one only behind a blank.
    last = pad(labels, (1, 0))
    again = (opened[..., :-1] * probs.gather(2, last[:, None].expand(-1, probs.shape[1], -1)).mT).sum(2)
    masses = masses.scatter(2, last[..., None], again[..., None])
    # What stays on the path is no rival, nor is the blank, nor what lies behind the end of shorter strings.
    masses = masses.scatter(2, pad(labels, (0, 1))[..., None], 0.0)
    masses[..., BLANK_ID] = 0.0
    masses = masses.masked_fill((place > lengths[:, None])[..., None], 0.0)
    rival = torch.maximum(rival, masses.flatten(1).amax(1))
    proven = (rival < chances * SLACK) & (chances > LEAST)
    columns = labels.masked_fill(place[:-1] >= best[:, None], BLANK_ID)
    return Certified(columns, best, chances, proven)


def _prefixes(probs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Forward probabilities of every prefix of each string, before each frame and after the last.

    Returns:
        Of the paths that end in the blank, and of all, (N, L + 1, T + 1).
    """
    N, T, _ = probs.shape
    J = labels.shape[1] + 1
    last = pad(labels, (1, 0))
    repeats = pad(labels[:, 1:] == labels[:, :-1], (1, 0)) if J > 1 else labels.bool()
    in_blank, in_label = probs.new_zeros((N, J)), probs.new_zeros((N, J))
    in_blank[:, 0] = 1.0
    opened, anywhere = [in_blank], [in_blank]
    by_label = probs.gather(2, last[:, None].expand(N, T, J))
    for t in range(T):
        entering = in_blank[:, :-1] + in_label[:, :-1].masked_fill(repeats, 0.0)
        in_blank = (in_blank + in_label) * probs[:, t, :1]
        in_label = (in_label + pad(entering, (1, 0))) * by_label[:, t]
        in_label[:, 0] = 0.0
        opened.append(in_blank)
        anywhere.append(in_blank + in_label)
    return torch.stack(opened, 2), torch.stack(anywhere, 2)
