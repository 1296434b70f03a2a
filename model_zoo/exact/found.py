"""What a search found, in arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from model_zoo.exact.tables import Bools, Floats, Ints


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


def better(cut_short: Found, beam: Found) -> Found:
    """Of two searches of the same items the readings of the better one; the beam's where it proved them."""
    which = (cut_short.chances[:, 0] >= beam.chances[:, 0]) & ~beam.proven
    columns = cut_short.columns.copy()
    columns[~which] = 0
    columns[~which, :, : beam.columns.shape[2]] = beam.columns[~which]
    mass = np.stack(
        [
            np.maximum(cut_short.mass[:, 0], beam.mass[:, 0]),
            np.minimum(cut_short.mass[:, 1], beam.mass[:, 1]),
        ],
        1,
    )
    return Found(
        columns=columns,
        lengths=np.where(which[:, None], cut_short.lengths, beam.lengths),
        chances=np.where(which[:, None], cut_short.chances, beam.chances),
        mass=mass,
        share=beam.share,
        # What one search saw has no more than its best, and that no more than the better one's.
        bound=np.minimum(cut_short.bound, beam.bound),
        proven=beam.proven,
        expanded=cut_short.expanded + beam.expanded,
    )


def put(found: Found, items: NDArray[np.intp], part: Found) -> None:
    """Enter what was found of some items."""
    L = part.columns.shape[2]
    found.columns[items] = 0
    found.columns[items, :, :L] = part.columns
    for name in ("lengths", "chances", "mass", "share", "bound", "proven", "expanded"):
        getattr(found, name)[items] = getattr(part, name)
