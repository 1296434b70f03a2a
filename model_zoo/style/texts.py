"""What the texts of a captcha are worth against someone who does not look at the picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Texts:
    """The labels as a set of possible answers.

    Attributes:
        labels: how many there are.
        alphabet: different characters in them.
        lengths: how many labels have each length.
        guess: chance that a blind guess is right: the likeliest length, all its texts alike.
        bits: entropy of a character, in bits, with the correction of Miller (1955) for few of them; at most
            log2(`alphabet`), which it is where all characters come equally often.
        same: pairs of images with the same text.
        same_expected: pairs that chance would give if all texts were equally likely.
    """

    labels: int
    alphabet: int
    lengths: dict[int, int]
    guess: float
    bits: float
    same: int
    same_expected: float

    @property
    def repeats(self) -> bool:
        """Whether texts come again more often than chance lets them (one in 1,000, Poisson), from a list."""
        if self.same < 3:
            return False
        below = sum(
            math.exp(k * math.log(self.same_expected) - self.same_expected - math.lgamma(k + 1))
            for k in range(self.same)
        )
        return 1 - below < 0.001


def look_at_texts(labels: Sequence[str]) -> Texts:
    """Measure some labels, at least one, none of them empty."""
    characters = Counter("".join(labels))
    lengths = Counter(len(label) for label in labels)
    alphabet, n = len(characters), len(labels)
    total = sum(characters.values())
    entropy = -sum(times / total * math.log2(times / total) for times in characters.values())
    bits = min(entropy + (alphabet - 1) / (2 * total * math.log(2)), math.log2(alphabet))
    # Over lengths: how likely two texts have it and are then the same.
    alike = sum((times / n) ** 2 * float(alphabet) ** -length for length, times in lengths.items())
    return Texts(
        labels=n,
        alphabet=alphabet,
        lengths=dict(sorted(lengths.items())),
        guess=max(times / n * float(alphabet) ** -length for length, times in lengths.items()),
        bits=bits,
        same=sum(times * (times - 1) // 2 for times in Counter(labels).values()),
        same_expected=n * (n - 1) / 2 * alike,
    )
