"""A language as arrays, which both searches follow."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from model_zoo.charset import BLANK_ID
from model_zoo.language import Language

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# What became of an item: its readings are certified; the search was cut short; it is not decided here.
PROVEN, CAPPED, LEFT = 0, 1, 2

# The compiled search holds these numbers as they were when it was compiled, and numba's cache does not see
# them change: who changes one also touches compiled.py.

NOWHERE = -1  # in place of a state: there is none

# Two probabilities closer than this, relative to the larger, are a tie: the sums are exact to about 1e-13.
TIE = 1e-9
# What is left out has less than so much of the last reading; twice a tie, for what rounding adds.
SLACK = 1 - 2 * TIE

LEAST = 1e-250  # below this, linear sums may have lost parts to underflow

# Where a prefix has so many times (as a logarithm) the probability of the best string, there may be as many
# such prefixes, and no search looks at them all.
HOPELESS = math.log(1e6)


@dataclass(frozen=True, eq=False)
class Trie:
    """The words of a lexicon by their prefixes; node 0 is the empty one.

    Attributes:
        first_child: the children of node i are those from first_child[i] up to first_child[i + 1], (nodes +
            1,).
        child_column: the column of the child's last character, (nodes - 1,).
        is_word: whether a word ends in the node, (nodes,).

    Child number i is node i + 1.
    """

    first_child: Ints
    child_column: Ints
    is_word: Bools


@dataclass(frozen=True, eq=False)
class Tables:
    """A language over columns: column 0 is the blank, the others are the classes that it needs, ascending.

    Attributes:
        columns: class id of each column, (K,).
        is_free: every string over the columns is allowed.
        following: state after a column, -1 where there is none, (S, K).
        source: the one state that all columns lead to, or NOWHERE; S + i for the i-th irregular one, (S,).
        irregular: the states that some columns leave for one state and some for another or for none.
        accepting: 1.0 where a string may end, (S,).
        depth: fewest characters from the start to the state, (S,).
        rest: fewest characters from the state to an allowed string's end, (S,).
        entered: whether any column leads to the state, (S,).
        trie: of a lexicon, whose hull the automaton then is; one node without words where there is none.
    """

    columns: Ints
    is_free: bool
    following: Ints
    source: Ints
    irregular: Ints
    accepting: Floats
    depth: Ints
    rest: Ints
    entered: Bools
    trie: Trie

    @property
    def has_words(self) -> bool:
        """Whether there is a lexicon."""
        return self.trie.child_column.size > 0


NO_WORDS = Trie(np.zeros(2, np.int32), np.zeros(0, np.int32), np.zeros(1, np.bool_))


@lru_cache(8)
def tabulate(language: Language, charset: str) -> Tables:
    """The arrays of a language over a model's characters."""
    columns = np.array([BLANK_ID, *language.classes], np.int32)
    S, K = len(language.next), len(columns)
    following = np.full((S, K), -1, np.int32)
    if K > 1:
        following[:, 1:] = language.next
    source, irregular = _sources(following)
    depth, rest = _distances(following, np.array(language.accepting))
    words = language.words
    return Tables(
        columns=columns,
        is_free=language.is_free,
        following=following,
        source=source,
        irregular=irregular,
        accepting=np.array(language.accepting, np.float64),
        depth=depth,
        rest=rest,
        entered=np.isin(np.arange(S), following),
        trie=NO_WORDS if words is None else make_trie(words, charset, columns),
    )


def _sources(following: Ints) -> tuple[Ints, Ints]:
    """`source` and `irregular` of `Tables`."""
    source, irregular = np.full(len(following), NOWHERE, np.int32), list[int]()
    for state, row in enumerate(following[:, 1:]):
        goals = np.unique(row)
        if goals.size == 1:
            source[state] = goals[0]  # which is NOWHERE, too, where no column leads anywhere
        elif goals.size > 1:
            source[state] = len(following) + len(irregular)
            irregular.append(state)
    return source, np.array(irregular, np.int32)


def _distances(following: Ints, accepting: Bools) -> tuple[Ints, Ints]:
    """Fewest steps from state 0 to each state, and from each to an accepting one."""
    forward: list[set[int]] = [set(row[row >= 0].tolist()) for row in following]
    backward: list[set[int]] = [set() for _ in forward]
    for state, goals in enumerate(forward):
        for goal in goals:
            backward[goal].add(state)
    ends = np.flatnonzero(accepting).tolist()
    return _steps_from([0], forward), _steps_from(ends, backward)


def _steps_from(starts: Sequence[int], edges: Sequence[set[int]]) -> Ints:
    steps = np.full(len(edges), np.iinfo(np.int32).max, np.int32)
    steps[list(starts)] = 0
    waiting = deque(starts)
    while waiting:
        state = waiting.popleft()
        for goal in edges[state]:
            if steps[goal] > steps[state] + 1:
                steps[goal] = steps[state] + 1
                waiting.append(goal)
    return steps


def make_trie(words: Sequence[str], charset: str, columns: Ints) -> Trie:
    """The trie of sorted words, level by level.

    Args:
        words: distinct, sorted, none empty, all over the columns' characters.
        charset: the model's characters.
        columns: class id of each column.
    """
    column_of = np.zeros(max(map(ord, charset)) + 1, np.int32)
    for column, class_id in enumerate(columns.tolist()):
        if class_id != BLANK_ID:
            column_of[ord(charset[class_id - 1])] = column
    lengths = np.array([len(word) for word in words])
    longest = int(lengths.max())
    points = np.array(words, f"<U{longest}").view(np.uint32).reshape(len(words), longest)
    parents, child_columns = [], []
    node = np.zeros(len(words), np.int64)  # of each word's prefix so far
    ends = [np.zeros(0, np.int64)]
    nodes = 1
    for depth in range(longest):
        rows = np.flatnonzero(lengths > depth)
        column = column_of[points[rows, depth]]
        # Sorted words with the same prefix stand together: a change begins a new node.
        is_new = np.ones(len(rows), np.bool_)
        is_new[1:] = (node[rows][1:] != node[rows][:-1]) | (column[1:] != column[:-1])
        parents.append(node[rows][is_new])
        child_columns.append(column[is_new])
        node[rows] = nodes + np.cumsum(is_new) - 1
        nodes += int(is_new.sum())
        ends.append(node[lengths == depth + 1])
    is_word = np.zeros(nodes, np.bool_)
    is_word[np.concatenate(ends)] = True
    children = np.bincount(np.concatenate(parents), minlength=nodes)
    first_child = np.concatenate([[0], np.cumsum(children)]).astype(np.int32)
    return Trie(first_child, np.concatenate(child_columns).astype(np.int32), is_word)
