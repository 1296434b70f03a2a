"""Log-probabilities of a batch to its most probable strings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from model_zoo import beam
from model_zoo.charset import BLANK_ID, Charset
from model_zoo.constraints import Constraints, check_feasible
from model_zoo.ctc import NOTHING, length_log_mass, pack_labels, string_log_probs
from model_zoo.errors import ConstraintError, ZooError

METHODS = ("greedy", "beam")

# Two probabilities closer than this, relative to the larger, are a tie: the sums are exact to about 1e-13.
TIE = 1e-9

# What the search takes for zero: no real path is so improbable, and over finite scores it never runs dry.
_SEARCH_FLOOR = -1e5

# Scores that one step of the search holds at a time, 8 bytes each; larger batches are decoded in parts.
_MAX_SCORES = 4_000_000


@dataclass(frozen=True)
class Candidate:
    """One reading: a text and its probability among all allowed strings."""

    text: str
    probability: float


@dataclass(frozen=True)
class Decoded:
    """The readings of one item, best first; at least one."""

    candidates: tuple[Candidate, ...]

    @property
    def text(self) -> str:
        """The best reading."""
        return self.candidates[0].text

    @property
    def probability(self) -> float:
        """Of the best reading."""
        return self.candidates[0].probability


@torch.inference_mode()
def decode(
    log_probs: Tensor,
    charset: Charset,
    constraints: Constraints,
    *,
    method: str = "beam",
    beam_width: int = 10,
    n_best: int = 1,
) -> list[Decoded]:
    """The most probable strings of each item.

    The allowed classes of each frame are normalised to one (so raw scores do as well). A string's probability
    is the sum over all its paths, divided by the same sum for all strings of an allowed length; it does not
    depend on what the search kept. Readings are ordered by it; ties go to the smaller class ids.

    Args:
        log_probs: (N, T, C), C the charset's classes, blank first; -inf is allowed, NaN and +inf are not.
        charset: of the model.
        constraints: which strings are allowed.
        method: `greedy`, the best class of each frame; or `beam`, which finds the best string more often.
        beam_width: prefixes that `beam` keeps (for each length, where the length is limited).
        n_best: readings wanted of each item; fewer where the search found fewer.

    Returns:
        One result per item, in order.

    Raises:
        ConstraintError: options that exclude each other, or constraints that allow nothing.
        ZooError: an item with NaN or +inf, or with a frame that has no probability at all.
        ValueError: a tensor of another shape.
    """
    _check_options(constraints, method, beam_width, n_best)
    N, T = _check_shape(log_probs, charset)
    allowed = check_feasible(constraints, charset.chars, T)
    classes = [BLANK_ID, *charset.encode(allowed)]
    longest = T if constraints.max_length is None else min(T, constraints.max_length)
    # A prefix is extended by each class and compared with each prefix, for each length if that is limited.
    groups = longest + 1 if constraints.limits_length else 1
    scores_of_item = groups * beam_width * max(beam_width, len(classes))
    results: list[Decoded] = []
    for part in _parts(N, scores_of_item):
        normal = _normalise(log_probs[part], classes, part.start)
        if method == "greedy":
            labels, lengths = _greedy(normal)
            chances = string_log_probs(normal, labels, lengths)
        else:
            labels, lengths, chances = _beam(normal, constraints, beam_width, longest)
        if constraints.limits_length:
            chances = chances - _mass(normal, constraints.min_length, longest, part.start)[:, None]
        ids = torch.tensor(classes)[labels.cpu()]
        for row in zip(ids.tolist(), lengths.tolist(), chances.tolist(), strict=True):
            results.append(_ranked(*row, charset, n_best))
    return results


def _check_options(constraints: Constraints, method: str, beam_width: int, n_best: int) -> None:
    if method not in METHODS:
        raise ConstraintError(f"decoder {method!r} is unknown; give one of {', '.join(METHODS)}")
    if beam_width < 1 or n_best < 1:
        raise ConstraintError(f"a beam of {beam_width} and {n_best} readings; both must be at least 1")
    longest = constraints.max_length
    if longest is not None and longest < constraints.min_length:
        raise ConstraintError(
            f"a length of {constraints.min_length} to {longest} allows nothing; give a range like 4-6"
        )
    if method == "greedy" and constraints.limits_length:
        raise ConstraintError("a length needs the beam decoder; choose it, or leave the length out")
    if method == "greedy" and n_best > 1:
        raise ConstraintError(
            f"the greedy decoder has one reading, {n_best} were asked for; choose the beam decoder"
        )
    if method == "beam" and n_best > beam_width:
        raise ConstraintError(
            f"a beam of {beam_width} cannot hold {n_best} readings; widen it, or ask for fewer"
        )


def _check_shape(log_probs: Tensor, charset: Charset) -> tuple[int, int]:
    shape = tuple(log_probs.shape)
    if len(shape) != 3 or shape[1] < 1 or shape[2] != charset.n_classes or not log_probs.is_floating_point():
        raise ValueError(
            f"log_probs are {log_probs.dtype} {shape}, "
            f"expected floats (N, T, {charset.n_classes}) with T at least 1; is it the charset of this model?"
        )
    return shape[0], shape[1]


def _parts(N: int, scores_of_item: int) -> Iterator[slice]:
    """Cut the batch so that a wide beam over many lengths fits in memory."""
    size = max(1, _MAX_SCORES // scores_of_item)
    for start in range(0, N, size):
        yield slice(start, min(N, start + size))


def _normalise(log_probs: Tensor, classes: list[int], first_item: int) -> Tensor:
    """The allowed classes' log-probabilities, each frame summing to one: float64 (N, T, 1 + K)."""
    values = log_probs.double()
    broken = (values.isnan() | values.isposinf()).flatten(1).any(1)
    if broken.any():
        item = first_item + int(broken.nonzero()[0])
        raise ZooError(
            f"item {item} has NaN or +inf for a log-probability; expected numbers up to 0, or -inf"
        )
    for chosen, whose in ((values, "any class"), (values[..., classes], "any allowed class")):
        silent = chosen.isneginf().all(2).nonzero()
        if len(silent):
            item, frame = first_item + int(silent[0, 0]), int(silent[0, 1])
            raise ZooError(
                f"item {item} has no probability for {whose} in frame {frame}; nothing can be read from it"
            )
    return chosen.log_softmax(2)


def _greedy(log_probs: Tensor) -> tuple[Tensor, Tensor]:
    """The collapsed best path: labels (N, 1, L), lengths (N, 1)."""
    ids = log_probs.argmax(2)
    goes_on = torch.zeros_like(ids, dtype=torch.bool)
    goes_on[:, 1:] = ids[:, 1:] == ids[:, :-1]
    return pack_labels(ids.masked_fill(goes_on, BLANK_ID)[:, None])


def _beam(
    log_probs: Tensor, constraints: Constraints, width: int, longest: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Labels (N, M, L), lengths (N, M) and exact log-probabilities (N, M); -inf where there is no string."""
    limits = (constraints.min_length, longest) if constraints.limits_length else ()
    found = beam.search(log_probs.clamp(min=_SEARCH_FLOOR), width, *limits)
    chances = string_log_probs(log_probs, found.labels, found.lengths)
    return found.labels, found.lengths, chances.masked_fill(found.log_scores == NOTHING, NOTHING)


def _mass(log_probs: Tensor, min_length: int, longest: int, first_item: int) -> Tensor:
    """The log-probability of all allowed strings, (N,)."""
    mass = length_log_mass(log_probs, min_length, longest)
    nothing = (mass == NOTHING).nonzero()
    if len(nothing):
        item = first_item + int(nothing[0])
        raise ConstraintError(f"item {item} has no probability for a length of {min_length} to {longest}")
    return mass


def _ranked(
    ids: list[list[int]], lengths: list[int], chances: list[float], charset: Charset, n_best: int
) -> Decoded:
    """The best readings of one item: more probable first, ties by class ids."""
    # exp of more than zero is rounding: no string has more than the whole.
    readings = [(math.exp(min(0.0, c)), row[:n]) for row, n, c in zip(ids, lengths, chances, strict=True)]
    # The search gives its best first: it stands where every string that it found has no probability at all.
    possible = [reading for reading in readings if reading[0] > 0] or readings[:1]
    possible.sort(key=lambda reading: -reading[0])
    ordered: list[tuple[float, list[int]]] = []
    while possible:
        tied = [reading for reading in possible if reading[0] >= possible[0][0] * (1 - TIE)]
        ordered += sorted(tied, key=lambda reading: reading[1])
        possible = possible[len(tied) :]
    return Decoded(tuple(Candidate(charset.decode(row), chance) for chance, row in ordered[:n_best]))
