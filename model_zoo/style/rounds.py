"""How long to train one style: rounds of growing length, each with a whole cycle of the learning rate.

A schedule has to know its end, and nobody knows beforehand how many images a style needs. So there are
several, each twice as long as the one before and begun from where that ended (Loshchilov and Hutter, 2017,
SGDR, arXiv:1608.03983), until the validation images are read, nothing gets better, or the time is up.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_ROUND = 12_000  # images, augmented anew each time they are trained on
MOST_ROUNDS = 5
FEWEST_ROUNDS = 3  # before it may stop because all is well: few validation images prove little
SHORTEST = 0.25  # of a round's length: less than this is not worth a round


@dataclass(frozen=True)
class Result:
    """What the network of a round is worth on the validation images; higher is better.

    Attributes:
        exact_match: share that is read.
        loss: the mean.
    """

    exact_match: float
    loss: float

    @property
    def rank(self) -> tuple[float, float]:
        """For comparisons."""
        return self.exact_match, -self.loss


def round_images(number: int, seconds_per_image: float, left: float) -> int:
    """How many images round `number` (0, 1, ...) trains on; 0 where the time left is not worth it.

    The first round is always made, however late it is: without it there is no reader.

    Args:
        number: of the round.
        seconds_per_image: that training takes.
        left: seconds.
    """
    wanted: int = FIRST_ROUND << number
    affordable = int(left / seconds_per_image)
    if number and affordable < SHORTEST * wanted:
        return 0
    return max(1, min(wanted, affordable))


def why_stop(results: list[Result], n_validation: int) -> str | None:
    """The reason to train no further round, in words; None to go on.

    Args:
        results: of the rounds so far.
        n_validation: how many validation images there are.
    """
    rounds = len(results)
    if rounds < FEWEST_ROUNDS:
        return None
    if not n_validation:
        return "there are no validation images to tell whether more helps"
    if results[-1].exact_match == 1:
        return f"all {n_validation:,} validation images are read"
    best = max(range(rounds), key=lambda number: results[number].rank)
    if rounds - 1 - best >= 2:
        return "two rounds made nothing better"
    if rounds == MOST_ROUNDS:
        return f"{MOST_ROUNDS} rounds are the most"
    return None
