"""What the strings are worth: exact match, exact probability, and that nobody found a better one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from decoders.adapters.captchafleet import decode
from decoders.emissions import Emissions
from decoders.sides import SIDES
from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.ctc import NOTHING, string_log_probs

# Two log-probabilities closer than this are the same sum in another order.
SAME = 1e-9
# A string at least so probable is to come with a proof.
LIKELY = 1e-3
# Sides whose ten strings are compared by their mass.
TEN = tuple(side.name for side in SIDES if side.ten)
LENGTH = 5  # of every label in the sets


@dataclass(frozen=True)
class Checks:
    """Of one set.

    Attributes:
        proven: share of items whose exact reading came with a proof.
        unproven_likely: items without one although the string's probability is LIKELY or more: 0 is the goal.
        exact_match: share of items read right, by side; `exact, ...` rows are ours under constraints.
        mass: mean of the summed exact probabilities of an item's distinct strings, by side that gives ten.
        better: items where a side's string has a higher exact probability than the exact decoder's: 0, or the
            exact decoder is wrong.
        worse: items where a side's string is less probable than the exact decoder's.
    """

    items: int
    proven: float
    unproven_likely: int
    exact_match: dict[str, float]
    mass: dict[str, float]
    better: dict[str, int]
    worse: dict[str, int]


def check(emissions: Emissions, texts: Mapping[str, list[list[str]]]) -> Checks:
    """Judge the sides' strings on one set.

    Args:
        emissions: the set.
        texts: by side, the strings of its first items; as many for every side.
    """
    items = min(map(len, texts.values()), default=0)
    charset = Charset("".join(emissions.chars))
    log_probs = torch.from_numpy(emissions.log_probs[:items]).double().log_softmax(2)
    best = {name: [strings[0] if strings else "" for strings in found] for name, found in texts.items()}
    right = {name: _share(found, emissions.labels[:items]) for name, found in best.items()}
    right |= {name: _share(found, emissions.labels[:items]) for name, found in _constrained(emissions, items)}
    mass = {}
    for name in TEN:
        if name in texts:
            distinct = [list(dict.fromkeys(strings)) for strings in texts[name]]
            mass[name] = float(exact_log_probs(log_probs, charset, distinct).exp().sum(1).mean())
    chances = {
        name: exact_log_probs(log_probs, charset, [[text] for text in found])[:, 0]
        for name, found in best.items()
    }
    better, worse = {}, {}
    if "exact" in chances:
        for name, chance in chances.items():
            if name == "exact":
                continue
            better[name] = int((chance > chances["exact"] + SAME).sum())
            worse[name] = int((chance < chances["exact"] - SAME).sum())
    ours = decode(emissions.log_probs[:items], emissions.chars, Constraints())
    # Without a constraint all strings are allowed, and the probability is the model's own.
    unproven = ~ours.proven & (ours.log_probs[:, 0] >= math.log(LIKELY))
    proven = float(ours.proven.mean()) if items else 0.0
    return Checks(items, proven, int(unproven.sum()), right, mass, better, worse)


def exact_log_probs(log_probs: Tensor, charset: Charset, texts: Sequence[Sequence[str]]) -> Tensor:
    """The log-probability of each string, summed over all its paths.

    Args:
        log_probs: float64 (N, T, C), frames that sum to one.
        charset: of the classes.
        texts: some strings an item.

    Returns:
        float64 (N, M), M the most strings of an item; -inf where an item has fewer.
    """
    most = max(map(len, texts), default=0)
    longest = max((len(text) for strings in texts for text in strings), default=0)
    labels = torch.zeros(len(texts), most, longest, dtype=torch.long)
    lengths = torch.zeros(len(texts), most, dtype=torch.long)
    there = torch.zeros(len(texts), most, dtype=torch.bool)
    for i, strings in enumerate(texts):
        for j, text in enumerate(strings):
            labels[i, j, : len(text)] = torch.tensor(charset.encode(text), dtype=torch.long)
            lengths[i, j] = len(text)
            there[i, j] = True
    return string_log_probs(log_probs, labels, lengths).masked_fill(~there, NOTHING)


def _constrained(emissions: Emissions, items: int) -> list[tuple[str, list[str]]]:
    """What our decoder reads where it knows the length, the charset of the item's kind, or both."""
    rows = []
    for title, length in (("exact, charset", None), ("exact, length 5 and charset", LENGTH)):
        texts = [""] * items
        for allowed in dict.fromkeys(emissions.charsets[:items]):
            chosen = [i for i in range(items) if emissions.charsets[i] == allowed]
            constraints = Constraints(allowed, length or 0, length)
            found = decode(emissions.log_probs[chosen], emissions.chars, constraints)
            for i, text in zip(chosen, found.texts, strict=True):
                texts[i] = text
        rows.append((title, texts))
    return rows


def _share(texts: Sequence[str], labels: Sequence[str]) -> float:
    return sum(text == label for text, label in zip(texts, labels, strict=True)) / max(1, len(labels))
