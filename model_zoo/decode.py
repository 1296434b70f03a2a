"""Log-probabilities of a batch to its most probable allowed strings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_zoo import exact
from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.errors import ConstraintError
from model_zoo.exact.host import ENGINES
from model_zoo.exact.tables import tabulate
from model_zoo.frames import fold_case
from model_zoo.inexact import search_alignments, search_beam, search_greedy
from model_zoo.language import compile_language

METHODS = ("exact", "beam", "greedy", "alignment-beam")

NO_CONSTRAINTS = Constraints()


@dataclass(frozen=True)
class Candidate:
    """One reading: a text and its probability among all allowed strings."""

    text: str
    probability: float


@dataclass(frozen=True)
class Item:
    """The readings of one item.

    Attributes:
        candidates: best first; at least one.
        proven: no other allowed string is more probable than these.
        gap: log of how many times as probable as the best one an unseen string could be; 0 where ruled out.
        allowed_mass: what the model gives all allowed strings together; of an interval the lower end.
        probability_high: upper end of the best reading's probability, where that is an interval; else the
            same.
    """

    candidates: tuple[Candidate, ...]
    proven: bool
    gap: float
    allowed_mass: float
    probability_high: float

    @property
    def text(self) -> str:
        """The best reading."""
        return self.candidates[0].text

    @property
    def probability(self) -> float:
        """Of the best reading; of an interval the lower end."""
        return self.candidates[0].probability


@dataclass(frozen=True, eq=False)
class Decoded:
    """The readings of a batch of N items, in arrays; texts are made when they are asked for.

    Attributes:
        charset: of the model, folded where case is ignored; the ids are its classes.
        ids: class ids of the characters, best reading first, padded with 0, (N, n_best, L).
        lengths: of the readings, -1 where there are fewer than n_best, (N, n_best).
        log_probs: of each reading among all allowed strings, -inf where there is none, (N, n_best). Where the
            allowed strings' mass is an interval, the lower end.
        log_mass: of all allowed strings in what the model says, lower and upper end, (N, 2). They differ only
            for a lexicon.
        proven: no other allowed string is more probable than the readings, (N,). Only `exact` proves.
        gap: log of how many times as probable as the best reading an unseen string could be, (N,): 0 where
            that is ruled out, inf where nothing is known.
        expanded: prefixes that the search looked at, 0 for other methods, (N,).
    """

    charset: Charset
    ids: NDArray[np.int32]
    lengths: NDArray[np.int32]
    log_probs: NDArray[np.float64]
    log_mass: NDArray[np.float64]
    proven: NDArray[np.bool_]
    gap: NDArray[np.float64]
    expanded: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def texts(self) -> list[str]:
        """The best reading of each item."""
        return self._texts(self.ids[:, 0], self.lengths[:, 0])

    @cached_property
    def n_best_texts(self) -> list[list[str]]:
        """The readings of each item, best first."""
        N, M, L = self.ids.shape
        flat = self._texts(self.ids.reshape(N * M, L), self.lengths.reshape(N * M))
        counts = (self.lengths >= 0).sum(1).tolist()
        return [flat[i * M : i * M + count] for i, count in enumerate(counts)]

    def __getitem__(self, item: int) -> Item:
        return self._items[item]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @cached_property
    def _items(self) -> list[Item]:
        """All at once: numpy takes longer to hand out one number than Python to make an item of them."""
        chances = np.exp(self.log_probs)
        low, high = self.log_mass.T
        with np.errstate(invalid="ignore"):  # -inf less -inf, where there is no reading
            upper = np.exp(np.fmin(self.log_probs[:, 0] + high - low, 0.0))
        # The lower end itself where both ends meet: a sum of logarithms may fall short of it.
        upper = np.maximum(chances[:, 0], upper)
        arrays = (self.proven, self.gap, np.exp(low), upper)
        return [
            Item(tuple(map(Candidate, texts, of_texts)), *rest)
            for texts, of_texts, *rest in zip(
                self.n_best_texts, chances.tolist(), *(array.tolist() for array in arrays), strict=True
            )
        ]

    def _texts(self, ids: NDArray[np.int32], lengths: NDArray[np.int32]) -> list[str]:
        """The texts of class ids (R, L) that are padded with 0."""
        if "\0" in self.charset.chars:  # numpy takes it for padding
            return [
                self.charset.decode(row[: max(n, 0)])
                for row, n in zip(ids.tolist(), lengths.tolist(), strict=True)
            ]
        longest = max(1, int(lengths.max(initial=0)))
        points = self._points[ids[:, :longest]] if ids.shape[1] else np.zeros((len(ids), 1), np.uint32)
        texts: list[str] = np.ascontiguousarray(points).view(f"<U{points.shape[1]}")[:, 0].tolist()
        return texts

    @cached_property
    def _points(self) -> NDArray[np.uint32]:
        """The code point of each class, 0 for the blank."""
        return np.array([0, *map(ord, self.charset.chars)], np.uint32)


@torch.inference_mode()
def decode(
    log_probs: Tensor,
    charset: Charset,
    constraints: Constraints = NO_CONSTRAINTS,
    *,
    n_best: int = 1,
    method: str = "exact",
    beam_width: int = 10,
    engine: str = "auto",
) -> Decoded:
    """The most probable allowed strings of each item.

    A string's probability is the sum over all its paths (Graves et al. 2006), divided by the same sum over
    all allowed strings; it does not depend on what a search kept. Readings are ordered by it; where two agree
    within 1e-9, relative, the smaller tuple of class ids is first.

    Args:
        log_probs: float (N, T, C), C the charset's classes, blank first; frames need not sum to one, -inf is
            allowed, NaN and +inf are not.
        charset: of the model.
        constraints: which strings are allowed, and whether case is ignored: then the frames are folded first,
            and strings, probabilities and masses are those of the folded classes.
        n_best: readings wanted of each item; fewer where there are fewer.
        method: `exact`, the most probable strings, with a proof; `beam`, a prefix beam search; `greedy`, the
            best class of each frame; `alignment-beam`, which keeps the best paths instead of prefixes and
            leaves out classes below 0.01 (the decoder of "From CNN to CRNN", 2022, kept for comparison).
        beam_width: prefixes that `beam` keeps (for each length, where the length is limited).
        engine: of `exact` and `greedy`: `auto`, `compiled` (numba, on the CPU) or `torch`.

    Raises:
        ConstraintError: options that exclude each other, or constraints that allow nothing.
        ZooError: an item with NaN or +inf, with a frame that has no probability at all, or whose allowed
            strings have none.
        ValueError: a tensor of another shape.
    """
    check_options(constraints, method, beam_width, n_best)
    if engine not in ENGINES:
        raise ConstraintError(f"engine {engine!r} is unknown; give one of {', '.join(ENGINES)}")
    T = _check_shape(log_probs, charset)
    language = compile_language(constraints, charset.chars, T)
    if constraints.ignore_case:
        log_probs, charset = fold_case(log_probs, charset.chars), Charset(language.charset)
    tables = tabulate(language, charset.chars)
    if method == "exact":
        found = exact.search(log_probs, tables, n_best, engine)
    elif method == "beam":
        found = search_beam(log_probs, tables, n_best, beam_width, constraints)
    elif method == "greedy":
        found = search_greedy(log_probs, tables, engine)
    else:
        found = search_alignments(log_probs, tables)
    with np.errstate(invalid="ignore"):  # -inf less -inf, where there is no reading
        gap = np.maximum(found.bound - found.chances[:, 0], 0.0)
    longest = max(0, int(found.lengths.max(initial=0)))
    return Decoded(
        charset=charset,
        ids=tables.columns[found.columns[..., :longest]],
        lengths=found.lengths,
        # More than zero is rounding: no string has more than the whole.
        log_probs=np.minimum(found.chances - found.mass[:, 1:], 0.0),
        log_mass=np.minimum(found.mass + found.share[:, None], 0.0),
        proven=found.proven,
        gap=gap,
        expanded=found.expanded,
    )


def check_options(constraints: Constraints, method: str, beam_width: int, n_best: int) -> None:
    """Refuse options that exclude each other.

    Raises:
        ConstraintError: naming them, and what to do.
    """
    if method not in METHODS:
        raise ConstraintError(f"decoder {method!r} is unknown; give one of {', '.join(METHODS)}")
    if beam_width < 1 or n_best < 1:
        raise ConstraintError(f"a beam of {beam_width} and {n_best} readings; both must be at least 1")
    if method in ("greedy", "alignment-beam"):
        if constraints.limits_length or constraints.limits_form:
            raise ConstraintError(
                f"the {method} decoder keeps to a charset and to nothing else; choose the exact decoder"
            )
        if n_best > 1:
            raise ConstraintError(
                f"the {method} decoder has one reading, {n_best} were asked for; choose the exact decoder"
            )
    if method == "beam" and constraints.limits_form:
        raise ConstraintError(
            "the beam decoder keeps to a charset and a length, not to a pattern, regex or lexicon; "
            "choose the exact decoder"
        )
    if method == "beam" and n_best > beam_width:
        raise ConstraintError(
            f"a beam of {beam_width} cannot hold {n_best} readings; widen it, or ask for fewer"
        )


def _check_shape(log_probs: Tensor, charset: Charset) -> int:
    """T, where the tensor fits the charset."""
    shape = tuple(log_probs.shape)
    if len(shape) != 3 or shape[1] < 1 or shape[2] != charset.n_classes or not log_probs.is_floating_point():
        raise ValueError(
            f"log_probs are {log_probs.dtype} {shape}, "
            f"expected floats (N, T, {charset.n_classes}) with T at least 1; is it the charset of this model?"
        )
    return shape[1]
