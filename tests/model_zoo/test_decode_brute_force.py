"""The exact decoder against the sum over all paths: texts, order, probabilities, masses, proofs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from slow_decoder import KINDS_OF_FRAMES, Strings, Truth, frames, slow_decode

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.decode import Decoded, decode
from model_zoo.errors import ZooError
from model_zoo.lexicon import Lexicon

AllStrings = Callable[[NDArray[np.float64]], Strings]

# Letters and a digit, so that patterns tell classes apart; a model of C classes has the first C - 1.
CHARS = "ab1Zc"
# Frames and classes: all paths can be summed.
SHAPES = [(1, 2), (1, 6), (2, 2), (2, 4), (3, 3), (3, 5), (4, 4), (5, 3), (5, 4), (6, 3), (7, 2), (7, 3)]
ITEMS_OF_A_KIND = 5

WORDS = Lexicon.from_words(
    [
        "a",
        "b",
        "ab",
        "ba",
        "aa",
        "aab",
        "aba",
        "abab",
        "1",
        "11",
        "a1",
        "b1a",
        "1b",
        "zz",
        "aZ",
        "ZZ",
        "Z1a",
        "ca",
    ]
)
CONSTRAINTS = [
    (Constraints(), "none"),
    (Constraints("ba"), "a charset"),
    (Constraints("aXY"), "one character, and others that the model does not know"),
    (Constraints(None, 1, 1), "one character"),
    (Constraints(None, 2, 2), "an exact length"),
    (Constraints(None, 1, 3), "a range of lengths"),
    (Constraints(None, 2, None), "a least length"),
    (Constraints(None, 0, 2), "a most length"),
    (Constraints(pattern="??"), "a pattern of any two"),
    (Constraints(pattern="LD"), "a pattern of kinds"),
    (Constraints(pattern="aL?"), "a pattern with a literal"),
    (Constraints(regex="a*"), "a regex with a loop"),
    (Constraints(regex="(ab|1)+"), "a regex with a loop of several"),
    (Constraints(regex="[^a]+"), "a regex that excludes"),
    (Constraints(regex="(..)*|a"), "a regex that takes the empty text too"),
    (Constraints(regex=".*a.*b?"), "a regex whose states go to several others"),
    (Constraints(regex="aa|b1|a?1"), "a regex of few strings, one a repeat"),
    (Constraints(lexicon=WORDS), "a lexicon"),
    (Constraints("ab1", 1, 3), "charset and length"),
    (Constraints("ab", pattern="L?"), "charset and pattern"),
    (Constraints(None, 2, 4, regex="(a|b|1)*a"), "length and regex"),
    (Constraints(pattern="??", regex="a.|.1"), "pattern and regex"),
    (Constraints(None, 2, 3, lexicon=WORDS), "lexicon and length"),
    (Constraints("ab", regex=".*b.*", lexicon=WORDS), "lexicon, charset and regex"),
]
IDS = [reason for _, reason in CONSTRAINTS]


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("constraints", [constraints for constraints, _ in CONSTRAINTS], ids=IDS)
def test_the_decoder_says_what_the_sum_over_all_paths_says(
    constraints: Constraints, engine: str, all_strings: AllStrings
) -> None:
    decided = 0
    for shape, (T, C) in enumerate(SHAPES):
        charset = Charset(CHARS[: C - 1])
        items, truths = _items(T, C, charset, constraints, all_strings)
        if not truths:
            _assert_refused(items, charset, constraints, engine)
            continue
        possible = [number for number, truth in enumerate(truths) if truth.mass > 0]
        kept = [truths[number] for number in possible]
        for n_best in (1, 2 + shape % 8, 10):
            decoded = decode(items[possible], charset, constraints, n_best=n_best, engine=engine)
            _assert_right(decoded, kept, n_best, is_interval=constraints.lexicon is not None)
            decided += len(kept)
        for number in sorted({*range(len(truths))} - {*possible}):
            _assert_refused(items[[number]], charset, constraints, engine)
    assert decided > 500, "most cases were refused: the test shows little"


def _items(
    T: int, C: int, charset: Charset, constraints: Constraints, all_strings: AllStrings
) -> tuple[torch.Tensor, list[Truth]]:
    """Frames of every kind, and the truth about each; no truths where no character is allowed."""
    rng = np.random.default_rng(T * 10 + C)
    rows = [frames(kind, T, C, rng) for kind in KINDS_OF_FRAMES for _ in range(ITEMS_OF_A_KIND)]
    truths = [slow_decode(all_strings(row), charset, constraints) for row in rows]
    says_something = any(any(truth.texts) for truth in truths)
    return torch.from_numpy(np.stack(rows)), truths if says_something else []


def _assert_right(decoded: Decoded, truths: list[Truth], n_best: int, is_interval: bool) -> None:
    assert decoded.n_best_texts == [truth.texts[:n_best] for truth in truths]
    assert decoded.proven.all()  # so also every item whose best string has 1e-3 or more
    assert not decoded.gap.any()
    for number, truth in enumerate(truths):
        low, high = np.exp(decoded.log_mass[number])
        found = np.exp(decoded.log_probs[number, : len(truth.texts)])
        expected = np.array(truth.shares[:n_best])
        if not is_interval:
            assert low == high
            assert low == pytest.approx(truth.mass, rel=1e-9, abs=0)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=0)
            continue
        assert low * (1 - 1e-9) <= truth.mass <= high * (1 + 1e-9)
        # The probability of the string itself is exact; what it is divided by is the interval.
        np.testing.assert_allclose(found * high, expected * truth.mass, rtol=1e-9, atol=0)
        item = decoded[number]
        assert item.probability * (1 - 1e-9) <= expected[0] <= item.probability_high * (1 + 1e-9)


def _assert_refused(items: torch.Tensor, charset: Charset, constraints: Constraints, engine: str) -> None:
    with pytest.raises(ZooError):
        decode(items, charset, constraints, engine=engine)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_of_many_strings_that_tie_the_smallest_tuples_are_kept(engine: str, all_strings: AllStrings) -> None:
    # Given frames that read the same backwards and in which all characters are alike, 72 strings of four
    # characters tie, half of them summed in another order: the last digits differ, the order must not.
    charset = Charset("abcd")
    differ = 0
    for seed in range(20):
        row = frames("mirrored, all characters alike", 5, 5, np.random.default_rng(seed))
        truth = slow_decode(all_strings(row), charset, Constraints(None, 4, 4))
        differ += len(set(truth.shares)) > 3
        decoded = decode(
            torch.from_numpy(row)[None], charset, Constraints(None, 4, 4), n_best=10, engine=engine
        )
        assert decoded.n_best_texts == [truth.texts[:10]]
    assert differ > 5, "no case that a plain sort would get wrong"


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize(
    ("constraints", "charset"),
    [(Constraints("ab"), "abc"), (Constraints(pattern="??"), "ab"), (Constraints(lexicon=WORDS), "ab1")],
    ids=["charset", "pattern", "lexicon"],
)
def test_raw_scores_are_read_like_log_probabilities(
    constraints: Constraints, charset: str, engine: str, all_strings: AllStrings
) -> None:
    rng = np.random.default_rng(3)
    rows = np.stack([frames("even", 4, len(charset) + 1, rng) for _ in range(20)])
    truths = [slow_decode(all_strings(row), Charset(charset), constraints) for row in rows]
    for shift in (-1000.0, -600.0, 600.0, 1000.0):
        scores = torch.from_numpy(rows + shift + rng.normal(size=(20, 4, 1)))
        decoded = decode(scores, Charset(charset), constraints, n_best=3, engine=engine)
        assert decoded.n_best_texts == [truth.texts[:3] for truth in truths]
        for number, truth in enumerate(truths):
            low, high = np.exp(decoded.log_mass[number])
            assert low * (1 - 1e-9) <= truth.mass <= high * (1 + 1e-9)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_a_constraint_that_no_string_of_an_item_meets_names_the_item(engine: str) -> None:
    possible = torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]).log()
    certain = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]).log()
    items = torch.stack([possible, possible, certain])
    with pytest.raises(ZooError) as caught:
        decode(items, Charset("ab"), Constraints(regex="ab|b"), engine=engine)
    assert str(caught.value) == "item 2 has no probability for any allowed text"


def test_the_slow_decoder_is_right_on_a_case_made_by_hand(all_strings: AllStrings) -> None:
    # Four paths of 0.25 each, and each spells another text.
    row = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]]).double().log().numpy()
    strings = all_strings(row)
    free = slow_decode(strings, Charset("ab"), Constraints())
    assert (free.texts, free.shares, free.mass) == (["", "a", "ab", "b"], [0.25] * 4, 1.0)
    both = slow_decode(strings, Charset("ab"), Constraints(pattern="L", regex="[^a]*"))
    assert (both.texts, both.shares, both.mass) == (["b"], [1.0], 0.25)
