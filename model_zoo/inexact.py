"""The decoders that prove nothing: prefix beam search, greedy, and beam search over alignments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model_zoo import alignment_beam, beam
from model_zoo.constraints import Constraints
from model_zoo.ctc import NOTHING, length_log_mass, string_log_probs
from model_zoo.errors import ZooError
from model_zoo.exact import host
from model_zoo.exact.certificate import best_path
from model_zoo.exact.found import Found
from model_zoo.exact.ranking import rank
from model_zoo.exact.tables import LEFT, Tables
from model_zoo.frames import normalise

Items = NDArray[np.intp]  # numbers of items in the batch

# What the search takes for zero: no real path is so improbable, and over finite scores it never runs dry.
_SEARCH_FLOOR = -1e5

# Scores that one step of the search holds at a time, 8 bytes each; larger batches are decoded in parts.
_MAX_SCORES = 4_000_000


def search_greedy(log_probs: Tensor, tables: Tables, engine: str) -> Found:
    """The best class of each frame, collapsed; its probability is that of all its paths."""
    found = Found.empty(len(log_probs), 1, log_probs.shape[1])
    items = np.arange(len(log_probs))
    if host.uses_compiled(engine):
        items = np.flatnonzero(host.best_paths(log_probs, tables, found) == LEFT)
    for part, normal in _normal_parts(log_probs, tables, 1, found, items):
        labels, lengths = (array[:, None] for array in best_path(normal))
        _fill(found, part, labels, lengths, string_log_probs(normal, labels, lengths))
    return found


def search_alignments(log_probs: Tensor, tables: Tables) -> Found:
    """The string of the best few paths; its probability is that of all its paths."""
    N = len(log_probs)
    found = Found.empty(N, 1, log_probs.shape[1])
    for part, normal in _normal_parts(log_probs, tables, 1, found, np.arange(N)):
        labels, lengths = (array[:, None] for array in alignment_beam.search(normal))
        _fill(found, part, labels, lengths, string_log_probs(normal, labels, lengths))
    return found


def search_beam(
    log_probs: Tensor, tables: Tables, n_best: int, beam_width: int, constraints: Constraints
) -> Found:
    """The best strings that a prefix beam search finds, ordered by their exact probabilities."""
    N, T, _ = log_probs.shape
    found = Found.empty(N, n_best, T)
    longest = T if constraints.max_length is None else min(T, constraints.max_length)
    limits = (constraints.min_length, longest) if constraints.limits_length else ()
    # A prefix is extended by each class and compared with each prefix, for each length if that is limited.
    groups = longest + 1 if limits else 1
    scores = groups * beam_width * max(beam_width, len(tables.columns))
    for part, normal in _normal_parts(log_probs, tables, scores, found, np.arange(N)):
        it = beam.search(normal.clamp(min=_SEARCH_FLOOR), beam_width, *limits)
        chances = string_log_probs(normal, it.labels, it.lengths)
        chances = chances.masked_fill(it.log_scores == NOTHING, NOTHING)
        _fill(found, part, it.labels, it.lengths, chances)
        if limits:
            mass = length_log_mass(normal, *limits)
            nothing = (mass == NOTHING).nonzero()
            if len(nothing):
                item = part[int(nothing[0])]
                raise ZooError(f"item {item} has no probability for any allowed text")
            found.mass[part] = mass.cpu().numpy()[:, None]
    return found


def _normal_parts(
    log_probs: Tensor, tables: Tables, scores_of_item: int, found: Found, items: Items
) -> Iterator[tuple[Items, Tensor]]:
    """Cut the items so that their scores fit in memory; each part normalised, its columns' share entered."""
    size = max(1, _MAX_SCORES // max(scores_of_item, log_probs.shape[1] * log_probs.shape[2]))
    for start in range(0, len(items), size):
        part = items[start : start + size]
        normal, share = normalise(log_probs, tables.columns, part)
        found.share[part] = share.cpu().numpy()
        yield part, normal


def _fill(found: Found, part: Items, labels: Tensor, lengths: Tensor, chances: Tensor) -> None:
    """Enter what was found of one part, in order: (n, M, L), (n, M), (n, M)."""
    ranked = rank(labels.cpu().numpy(), lengths.cpu().numpy(), chances.cpu().numpy())
    M = found.lengths.shape[1]
    strings, sizes, best = (array[:, :M] for array in ranked)
    found.columns[part] = 0
    found.columns[part, : strings.shape[1], : strings.shape[2]] = strings
    found.chances[part, : best.shape[1]] = best
    found.lengths[part, : sizes.shape[1]] = np.where(best > -np.inf, sizes, -1)
    # A search may end with strings that have no probability at all: the best of them is still its answer.
    found.lengths[part, 0] = sizes[:, 0]
    found.bound[part] = np.inf
