"""Automata by themselves: minimal, trimmed, bounded."""

from __future__ import annotations

import pytest

from model_zoo import automaton
from model_zoo.automaton import NOTHING, Automaton, explore, intersect, minimal, up_to
from model_zoo.errors import ConstraintError

# a(ba)*: state 2 is 0 again, 3 is dead, 4 is never reached.
WASTEFUL = Automaton(({0: 1, 1: 3}, {1: 2}, {0: 1}, {0: 3}, {0: 1}), (False, True, False, False, True))
LEAN = Automaton(({0: 1}, {1: 0}), (False, True))


def test_equal_dead_and_unreached_states_go() -> None:
    assert minimal(WASTEFUL) == LEAN


def test_what_allows_nothing_has_no_states() -> None:
    assert minimal(Automaton(({0: 0},), (False,))) == NOTHING
    assert minimal(NOTHING) == NOTHING
    assert intersect(NOTHING, LEAN, 9) == intersect(LEAN, NOTHING, 9) == NOTHING
    assert intersect(LEAN, Automaton(({1: 1}, {}), (False, True)), 9) == NOTHING
    assert NOTHING.is_empty
    assert not LEAN.is_empty


def test_the_empty_string_alone_is_one_state() -> None:
    assert minimal(Automaton(({0: 1}, {}), (True, False))) == Automaton(({},), (True,))


def test_a_move_of_too_long_strings_alone_goes() -> None:
    branches = Automaton(({0: 1, 1: 2}, {}, {0: 3}, {0: 1}), (False, True, False, False))
    assert up_to(branches, 3) == minimal(branches)
    assert up_to(branches, 2) == Automaton(({0: 1}, {}), (False, True))
    assert up_to(branches, 0) == NOTHING


def test_a_loop_that_fits_once_stays_a_loop() -> None:
    assert up_to(LEAN, 3) == LEAN
    assert up_to(LEAN, 2) == Automaton(({0: 1}, {}), (False, True))


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("MAX_STATES", "the count needs an automaton of more than 5 states; simplify it"),
        ("MAX_MOVES", "the count needs an automaton of more than 5 moves; simplify it"),
    ],
)
def test_exploring_ends_at_a_limit(limit: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, limit, 5)
    with pytest.raises(ConstraintError) as caught:
        explore(0, lambda count: {0: count + 1}, lambda count: False, 9, "the count")
    assert str(caught.value) == message
