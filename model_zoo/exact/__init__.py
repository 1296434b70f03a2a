"""The most probable allowed strings, with a proof: best-first search over prefixes (Graves et al. 2006,
section 3.2).

Two engines find the same: `compiled` (numba, on the CPU, item after item) and `torch` (whole batches,
    anywhere).
docs/decoding.md explains the search and what proves an answer.
"""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_zoo.errors import ConstraintError
from model_zoo.exact import levels
from model_zoo.exact.certificate import certify
from model_zoo.exact.ranking import rank
from model_zoo.exact.tables import CAPPED, LEFT, PROVEN, Bools, Floats, Ints, Tables
from model_zoo.frames import normalise

ENGINES = ("auto", "compiled", "torch")

# Prefixes that an item may cost, unless its best string has a probability of 1e-3 or more: then the search is
# bound to end. On the outputs of trained networks the mean is 6 to 8 and the most seen was 57.
MAX_EXPANDED = 4_000
# Where a search is cut short: prefixes of one length that the beam keeps which then looks for a better
# string.
BEAM_WIDTH = 16
# Prefixes of one length that the torch engine keeps for an item.
LEVEL_WIDTH = 256

# A lexicon's mass is narrowed to this, relative, as far as so many more prefixes go.
_NARROW_TO, _NARROWING = 1e-3, 200

_STORED_BYTES = 2**28  # of the prefixes of one item, at most
_ITEMS_A_THREAD = 128
_ITEMS_A_PART = 1024  # of the torch engine


@dataclass(frozen=True)
class Found:
    """The readings of a batch, best first; logarithms where probabilities are meant.

    Attributes:
        columns: of the characters, in `Tables.columns`, padded with 0, (N, n_best, L).
        lengths: -1 where there is no such reading, (N, n_best).
        chances: probability among all strings over the columns, -inf where there is no reading, (N, n_best).
        mass: of all allowed strings among those, lower and upper end, (N, 2).
        share: of the columns in what the model says, (N,).
        bound: no string outside the readings has more, (N,); -inf where all is proven.
        proven: (N,).
        expanded: prefixes looked at, (N,).
    """

    columns: Ints
    lengths: Ints
    chances: Floats
    mass: Floats
    share: Floats
    bound: Floats
    proven: Bools
    expanded: NDArray[np.int64]

    @classmethod
    def empty(cls, N: int, n_best: int, L: int) -> Found:
        """Room for N items with strings of up to L characters."""
        return cls(
            np.zeros((N, n_best, L), np.int32),
            np.full((N, n_best), -1, np.int32),
            np.full((N, n_best), -np.inf),
            np.zeros((N, 2)),
            np.zeros(N),
            np.full(N, -np.inf),
            np.zeros(N, np.bool_),
            np.zeros(N, np.int64),
        )

    def of(self, items: NDArray[np.intp]) -> Found:
        """What was found of some items."""
        return Found(*(getattr(self, field.name)[items] for field in fields(self)))


def has_compiled() -> bool:
    """Whether the compiled engine is installed."""
    return importlib.util.find_spec("numba") is not None


def search(log_probs: Tensor, tables: Tables, n_best: int, engine: str = "auto") -> Found:
    """The `n_best` most probable allowed strings of each item.

    Args:
        log_probs: float (N, T, C), normalised or not.
        tables: the allowed strings.
        n_best: readings wanted.
        engine: `compiled`, `torch`, or `auto`: compiled where it is installed. From a GPU the
            log-probabilities
            are copied to it once: deciding them takes less of a core than reading the images' files did.

    Raises:
        ZooError: an item with NaN or +inf, or with a frame that has no probability at all.
        ConstraintError: an item whose allowed strings have no probability at all.
    """
    N, T, _ = log_probs.shape
    found = Found.empty(N, n_best, T)
    if engine == "compiled" or (engine == "auto" and has_compiled()):
        outcomes = _search_compiled(log_probs, tables, n_best, found)
    elif tables.is_free and n_best == 1:
        outcomes = _search_certified(log_probs, tables, found)
    else:
        outcomes = np.full(N, LEFT, np.int32)
    left, capped = np.flatnonzero(outcomes == LEFT), np.flatnonzero(outcomes == CAPPED)
    for part in _parts(left):
        _put(found, part, _search_levels(log_probs, tables, n_best, LEVEL_WIDTH, part))
    for part in _parts(capped):
        _put(
            found, part, _better(found.of(part), _search_levels(log_probs, tables, n_best, BEAM_WIDTH, part))
        )
    return found


def _search_compiled(log_probs: Tensor, tables: Tables, n_best: int, found: Found) -> Ints:
    """Fill in what the compiled engine finds; what became of each item, (N,)."""
    from model_zoo.exact import compiled

    N, T, _ = log_probs.shape
    if log_probs.dtype not in (torch.float32, torch.float64):
        log_probs = log_probs.float()
    scores = log_probs.contiguous().cpu().numpy()
    t = tables
    automaton = (t.following, t.target, t.partial, t.mask, t.accepting, t.depth, t.rest, t.entered)
    trie = (t.trie.first_child, t.trie.child_column, t.trie.is_word)
    stored = max(64, min(2**16, _STORED_BYTES // (8 * (2 * T + 2 + len(t.columns)))))
    limits = (stored, min(stored, MAX_EXPANDED), _NARROWING, _NARROW_TO)
    outcomes = np.full(N, LEFT, np.int32)
    found.chances[:] = found.bound[:] = 0.0  # linear until the end
    arrays = (
        found.columns,
        found.lengths,
        found.chances,
        found.mass,
        found.share,
        found.bound,
        found.expanded,
        outcomes,
    )

    def search_part(part: slice) -> None:
        compiled.search(
            scores[part], t.columns, automaton, t.is_free, trie, n_best, limits, *(it[part] for it in arrays)
        )

    threads = max(1, min(torch.get_num_threads(), N // _ITEMS_A_THREAD))
    if threads == 1:
        search_part(slice(0, N))
    else:
        # Small parts, so that one with hard items does not keep the others waiting.
        size = -(-N // (4 * threads))
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(search_part, (slice(start, start + size) for start in range(0, N, size))))
    with np.errstate(divide="ignore"):  # the log of nothing is -inf
        for linear in (found.chances, found.mass, found.bound):
            np.log(linear, out=linear)
    found.proven[:] = outcomes == PROVEN
    return outcomes


def _search_certified(log_probs: Tensor, tables: Tables, found: Found) -> Ints:
    """Fill in what the greedy string proves; what became of each item, (N,)."""
    N = len(log_probs)
    outcomes = np.full(N, LEFT, np.int32)
    columns = torch.from_numpy(tables.columns).to(log_probs.device).long()
    for start in range(0, N, _ITEMS_A_PART):
        part = slice(start, start + _ITEMS_A_PART)
        normal, share = normalise(log_probs[part], columns, np.arange(start, N))
        it = certify(normal.exp())
        found.columns[part, 0, : it.columns.shape[1]] = it.columns.cpu().numpy()
        found.lengths[part, 0] = it.lengths.cpu().numpy()
        found.chances[part, 0] = it.chances.log().cpu().numpy()
        found.share[part] = share.cpu().numpy()
        found.expanded[part] = found.lengths[part, 0] + 1
        outcomes[part] = np.where(it.proven.cpu().numpy(), PROVEN, LEFT)
    found.proven[:] = outcomes == PROVEN
    return outcomes


def _search_levels(
    log_probs: Tensor, tables: Tables, n_best: int, width: int, items: NDArray[np.intp]
) -> Found:
    """What the level search finds of some items."""
    columns = torch.from_numpy(tables.columns).to(log_probs.device).long()
    normal, share = normalise(log_probs[torch.from_numpy(items).to(log_probs.device)], columns, items)
    it = levels.search(normal, tables, n_best, width)
    mass = torch.stack([it.mass, it.mass], 1)
    if tables.has_words:
        mass = torch.stack([it.seen, torch.logaddexp(it.seen, it.unseen)], 1)
    nothing = (mass[:, 0] == -torch.inf).nonzero()
    if len(nothing):
        raise ConstraintError(f"item {items[int(nothing[0])]} has no probability for any allowed text")
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
        proven=(bound < chances[:, -1]) | (bound == -np.inf),
        expanded=it.expanded.cpu().numpy(),
    )


def _better(cut_short: Found, beam: Found) -> Found:
    """Of two searches of the same items the readings of the better one, and the tighter of their bounds."""
    which = cut_short.chances[:, 0] >= beam.chances[:, 0]
    L = beam.columns.shape[2]
    return Found(
        columns=np.where(which[:, None, None], cut_short.columns[..., :L], beam.columns),
        lengths=np.where(which[:, None], cut_short.lengths, beam.lengths),
        chances=np.where(which[:, None], cut_short.chances, beam.chances),
        mass=np.stack(
            [
                np.maximum(cut_short.mass[:, 0], beam.mass[:, 0]),
                np.minimum(cut_short.mass[:, 1], beam.mass[:, 1]),
            ],
            1,
        ),
        share=beam.share,
        bound=np.minimum(cut_short.bound, beam.bound),
        proven=beam.proven,
        expanded=cut_short.expanded + beam.expanded,
    )


def _put(found: Found, items: NDArray[np.intp], part: Found) -> None:
    """Enter what was found of some items."""
    L = part.columns.shape[2]
    found.columns[items] = 0
    found.columns[items, :, :L] = part.columns
    for name in ("lengths", "chances", "mass", "share", "bound", "proven", "expanded"):
        getattr(found, name)[items] = getattr(part, name)


def _parts(items: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return [items[start : start + _ITEMS_A_PART] for start in range(0, len(items), _ITEMS_A_PART)]
