"""The best strings of each item of a batch, gathered level by level."""

from __future__ import annotations

import torch
from torch import Tensor

from model_zoo.ctc import NOTHING


class BestStrings:
    """The best strings of each item so far, and how to spell them."""

    def __init__(self, N: int, kept: int, like: Tensor) -> None:
        self.chances = like.new_full((N, kept), NOTHING)
        self._N, self._kept = N, kept
        self._where = torch.zeros(
            (N, kept), dtype=torch.long, device=like.device
        )  # prefix, counted over all levels
        self._parents = [torch.full((N,), -1, dtype=torch.long, device=like.device)]
        self._columns = [torch.zeros(N, dtype=torch.long, device=like.device)]
        self._starts = [0]

    def add(self, item: Tensor, chances: Tensor) -> None:
        """Take in the strings of the newest level, ordered by item."""
        position = position_in_item(item, None, self._N)
        widest = int(position.max()) + 1
        new = self.chances.new_full((self._N, widest), NOTHING)
        new[item, position] = chances
        where = torch.zeros((self._N, widest), dtype=torch.long, device=item.device)
        where[item, position] = torch.arange(len(item), device=item.device) + self._starts[-1]
        self.chances, order = torch.cat([self.chances, new], 1).sort(dim=1, descending=True, stable=True)
        self.chances = self.chances[:, : self._kept]
        self._where = torch.cat([self._where, where], 1).gather(1, order[:, : self._kept])

    def grow(self, row: Tensor, column: Tensor) -> None:
        """The next level: which prefix of the newest one each of its prefixes extends, and by what."""
        start = self._starts[-1]
        self._starts.append(start + len(self._parents[-1]))
        self._parents.append(row + start)
        self._columns.append(column)

    def spell(self) -> tuple[Tensor, Tensor]:
        """Columns (N, kept, L), padded with 0, and lengths (N, kept)."""
        parents, columns = torch.cat(self._parents), torch.cat(self._columns)
        here, backwards = self._where, []
        for _ in self._starts:
            backwards.append(columns[here])
            here = torch.where(parents[here] >= 0, parents[here], here)
        symbols = torch.stack(backwards[::-1], 2)[..., 1:]  # the empty prefix has no character
        lengths = (symbols > 0).sum(2)
        # The characters stand at the end of the row: each row is turned by what it lacks.
        L = symbols.shape[2]
        turn = (torch.arange(L, device=symbols.device) + (L - lengths)[..., None]) % max(L, 1)
        return symbols.gather(2, turn), lengths


def position_in_item(item: Tensor, mass: Tensor | None, N: int) -> Tensor:
    """The place of each row among those of its item: by falling mass, or as they stand, (R,)."""
    order = torch.arange(len(item), device=item.device)
    if mass is not None:
        order = mass.argsort(descending=True, stable=True)
        order = order[item[order].argsort(stable=True)]
    counts = item.bincount(minlength=N)
    first = counts.cumsum(0) - counts
    position = torch.empty_like(order)
    position[order] = torch.arange(len(item), device=item.device) - first[item[order]]
    return position
