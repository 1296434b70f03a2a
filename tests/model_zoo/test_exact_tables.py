"""The parts of the exact search that are only seen through it: exponential, trie, order."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.exact.compiled import _exp
from model_zoo.exact.ranking import rank
from model_zoo.exact.tables import Trie, make_trie


def test_the_exponential_is_right_to_the_last_digits() -> None:
    rng = random.Random(0)
    numbers = [rng.uniform(-708, 700) for _ in range(20_000)] + [rng.uniform(-2, 2) for _ in range(5_000)]
    numbers += [0.0, -0.0, 1.0, -1.0, 1e-300, 700.0, -708.0, math.log(2), -math.log(2) / 2]
    assert max(abs(_exp(x) / math.exp(x) - 1) for x in numbers) < 1e-15


@pytest.mark.parametrize("x", [-708.0001, -720.0, -745.0, -1e9, -math.inf])
def test_what_is_below_the_normal_numbers_is_nought(x: float) -> None:
    assert _exp(x) == 0.0


@pytest.mark.parametrize("x", [700.0001, 709.0, 1e300, math.inf, math.nan])
def test_what_is_no_score_shows(x: float) -> None:
    assert math.isnan(_exp(x))


def _spelt(trie: Trie) -> dict[tuple[int, ...], bool]:
    """Every prefix of the trie as columns, and whether a word ends there."""
    found = {(): bool(trie.is_word[0])}
    waiting = [(0, ())]
    while waiting:
        node, prefix = waiting.pop()
        for child in range(trie.first_child[node], trie.first_child[node + 1]):
            longer = (*prefix, int(trie.child_column[child]))
            assert longer not in found, "a prefix that stands in the trie twice"
            found[longer] = bool(trie.is_word[child + 1])
            waiting.append((child + 1, longer))
    return found


@given(st.sets(st.text("bdZ\U0001f600", min_size=1, max_size=5), min_size=1, max_size=20))
def test_a_trie_holds_every_prefix_once(words: set[str]) -> None:
    # The charset is in another order than the code points, by which words are sorted, and c is unused.
    charset = "\U0001f600Zcdb"
    columns = np.array([0, 1, 2, 4, 5], np.int32)
    column_of = {charset[class_id - 1]: column for column, class_id in enumerate(columns) if class_id}
    trie = make_trie(sorted(words), charset, columns)
    expected = {
        tuple(column_of[char] for char in word[:end]): word[:end] in words
        for word in words
        for end in range(len(word) + 1)
    }
    assert _spelt(trie) == expected
    assert len(trie.is_word) == len(expected)


RANKS = [
    ([-1.0, -3.0, -2.0], [0, 2, 1], "by probability"),
    ([-1.0, -1.0 - 1e-12, -1.0 + 1e-12], [2, 1, 0], "a tie within 1e-9 goes to the smaller tuple"),
    ([-1.0, -1.0 + 1e-8, -2.0], [1, 0, 2], "1e-8 is no tie"),
    ([-math.inf, -1.0, -math.inf], [1, 2, 0], "what has no probability is last"),
]


@pytest.mark.parametrize(("chances", "order", "reason"), RANKS)
def test_strings_are_ranked(chances: list[float], order: list[int], reason: str) -> None:
    strings = np.array([[[2, 2], [1, 2], [1, 0]]])
    lengths = np.array([[2, 2, 1]])
    ranked, sizes, sorted_chances = rank(strings, lengths, np.array([chances]))
    assert ranked[0].tolist() == [strings[0, at].tolist() for at in order], reason
    assert sizes[0].tolist() == [lengths[0, at] for at in order]
    assert sorted_chances[0].tolist() == [chances[at] for at in order]


def test_items_are_ranked_apart_and_a_chain_of_ties_ends_at_its_first() -> None:
    # Given steps of 0.8e-9: the second ties with the first, the third with the second alone.
    step = 0.8e-9
    chances = np.array([[-step, 0.0, -2 * step], [-5.0, -7.0, -6.0]])
    strings = np.array([[[2], [3], [1]]] * 2)
    ranked, _, _ = rank(strings, np.ones((2, 3), int), chances)
    assert ranked[..., 0].tolist() == [[2, 3, 1], [2, 1, 3]]
