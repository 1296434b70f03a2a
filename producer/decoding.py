"""What a report says of the decoder: which constraints held, what was proven, whether the model agrees.

One pass over the journal with sums alone, so no figure depends on the order of its lines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from model_zoo.words import DroppedWords
from producer.results import ResultLine

# Allowed texts that have less than this together are not what the model reads in the image.
SCANT_MASS = 1e-3
# A few images of another kind are no reason to doubt a constraint.
_MANY = 0.03
# Masses are summed in whole units, 2**1074 to 1: the smallest float is one, so that sums are exact, and
# depend on no order.
_UNIT_BITS = 1074


@dataclass(frozen=True)
class HeldConstraint:
    """A constraint that every answer of the job kept.

    Attributes:
        kind: `charset`, `length`, `pattern`, `regex` or `lexicon`.
        text: as given; of a lexicon its file.
        from_card: whether the model's card says so, not the job.
    """

    kind: str
    text: str
    from_card: bool = False

    @property
    def name(self) -> str:
        """Where a user finds it: its option, or the model's card."""
        return f"the card's {self.kind}" if self.from_card else f"--{self.kind}"


def listed(names: Sequence[str]) -> str:
    """One or more: "--length", "--charset and --length", "--charset, --length and --pattern"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


@dataclass(frozen=True)
class LexiconFacts:
    """The lexicon of a job.

    Attributes:
        file: absolute path, as it was submitted.
        words: in the file, each counted once.
        dropped: how many of them could not be answers, and why.
    """

    file: str
    words: int
    dropped: DroppedWords = field(default_factory=DroppedWords)


@dataclass(frozen=True)
class DecodingFacts:
    """How answers were found.

    Attributes:
        constraints: those that held, the job's and the card's.
        lexicon: of the job; None without a lexicon.
        proven: answers that are certainly the most probable of all allowed texts.
        unproven: answers that are the best that was found.
        massed: answers of which the mass of all allowed texts is known.
        scant: of these, how many have less than `SCANT_MASS`.
        mean_allowed_mass: over them, 0 to 1; None without any.
    """

    constraints: tuple[HeldConstraint, ...] = ()
    lexicon: LexiconFacts | None = None
    proven: int = 0
    unproven: int = 0
    massed: int = 0
    scant: int = 0
    mean_allowed_mass: float | None = None

    @property
    def doubt(self) -> str | None:
        """A sentence where so many images disagree with the constraints that these may be wrong."""
        if not self.constraints or self.scant <= _MANY * self.massed:
            return None
        return (
            f"for {self.scant:,} of {self.massed:,} images the model gives the allowed texts together less "
            f"than {100 * SCANT_MASS:g} %: {'is' if len(self.constraints) == 1 else 'are'} "
            f"{self._named} right?"
        )

    @property
    def uncertainty(self) -> str | None:
        """A sentence where so many answers of the exact decoder are unproven that these may be wrong."""
        total = self.proven + self.unproven
        if self.unproven <= _MANY * total:
            return None
        are = "is" if self.unproven == 1 else "are"
        room = ""
        if self.constraints:
            verb = "leaves" if len(self.constraints) == 1 else "leave"
            room = f", and whether {self._named} {verb} room for what they show"
        return (
            f"{self.unproven:,} of {total:,} answers {are} not proven: another allowed text may be more "
            f"probable to the model; look whether the images are like those that it was trained on{room}"
        )

    @property
    def _named(self) -> str:
        return listed([constraint.name for constraint in self.constraints])


class DecodingTally:
    """The sums of one pass over the journal."""

    def __init__(self) -> None:
        self._proven = [0, 0]
        self._massed = self._scant = self._mass_units = 0

    def add(self, line: ResultLine) -> None:
        """Count one image, if it has a text."""
        if line.error is not None or line.text is None:
            return
        if line.proven is not None:
            self._proven[line.proven] += 1
        if line.allowed_mass is not None and math.isfinite(line.allowed_mass):
            self._massed += 1
            self._scant += line.allowed_mass < SCANT_MASS
            # The denominator is a power of two: a shift instead of a division of 1,000 bits.
            numerator, denominator = line.allowed_mass.as_integer_ratio()
            self._mass_units += numerator << (_UNIT_BITS - denominator.bit_length() + 1)

    def facts(self, constraints: tuple[HeldConstraint, ...], lexicon: LexiconFacts | None) -> DecodingFacts:
        """The sums, with what is known of the job."""
        unproven, proven = self._proven
        mean = self._mass_units / (self._massed << _UNIT_BITS) if self._massed else None
        return DecodingFacts(constraints, lexicon, proven, unproven, self._massed, self._scant, mean)
