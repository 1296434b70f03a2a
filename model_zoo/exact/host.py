"""Running the compiled functions: on the CPU, with as many threads as torch has.

From a GPU log-probabilities are copied to it once: deciding them takes less of a core than reading the
images' files did.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_zoo.exact.found import Found
from model_zoo.exact.tables import LEFT, PROVEN, Ints, Tables

Scores = np.ndarray[tuple[int, int, int], np.dtype[np.floating]]

log = logging.getLogger(__name__)

ENGINES = ("auto", "compiled", "torch")

# Prefixes that an item may cost, unless a string of 1e-3 or more may still come: that search is bound to end.
# On the outputs of trained networks the mean is 6 to 8 and the most seen was 57.
MAX_EXPANDED = 4_000
# So many times as many with a lexicon: its masses count what is no word, so that they say less.
_WORDS_TIMES = 4

# A lexicon's mass is narrowed to this, relative, as far as so many more prefixes go.
_NARROW_TO, _NARROWING = 1e-3, 1_000

_STORED_BYTES = 2**28  # of the prefixes of one item, at most
_USUAL_ROOM = 1024  # prefixes of one item
_ITEMS_A_THREAD = 128


@cache
def has_compiled() -> bool:
    """Whether the compiled engine can be used: numba is installed and fits what is installed beside it."""
    try:
        importlib.import_module("model_zoo.exact.compiled")
    except ImportError as error:
        log.warning("the decoder runs without its compiled core, more slowly: %s", error)
        return False
    return True


def uses_compiled(engine: str) -> bool:
    """Whether that is what the name of an engine means here."""
    return engine == "compiled" or (engine == "auto" and has_compiled())


def search(log_probs: Tensor, tables: Tables, n_best: int, found: Found) -> Ints:
    """Fill in the most probable allowed strings; what became of each item, (N,)."""
    from model_zoo.exact import compiled

    N, T, _ = log_probs.shape
    scores = _scores(log_probs)
    t = tables
    automaton = (t.following, t.source, t.accepting, t.depth, t.rest, t.entered, t.irregular)
    trie = (t.trie.first_child, t.trie.child_column, t.trie.is_word)
    stored = max(64, min(2**16, _STORED_BYTES // (8 * (2 * T + 2 + len(t.columns)))))
    cap = MAX_EXPANDED * (_WORDS_TIMES if t.has_words else 1)
    outcomes = np.full(N, LEFT, np.int32)
    it = found
    filled = (it.columns, it.lengths, it.chances, it.mass, it.share, it.bound, it.expanded, outcomes)
    found.chances[:] = found.bound[:] = 0.0  # linear until the end

    def run(part: Scores, room: int, results: Sequence[np.ndarray[Any, Any]]) -> None:
        limits = (room, min(room, cap), _NARROWING, _NARROW_TO)
        compiled.search(part, t.columns, automaton, t.is_free, trie, n_best, limits, *results)

    def search_part(part: slice) -> None:
        results = [array[part] for array in filled]
        run(scores[part], min(stored, _USUAL_ROOM), results)
        # Room for many prefixes costs time to get, and few items need it.
        again = np.flatnonzero(found.expanded[part] == _USUAL_ROOM)
        if len(again) and stored > _USUAL_ROOM:
            # Empty: what stands behind a shorter reading would be read with it.
            with_room = [np.zeros_like(array[again]) for array in results]
            run(scores[part][again], stored, with_room)
            for array, new in zip(results, with_room, strict=True):
                array[again] = new

    _in_threads(search_part, N)
    with np.errstate(divide="ignore"):  # the log of nothing is -inf
        for linear in (found.chances, found.mass, found.bound):
            np.log(linear, out=linear)
    found.proven[:] = outcomes == PROVEN
    return outcomes


def best_paths(log_probs: Tensor, tables: Tables, found: Found) -> Ints:
    """Fill in the greedy strings; what became of each item, (N,)."""
    from model_zoo.exact import compiled

    scores = _scores(log_probs)
    outcomes = np.full(len(scores), LEFT, np.int32)
    filled = (found.columns, found.lengths, found.chances, found.share, outcomes)
    found.chances[:] = 0.0

    def read_part(part: slice) -> None:
        compiled.best_paths(scores[part], tables.columns, *(array[part] for array in filled))

    _in_threads(read_part, len(scores))
    with np.errstate(divide="ignore"):
        np.log(found.chances, out=found.chances)
    found.bound[:] = np.inf
    return outcomes


def _scores(log_probs: Tensor) -> Scores:
    if log_probs.dtype not in (torch.float32, torch.float64):
        log_probs = log_probs.float()
    scores: Scores
    (scores,) = to_host([log_probs.contiguous()])
    return scores


def to_host(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    """Arrays of tensors. From a GPU by way of pinned memory, and while the copy runs the thread sleeps.

    The usual way (`cpu()`) would wait in a loop, on a core that has images to decode.
    """
    if not tensors[0].is_cuda:
        return [tensor.numpy() for tensor in tensors]
    here = [torch.empty(it.shape, dtype=it.dtype, pin_memory=True) for it in tensors]
    for to, tensor in zip(here, tensors, strict=True):
        to.copy_(tensor, non_blocking=True)
    done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
    done.record(torch.cuda.current_stream(tensors[0].device))
    done.synchronize()
    return [tensor.numpy() for tensor in here]


def _in_threads(work: Callable[[slice], None], N: int) -> None:
    threads = max(1, min(torch.get_num_threads(), N // _ITEMS_A_THREAD))
    if threads == 1:
        work(slice(0, N))
        return
    # More parts than threads, so that one with hard items does not keep the others waiting.
    size = -(-N // (2 * threads))
    list(_pool(threads).map(work, (slice(start, start + size) for start in range(0, N, size))))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="decoder")
