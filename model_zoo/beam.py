"""Prefix beam search over CTC frames, for a whole batch at once (Hannun et al. 2014; Graves and Jaitly 2014).

A prefix holds the probability of all its paths that the beam saw, apart by whether they end in a blank, so
paths that collapse to one string are one entry. Where the length is limited there is one beam for each
length: long prefixes cannot crowd out the short ones that the limit asks for, nor the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model_zoo.ctc import NOTHING, pack_labels

# Prefixes are told apart by a 64-bit key mixed from their characters: two of a step share one by chance once
# in some 10**16 steps. Three keys have a meaning of their own.
_NO_PREFIX, _NO_PARENT, _EMPTY_PREFIX = 1, 2, 3
_ODD_A, _ODD_B = 0x1E3779B97F4A7C15, 0x3F58476D1CE4E5B9


@dataclass(frozen=True)
class Hypotheses:
    """The strings that the search ended with, best first.

    Attributes:
        labels: class ids padded with blanks, (N, M, L).
        lengths: (N, M).
        log_scores: the log-probability of the paths that the beam kept, at most the string's, (N, M);
            -inf where there are fewer than M strings.
    """

    labels: Tensor
    lengths: Tensor
    log_scores: Tensor


@dataclass(frozen=True)
class _Beam:
    """The prefixes kept, each (N, G, W).

    Where the length is limited, group 0 stays empty and group l + 1 holds the prefixes of l characters; else
    there is one group for all.

    Attributes:
        blank: log-probability of the paths that end in a blank.
        label: of those that end in the last character.
        last: class id of the last character, 0 for the empty prefix.
        key: tells the prefix apart.
        parent: key of the prefix without its last character.
    """

    blank: Tensor
    label: Tensor
    last: Tensor
    key: Tensor
    parent: Tensor

    def __getitem__(self, groups: slice) -> _Beam:
        parts = (self.blank, self.label, self.last, self.key, self.parent)
        return _Beam(*(part[:, groups] for part in parts))

    def replace(self, groups: slice, new: _Beam) -> None:
        """Put `new` in the place of some groups."""
        for name in ("blank", "label", "last", "key", "parent"):
            getattr(self, name)[:, groups] = getattr(new, name)


def search(log_probs: Tensor, width: int, min_length: int = 0, max_length: int | None = None) -> Hypotheses:
    """The best strings that the beam finds.

    Args:
        log_probs: float64 (N, T, C), finite.
        width: prefixes kept, for each length where the length is limited.
        min_length: the fewest characters; above 0 only with a `max_length`.
        max_length: the most characters, at most T; None does not limit the length and keeps one beam for all.

    Returns:
        Up to `width` strings an item.
    """
    T = log_probs.shape[1]
    limited = max_length is not None
    groups = 1 if max_length is None else max_length + 2
    beam = _start(log_probs, groups, width)
    history = []
    for t, frame in enumerate(log_probs.unbind(1)):
        target = source = slice(0, 1)
        if max_length is not None:
            # Left out: lengths that cannot reach the least one in the frames left, or that no path has yet.
            shortest = max(0, min_length - (T - 1 - t))
            longest = min(max_length, t + 1)
            target, source = slice(shortest + 1, longest + 2), slice(shortest, longest + 1)
        new, origin, symbol = _step(beam[target], beam[source], frame)
        beam.replace(target, new)
        history.append((target, origin, symbol))
    scores = torch.logaddexp(beam.blank, beam.label)
    if limited:
        scores[:, : min_length + 1] = NOTHING
    best, slot = scores.flatten(1).topk(width)  # (N, width)
    labels, lengths = pack_labels(_trace(history, slot, width, limited))
    return Hypotheses(labels, lengths, best)


def _start(log_probs: Tensor, groups: int, width: int) -> _Beam:
    """The empty prefix alone, in the first slot of its group."""
    shape = (log_probs.shape[0], groups, width)
    ids = torch.zeros(shape, dtype=torch.long, device=log_probs.device)
    blank = log_probs.new_full(shape, NOTHING)
    key = torch.full_like(ids, _NO_PREFIX)
    home = min(1, groups - 1)
    blank[:, home, 0] = 0
    key[:, home, 0] = _EMPTY_PREFIX
    return _Beam(blank, torch.full_like(blank, NOTHING), ids, key, torch.full_like(ids, _NO_PARENT))


def _step(beam: _Beam, source: _Beam, frame: Tensor) -> tuple[_Beam, Tensor, Tensor]:
    """One frame: prefixes of `beam` stay, those of `source` grow by a character, the best of both are kept.

    Args:
        beam: g groups, each (N, g, W).
        source: for each group the one whose prefixes grow into it.
        frame: (N, C).

    Returns:
        The new groups; the slot in its group that each prefix came from, (N, g, W); and the class id of the
        character by which it grew, 0 where it stayed, (N, g, W).
    """
    W, K = beam.last.shape[2], frame.shape[1] - 1
    grown = _grow(source, frame).flatten(2)  # (N, g, W * K)
    stay_blank = torch.logaddexp(beam.blank, beam.label) + frame[:, :1, None]
    stay_label = beam.label + _at(frame, beam.last)
    stay_label, grown = _merge(beam, source, stay_label, grown, K)

    scores = torch.cat([torch.logaddexp(stay_blank, stay_label), grown], 2)
    best, index = scores.topk(W, dim=2)
    stayed = index < W
    growth = (index - W).clamp(min=0)
    origin = torch.where(stayed, index, growth // K)
    symbol = torch.where(stayed, 0, growth % K + 1)
    parent = source.key.gather(2, origin)
    new = _Beam(
        blank=stay_blank.gather(2, origin).masked_fill(~stayed, NOTHING),
        label=torch.where(stayed, stay_label.gather(2, origin), best),
        last=torch.where(stayed, beam.last.gather(2, origin), symbol),
        key=torch.where(stayed, beam.key.gather(2, origin), _longer_key(parent, symbol)),
        parent=torch.where(stayed, beam.parent.gather(2, origin), parent),
    )
    # A slot without a prefix must not be found as the twin of a real one.
    empty = best == NOTHING
    new.key.masked_fill_(empty, _NO_PREFIX)
    new.parent.masked_fill_(empty, _NO_PARENT)
    return new, origin, symbol


def _grow(source: _Beam, frame: Tensor) -> Tensor:
    """Scores of every prefix of `source` with every character behind it, (N, g, W, K)."""
    total = torch.logaddexp(source.blank, source.label)
    grown = total[..., None] + frame[:, None, None, 1:]
    # The last character again is a new one only behind a blank.
    last = (source.last - 1).clamp(min=0)[..., None]
    again = (source.blank + _at(frame, source.last))[..., None]
    return grown.scatter(3, last, torch.where(source.last[..., None] > 0, again, grown.gather(3, last)))


def _merge(
    beam: _Beam, source: _Beam, stay_label: Tensor, grown: Tensor, classes: int
) -> tuple[Tensor, Tensor]:
    """Give what grows into a prefix that the beam has already to that prefix, and to it alone."""
    W = beam.last.shape[2]
    twins = beam.parent[..., :, None] == source.key[..., None, :]  # (N, g, W, W)
    place = twins.to(torch.uint8).argmax(-1) * classes + beam.last - 1
    # One column more than there are growths, for the prefixes that nothing grows into.
    place = torch.where(twins.any(-1), place, W * classes)
    grown = torch.cat([grown, torch.full_like(grown[..., :1], NOTHING)], 2)
    stay_label = torch.logaddexp(stay_label, grown.gather(2, place))
    return stay_label, grown.scatter(2, place, NOTHING)[..., :-1]


def _at(frame: Tensor, ids: Tensor) -> Tensor:
    """The frame's log-probability of each class id, shaped like `ids`."""
    return frame.gather(1, ids.flatten(1)).view_as(ids)


def _longer_key(key: Tensor, symbol: Tensor) -> Tensor:
    """The key of a prefix with one more character; integers wrap around."""
    mixed = (key ^ (symbol * _ODD_A)) * _ODD_B
    return mixed ^ (mixed >> 31)


def _trace(history: list[tuple[slice, Tensor, Tensor]], slot: Tensor, width: int, limited: bool) -> Tensor:
    """Follow each final slot back through the frames.

    Args:
        history: per frame the groups computed, the slots that their prefixes came from and what they grew by.
        slot: group * width + slot of the final prefixes, (N, M).
        width: slots of a group.
        limited: whether growing leads from one group to the next.

    Returns:
        Class ids of the characters in the frames in which they were added, 0 elsewhere, (N, M, T).
    """
    symbols = []
    for groups, origin, symbol in reversed(history):
        # A slot that holds no prefix leads anywhere; its score says that it does not count.
        place = (slot - groups.start * width).clamp(0, origin[0].numel() - 1)
        grew = symbol.flatten(1).gather(1, place)
        group = torch.div(slot, width, rounding_mode="floor")
        if limited:
            group = group - (grew > 0).long()
        slot = group * width + origin.flatten(1).gather(1, place)
        symbols.append(grew)
    return torch.stack(symbols[::-1], dim=-1)
