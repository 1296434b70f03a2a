"""The most probable allowed strings, with a proof: best-first search over prefixes.

After prefix search decoding (Graves et al. 2006, section 3.2), without its heuristic cuts. Two engines find
the same: `compiled` (numba, on the CPU, item after item) and `torch` (whole batches, anywhere).
docs/decoding.md explains the search and what proves an answer.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_zoo.errors import ZooError
from model_zoo.exact import host, levels, resident
from model_zoo.exact.found import Found, better, put
from model_zoo.exact.ranking import rank
from model_zoo.exact.tables import CAPPED, LEFT, PROVEN, SLACK, Ints, Tables
from model_zoo.frames import normalise

# Prefixes that the torch engine follows.
WIDTHS = levels.Widths()

# Numbers that the torch engine holds of a part of the batch, 8 bytes each; larger batches are taken in parts.
_MAX_NUMBERS = 2**25


def search(log_probs: Tensor, tables: Tables, n_best: int, engine: str = "auto") -> Found:
    """The `n_best` most probable allowed strings of each item.

    Args:
        log_probs: float (N, T, C), normalised or not.
        tables: the allowed strings.
        n_best: readings wanted.
        engine: `compiled`, `torch`, or `auto`: compiled where it is installed.

    Raises:
        ZooError: an item with NaN or +inf, with a frame that has no probability at all, or whose allowed
            strings have none.
    """
    N, T, _ = log_probs.shape
    found = Found.empty(N, n_best, T)
    outcomes = np.full(N, LEFT, np.int32)
    is_compiled = host.uses_compiled(engine)
    if tables.is_free and n_best == 1 and not (is_compiled and _is_near(log_probs, engine)):
        outcomes = _search_certified(log_probs, tables, found)
        if is_compiled:
            _search_left(log_probs, tables, found, outcomes)
    elif is_compiled:
        outcomes = host.search(log_probs, tables, n_best, found)
    for part in _parts(np.flatnonzero(outcomes == LEFT), tables, T):
        put(found, part, _search_levels(log_probs, tables, n_best, part))
    for part in _parts(np.flatnonzero(outcomes == CAPPED), tables, T):
        # A search that was cut short may have missed what a beam finds, which keeps a few of every length.
        beam = _search_levels(log_probs, tables, n_best, part)
        put(found, part, better(found.of(part), beam))
    return found


def _is_near(log_probs: Tensor, engine: str) -> bool:
    """Whether the compiled engine, which reads the host's memory, is to take every item."""
    return not log_probs.is_cuda or engine == "compiled"


def _search_certified(log_probs: Tensor, tables: Tables, found: Found) -> Ints:
    """Fill in what the greedy string proves; what became of each item, (N,)."""
    N, T, C = log_probs.shape
    outcomes = np.full(N, LEFT, np.int32)
    size = max(1, min(resident.items_at_once(log_probs), _MAX_NUMBERS // (T * C)))
    for start in range(0, N, size):
        part = slice(start, start + size)
        it = resident.certain(log_probs[part], tables)
        if it is None:  # no memory for it
            continue
        found.columns[part, 0, : it.columns.shape[1]] = it.columns
        found.lengths[part, 0] = it.lengths
        found.chances[part, 0] = it.chances
        found.share[part] = it.share
        found.expanded[part] = it.lengths + 1
        outcomes[part] = np.where(it.proven, PROVEN, LEFT)
    found.proven[:] = outcomes == PROVEN
    return outcomes


def _search_left(log_probs: Tensor, tables: Tables, found: Found, outcomes: Ints) -> None:
    """Give the compiled engine the items that are left; fill in what it finds, and what became of them."""
    left = np.flatnonzero(outcomes == LEFT)
    if len(left):
        # Anew: what stands behind a shorter reading would be read with it.
        part = Found.empty(len(left), 1, log_probs.shape[1])
        theirs = log_probs[torch.from_numpy(left).to(log_probs.device)]
        outcomes[left] = host.search(theirs, tables, 1, part)
        put(found, left, part)


def _search_levels(log_probs: Tensor, tables: Tables, n_best: int, items: NDArray[np.intp]) -> Found:
    """What the level search finds of some items."""
    normal, share = normalise(log_probs, tables.columns, items)
    it = levels.search(normal, tables, n_best, WIDTHS)
    mass = torch.stack([it.mass, it.mass], 1)
    if tables.has_words:
        mass = torch.stack([it.least_mass, it.most_mass], 1)
    nothing = (mass[:, 0] == -torch.inf).nonzero()
    if len(nothing):
        raise ZooError(f"item {items[int(nothing[0])]} has no probability for any allowed text")
    ranked = rank(it.columns.cpu().numpy(), it.lengths.cpu().numpy(), it.chances.cpu().numpy())
    strings, lengths, chances = (array[:, :n_best] for array in ranked)
    bound = it.bound.cpu().numpy()
    return Found(
        columns=strings.astype(np.int32),
        lengths=np.where(chances > -np.inf, lengths, -1).astype(np.int32),
        chances=chances,
        mass=mass.cpu().numpy(),
        share=share.cpu().numpy(),
        bound=bound,
        proven=(bound < chances[:, -1] + np.log(SLACK)) | (bound == -np.inf),
        expanded=it.expanded.cpu().numpy(),
    )


def _parts(items: NDArray[np.intp], tables: Tables, T: int) -> list[NDArray[np.intp]]:
    """The items, cut so that what is computed for each state, frame and class fits in memory."""
    of_one = T * tables.following.size
    size = max(1, min(1024, _MAX_NUMBERS // of_one))
    return [items[start : start + size] for start in range(0, len(items), size)]
