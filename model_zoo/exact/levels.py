"""The exact search in torch alone: every item at once, one length of prefixes after the other, in logarithms.

It runs wherever torch does and never underflows. The compiled search leaves its hard items to it, and where
there is no numba it does all the work. docs/decoding.md explains what is computed.

Throughout, `log_probs` is float64 (N, T, K) over the columns of `Tables`, frames summing to one, column 0 the
blank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn.functional import pad

from model_zoo.ctc import NOTHING
from model_zoo.exact.completions import completions
from model_zoo.exact.tables import Tables

TIE = 2e-9  # twice the tie of the decoder: strings that tie are never pruned

# Numbers that the masses of one step hold at a time, 8 bytes each; more prefixes are taken in parts.
_MAX_NUMBERS = 4_000_000


@dataclass(frozen=True)
class Levels:
    """What the search ended with, all float64 and logarithms.

    Attributes:
        columns: of the characters, (N, M, L), padded with 0.
        lengths: (N, M).
        chances: probability of each string among all over the columns, best first, -inf where there is none,
            (N, M).
        bound: of any string that was not seen, (N,).
        mass: of all allowed strings, (N,), but for a lexicon, where it is that of its hull.
        seen: mass of the allowed strings that were seen, (N,).
        unseen: mass behind the prefixes that were left out, (N,).
        expanded: prefixes looked at, (N,).
    """

    columns: Tensor
    lengths: Tensor
    chances: Tensor
    bound: Tensor
    mass: Tensor
    seen: Tensor
    unseen: Tensor
    expanded: Tensor


@dataclass(frozen=True)
class _Frontier:
    """Prefixes of one length, R of them, ordered by item.

    Attributes:
        item: that each belongs to, (R,).
        column: of its last character, 0 for the empty prefix, (R,).
        state: of the automaton, (R,).
        word: node of the trie, (R,).
        label: log-probability of the paths of 0 to T frames that spell it and end in its last character, (R,
            T + 1).
        blank: of those that end in the blank, (R, T + 1).
    """

    item: Tensor
    column: Tensor
    state: Tensor
    word: Tensor
    label: Tensor
    blank: Tensor


def search(log_probs: Tensor, tables: Tables, n_best: int, width: int, sure_width: int) -> Levels:
    """The most probable allowed strings.

    Args:
        log_probs: (N, T, K).
        tables: the allowed strings.
        n_best: strings wanted; a few more are kept, for ties.
        width: prefixes of one length kept for an item; where more could matter, `bound` says how much.
        sure_width: the same for an item with a string of 1e-3 or more: no length has 1000 such prefixes.
    """
    entry, mass = completions(log_probs, tables)
    # A narrow look first: it proves most items, and of the others it lets the second leave out nearly all.
    walk = _Walk(log_probs, entry, mass, tables, n_best)
    few = torch.full_like(mass, min(width, n_best), dtype=torch.long)
    narrow = walk.descend(torch.full_like(mass, NOTHING), few)
    cut = walk.cut_of(narrow.chances)
    rest = (narrow.bound >= cut).nonzero()[:, 0]
    if tables.has_words:  # the second look also narrows the mass of the words
        rest = torch.arange(len(mass), device=mass.device)
    if not len(rest):
        return narrow
    is_sure = narrow.chances[rest, 0] >= math.log(1e-3)
    walk = _Walk(log_probs[rest], entry[rest], mass[rest], tables, n_best)
    wide = walk.descend(cut[rest], torch.where(is_sure, sure_width, width))
    return _replaced(narrow, rest, wide)


def _replaced(narrow: Levels, rest: Tensor, wide: Levels) -> Levels:
    """The first look, but for some items the second."""
    merged = {}
    for field in fields(Levels):
        old, new = getattr(narrow, field.name), getattr(wide, field.name)
        if field.name == "columns":
            missing = new.shape[2] - old.shape[2]
            old, new = pad(old, (0, max(0, missing))), pad(new, (0, max(0, -missing)))
        if field.name == "expanded":
            new = old[rest] + new
        merged[field.name] = old.index_copy(0, rest, new)
    return Levels(**merged)


class _Walk:
    """The search over one batch: what stays the same between its two passes."""

    def __init__(self, log_probs: Tensor, entry: Tensor, mass: Tensor, tables: Tables, n_best: int) -> None:
        self.log_probs, self.entry, self.mass, self.n_best = log_probs, entry, mass, n_best
        self.N, self.T, self.K = log_probs.shape
        device = log_probs.device
        self.following = torch.from_numpy(tables.following).to(device).long()
        self.accepting = torch.from_numpy(tables.accepting).to(device) > 0
        self.has_words = tables.has_words
        self.is_word = torch.from_numpy(tables.trie.is_word).to(device)
        self.first_child = torch.from_numpy(tables.trie.first_child).to(device).long()
        self.child_column = torch.from_numpy(tables.trie.child_column).to(device).long()

    def cut_of(self, chances: Tensor) -> Tensor:
        """Below this a prefix cannot lead among the `n_best`, nor to a tie with the last of them, (N,)."""
        return chances[:, self.n_best - 1] + torch.log1p(chances.new_tensor(-TIE))

    def descend(self, cut: Tensor, width: Tensor) -> Levels:
        """Follow the prefixes whose mass reaches `cut`, which rises with what is found; `width` a length."""
        kept = self.n_best + 16
        frontier = self._root()
        best = _Best(self.N, kept, self.log_probs)
        bound, seen, unseen = (torch.full_like(self.mass, NOTHING) for _ in range(3))
        expanded = torch.zeros(self.N, dtype=torch.long, device=self.mass.device)
        for depth in range(self.T + 1):
            expanded += frontier.item.bincount(minlength=self.N)
            chances = torch.logaddexp(frontier.label[:, -1], frontier.blank[:, -1])
            allowed = self.is_word[frontier.word] if self.has_words else self.accepting[frontier.state]
            chances = chances.masked_fill(~allowed, NOTHING)
            best.add(frontier.item, chances)
            seen = torch.logaddexp(seen, _sum_by_item(frontier.item, chances, self.N))
            cut = torch.maximum(cut, self.cut_of(best.chances))
            if depth == self.T:
                break
            row, column, word, mass = self._children(frontier)
            item = frontier.item[row]
            # A lexicon's mass is only known as far as its words were seen: look a little further down.
            keep = mass >= cut[item] - (9.0 if self.has_words else 0.0)
            position = _position(item[keep], mass[keep], self.N)
            wide = keep.clone()
            wide[keep] = position < width[item[keep]]
            lost = keep & ~wide
            bound = bound.scatter_reduce(0, item[lost], mass[lost], "amax")
            unseen = torch.logaddexp(unseen, _sum_by_item(item[~wide], mass[~wide], self.N))
            if not wide.any():
                break
            frontier = self._extend(frontier, row[wide], column[wide], word[wide])
            best.grow(row[wide], column[wide])
        columns, lengths = best.spell()
        return Levels(columns, lengths, best.chances, bound, self.mass, seen, unseen, expanded)

    def _root(self) -> _Frontier:
        zeros = torch.zeros(self.N, dtype=torch.long, device=self.mass.device)
        blank = torch.cat([self.log_probs.new_zeros((self.N, 1)), self.log_probs[..., 0].cumsum(1)], 1)
        item = torch.arange(self.N, device=self.mass.device)
        return _Frontier(item, zeros, zeros, zeros, torch.full_like(blank, NOTHING), blank)

    def _children(self, frontier: _Frontier) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The allowed children of all prefixes: parent's row, column, node of the trie, mass behind it."""
        masses = torch.cat(
            [self._masses(frontier, part) for part in _blocks(len(frontier.item), self.T * self.K)]
        )
        if self.has_words:
            start, end = self.first_child[frontier.word], self.first_child[frontier.word + 1]
            row = torch.arange(len(start), device=start.device).repeat_interleave(end - start)
            before = (end - start).cumsum(0) - (end - start)
            child = torch.arange(len(row), device=row.device) - before[row] + start[row]
            column = self.child_column[child]
            possible = masses[row, column] > NOTHING
            row, column, child = row[possible], column[possible], child[possible]
            return row, column, child + 1, masses[row, column]
        masses = masses.masked_fill(self.following[frontier.state] < 0, NOTHING)
        masses[:, 0] = NOTHING
        row, column = (masses > NOTHING).nonzero(as_tuple=True)
        return row, column, torch.zeros_like(row), masses[row, column]

    def _masses(self, frontier: _Frontier, part: slice) -> Tensor:
        """(R, K); column 0 and columns that the automaton forbids mean nothing."""
        label, blank, column = frontier.label[part, :-1], frontier.blank[part, :-1], frontier.column[part]
        entry = self.entry[frontier.item[part], frontier.state[part]]  # (R, T, K)
        masses = (torch.logaddexp(label, blank)[..., None] + entry).logsumexp(1)
        # The same character again is a new one only behind a blank.
        at = column[:, None, None].expand(-1, self.T, 1)
        again = (blank + entry.gather(2, at)[..., 0]).logsumexp(1)
        return masses.scatter(1, column[:, None], again[:, None])

    def _extend(self, parents: _Frontier, row: Tensor, column: Tensor, word: Tensor) -> _Frontier:
        item = parents.item[row]
        repeats = (column == parents.column[row])[:, None]
        before = parents.label[row].masked_fill(repeats, NOTHING)
        entering = torch.logaddexp(parents.blank[row], before)  # (R, T + 1)
        log_label = self.log_probs[item, :, column]  # (R, T)
        log_blank = self.log_probs[item, :, 0]
        label, blank = torch.full_like(entering, NOTHING), torch.full_like(entering, NOTHING)
        for t in range(self.T):
            label[:, t + 1] = torch.logaddexp(label[:, t], entering[:, t]) + log_label[:, t]
            blank[:, t + 1] = torch.logaddexp(blank[:, t], label[:, t]) + log_blank[:, t]
        return _Frontier(item, column, self.following[parents.state[row], column], word, label, blank)


class _Best:
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
        position = _position(item, None, self._N)
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


def _blocks(rows: int, numbers: int) -> list[slice]:
    size = max(1, _MAX_NUMBERS // numbers)
    return [slice(start, start + size) for start in range(0, rows, size)]


def _sum_by_item(item: Tensor, values: Tensor, N: int) -> Tensor:
    """log of the sum of exp(values) over the rows of each item, (N,)."""
    top = values.new_full((N,), NOTHING).scatter_reduce(0, item, values, "amax")
    scaled = (values - top.clamp(min=-1e300)[item]).exp()
    return values.new_zeros(N).scatter_add(0, item, scaled).log() + top


def _position(item: Tensor, mass: Tensor | None, N: int) -> Tensor:
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
