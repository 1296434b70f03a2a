"""Greedy texts and their proofs where the log-probabilities are: on a GPU, and nothing waits but for the end.

A trained network's greedy text is nearly always its most probable one, and `certify` proves that for a whole
batch at once. So a GPU decides nearly every item, and the CPU is given the few that are left, instead of all
log-probabilities: of 25 frames and 20 classes 2,000 bytes an image.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from model_zoo.cuda_graphs import Replays
from model_zoo.cuda_memory import is_out_of_memory
from model_zoo.exact.certificate import certify
from model_zoo.exact.host import to_host
from model_zoo.exact.tables import Bools, Floats, Ints, Tables

log = logging.getLogger(__name__)

# Characters of a greedy text that a GPU looks at; longer ones are left to the CPU. A number that depended on
# the texts would have to be waited for.
LONGEST = 24

# Items at once, on a GPU and on a CPU, whose caches hold what is computed of so many.
_ON_GPU, _ON_CPU = 8192, 1024

# Sets of columns that stay recorded: jobs with different charsets may take turns on a worker.
_KEPT = 4


@dataclass(frozen=True)
class Certain:
    """The best prefix of each item's greedy text, on the host.

    Attributes:
        columns: of `Tables`, padded with 0, (N, L).
        lengths: (N,).
        chances: logarithms of the texts' probabilities over the columns, (N,).
        share: logarithm of the columns' share in what the model says, (N,).
        proven: whether no other text is as probable, (N,); never of an item that cannot be read at all.
    """

    columns: Ints
    lengths: Ints
    chances: Floats
    share: Floats
    proven: Bools


def items_at_once(log_probs: Tensor) -> int:
    """That `certain` should be given."""
    return _ON_GPU if log_probs.is_cuda else _ON_CPU


def certain(log_probs: Tensor, tables: Tables) -> Certain | None:
    """Read greedily, and prove it where that is possible; None where a GPU has no memory for that.

    Args:
        log_probs: (N, T, C), normalised or not, N at least 1.
        tables: a charset at most (`Tables.is_free`).
    """
    read = _reader(log_probs.device, log_probs.dtype, log_probs.shape[1:], tables.columns.tobytes())
    try:
        return Certain(*to_host(read(log_probs)))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        log.warning("no memory for decoding on %s; %d items go to the CPU", log_probs.device, len(log_probs))
    return None


@lru_cache(_KEPT)
def _reader(device: torch.device, dtype: torch.dtype, shape: torch.Size, columns: bytes) -> Replays:
    """The reading of such log-probabilities, recorded; one for the process, as its memory is."""
    ids = torch.from_numpy(np.frombuffer(columns, np.int32).copy()).to(device).long()
    longest = min(LONGEST, shape[0]) if device.type == "cuda" else None
    return Replays(lambda log_probs: read(log_probs, ids, longest))


def read(log_probs: Tensor, columns: Tensor, longest: int | None) -> tuple[Tensor, ...]:
    """The tensors of `Certain`, on the device.

    Args:
        log_probs: (N, T, C).
        columns: class ids, the blank's first, (K,).
        longest: L; with a number shapes depend on shapes alone, so that nothing is waited for.
    """
    values = log_probs.double()
    chosen = values.index_select(2, columns)
    # What `normalise` refuses stays unproven, and meets `normalise` later.
    unfit = (values.isnan() | values.isposinf()).flatten(1).any(1) | chosen.isneginf().all(2).any(1)
    share = (chosen.logsumexp(2) - values.logsumexp(2)).sum(1)
    it = certify(chosen.log_softmax(2).exp(), longest)
    return it.columns.int(), it.lengths.int(), it.chances.log(), share, it.proven & ~unfit
