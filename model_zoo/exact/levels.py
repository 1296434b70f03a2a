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
from model_zoo.exact.best import BestStrings, position_in_item
from model_zoo.exact.completions import completions
from model_zoo.exact.tables import HOPELESS, SLACK, Tables

_SPARE = 16  # strings kept beyond those wanted, for ties

# Numbers that the masses of one step hold at a time, 8 bytes each; more prefixes are taken in parts.
_MAX_NUMBERS = 4_000_000


@dataclass(frozen=True)
class Widths:
    """Prefixes of one length that are followed.

    Attributes:
        usual: for an item that the first look leaves open.
        hopeless: for one that no search will prove (`HOPELESS`).
        sure: where a string of 1e-3 or more may be left; no length has more than 1000 such prefixes.
    """

    usual: int = 64
    hopeless: int = 4
    sure: int = 1024


@dataclass(frozen=True)
class Levels:
    """What the search ended with, all float64 and logarithms.

    Attributes:
        columns: of the characters, (N, M, L), padded with 0.
        lengths: (N, M).
        chances: probability of each string among all over the columns, best first, -inf where there is none,
            (N, M).
        bound: no string that was not seen has more, (N,).
        mass: of all allowed strings, (N,), but for a lexicon, where it is that of its hull.
        least_mass: of a lexicon's words, at least that of those that were seen, (N,).
        most_mass: the same and what lies behind the prefixes that were left out, (N,).
        expanded: prefixes looked at, (N,).
    """

    columns: Tensor
    lengths: Tensor
    chances: Tensor
    bound: Tensor
    mass: Tensor
    least_mass: Tensor
    most_mass: Tensor
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


def search(log_probs: Tensor, tables: Tables, n_best: int, widths: Widths) -> Levels:
    """The most probable allowed strings.

    Args:
        log_probs: (N, T, K).
        tables: the allowed strings.
        n_best: strings wanted; more are kept, for ties.
        widths: how far the search goes for the items that need it; `bound` says what it left open.
    """
    entry, mass = completions(log_probs, tables)
    walk = _Walk(log_probs, entry, mass, tables, n_best)
    # A narrow look first: it proves most items, and of the others it lets the next leave out nearly all.
    found = walk.descend(torch.full_like(mass, NOTHING), n_best, n_best + _SPARE)
    best, cut = found.chances[:, 0], walk.cut_of(found.chances)
    open_ = found.bound >= cut
    hopeless = open_ & (best > NOTHING) & (found.bound - best > HOPELESS)
    if tables.has_words:
        # Masses are those of the hull and say little of the words, whose mass is to be narrowed.
        open_, hopeless = torch.ones_like(open_), torch.zeros_like(open_)
    for items, width in ((open_ & ~hopeless, widths.usual), (hopeless, widths.hopeless)):
        found = _looked_again(walk, found, items, cut, width, n_best + _SPARE)
    # No length has more than 1000 prefixes of 1e-3: where such a string may be left, all are followed.
    least = torch.full_like(mass, math.log(1e-3 * SLACK))
    best, cut = found.chances[:, 0], walk.cut_of(found.chances)
    cut = torch.where(best < math.log(1e-3), torch.maximum(cut, least), cut)
    open_ = (found.bound >= cut) & (found.bound >= least)
    found = _looked_again(walk, found, open_, cut, widths.sure, n_best + _SPARE)
    # More strings may tie for the last place than are kept: then all that was looked at is.
    last, cut = found.chances[:, -1], walk.cut_of(found.chances)
    ties = (last > NOTHING) & (last >= cut)
    return _looked_again(walk, found, ties, cut, widths.sure, int(found.expanded.max()) + n_best)


def _looked_again(walk: _Walk, found: Levels, chosen: Tensor, cut: Tensor, width: int, kept: int) -> Levels:
    """The same, but for some items what a wider search found, where no reading of it is worse."""
    items = chosen.nonzero()[:, 0]
    if not len(items):
        return found
    again = walk.of(items).descend(cut[items], max(width, walk.n_best), kept)
    wanted = slice(0, walk.n_best)
    # By more than rounding, that is: sums of another grouping differ in their last digits.
    worse = (again.chances[:, wanted] < found.chances[items, wanted] + math.log(SLACK)).any(1)
    merged = {}
    for field in fields(Levels):
        old, new = getattr(found, field.name), getattr(again, field.name)
        if old.ndim > 1:  # strings: as many and as long as the larger of both holds
            shape = [max(sizes) for sizes in zip(old.shape[1:], new.shape[1:], strict=True)]
            old, new = (
                _grown(array, shape, NOTHING if field.name == "chances" else 0) for array in (old, new)
            )
        if field.name == "expanded":
            new = old[items] + new
        elif field.name == "least_mass":
            new = torch.maximum(old[items], new)
        elif field.name == "most_mass":
            new = torch.minimum(old[items], new)
        else:  # readings and their own bound: that of the other look says nothing of what only this one lost
            new = torch.where(worse.view(-1, *[1] * (new.ndim - 1)), old[items], new)
        merged[field.name] = old.index_copy(0, items, new)
    return Levels(**merged)


def _grown(array: Tensor, shape: list[int], value: float) -> Tensor:
    missing = [size - had for size, had in zip(shape, array.shape[1:], strict=True)]
    return pad(array, [side for size in reversed(missing) for side in (0, size)], value=value)


class _Walk:
    """The search over one batch: what stays the same in all its looks."""

    def __init__(self, log_probs: Tensor, entry: Tensor, mass: Tensor, tables: Tables, n_best: int) -> None:
        self.log_probs, self.entry, self.mass, self.n_best = log_probs, entry, mass, n_best
        self.tables = tables
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
        return chances[:, self.n_best - 1] + math.log(SLACK)

    def of(self, items: Tensor) -> _Walk:
        """The same for some items."""
        return _Walk(self.log_probs[items], self.entry[items], self.mass[items], self.tables, self.n_best)

    def descend(self, cut: Tensor, width: int, kept: int) -> Levels:
        """Follow the prefixes whose mass reaches `cut`, which rises with what is found; `width` a length."""
        frontier = self._root()
        best = BestStrings(self.N, kept, self.log_probs)
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
            position = position_in_item(item[keep], mass[keep], self.N)
            wide = keep.clone()
            wide[keep] = position < width
            bound = bound.scatter_reduce(0, item[~wide], mass[~wide], "amax")
            unseen = torch.logaddexp(unseen, _sum_by_item(item[~wide], mass[~wide], self.N))
            if not wide.any():
                break
            frontier = self._extend(frontier, row[wide], column[wide], word[wide])
            best.grow(row[wide], column[wide])
        columns, lengths = best.spell()
        return Levels(
            columns, lengths, best.chances, bound, self.mass, seen, torch.logaddexp(seen, unseen), expanded
        )

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


def _blocks(rows: int, numbers: int) -> list[slice]:
    size = max(1, _MAX_NUMBERS // numbers)
    return [slice(start, start + size) for start in range(0, rows, size)]


def _sum_by_item(item: Tensor, values: Tensor, N: int) -> Tensor:
    """log of the sum of exp(values) over the rows of each item, (N,)."""
    top = values.new_full((N,), NOTHING).scatter_reduce(0, item, values, "amax")
    scaled = (values - top.clamp(min=-1e300)[item]).exp()
    return values.new_zeros(N).scatter_add(0, item, scaled).log() + top
