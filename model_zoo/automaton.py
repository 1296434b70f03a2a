"""Deterministic automata: exploring, trimming, minimising, intersecting. Standard library only.

An automaton reads blocks of characters that no constraint tells apart, not characters: an alphabet of a
thousand characters and the pattern LLDDD make two blocks.

Minimisation: Hopcroft 1971, "An n log n algorithm for minimizing states in a finite automaton".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from model_zoo.errors import ConstraintError

# Beyond this the decoder would take longer than the model; a constraint of so many states is hardly meant.
MAX_STATES = 10_000

# States times blocks, or times characters: bounds memory where the alphabet is large.
MAX_MOVES = 4_000_000

NO_STATE = -1

State = TypeVar("State")


@dataclass(frozen=True)
class Automaton:
    """A partial deterministic automaton; state 0 is the start, and no states at all allow nothing.

    Attributes:
        next: next[state][block] is the state after a character of the block, or -1.
        accepting: whether a string may end in the state.
    """

    next: tuple[tuple[int, ...], ...]
    accepting: tuple[bool, ...]

    @property
    def is_empty(self) -> bool:
        """Whether no string is allowed."""
        return not self.next


def explore(
    start: State,
    moves: Callable[[State], Sequence[State | None]],
    accepts: Callable[[State], bool],
    what: str,
) -> Automaton:
    """The minimal automaton of all states that the start leads to.

    Args:
        start: the state before the first character; states are hashable.
        moves: the state after each block, None where the string can no longer be allowed.
        accepts: whether a string may end in the state.
        what: names the constraint in the message.

    Raises:
        ConstraintError: more than `MAX_STATES` states or `MAX_MOVES` moves.
    """
    numbers = {start: 0}
    found = [start]
    rows: list[tuple[int, ...]] = []
    for state in found:  # grows while it is read
        row = []
        for target in moves(state):
            if target is None:
                row.append(NO_STATE)
                continue
            if target not in numbers:
                numbers[target] = len(found)
                found.append(target)
            row.append(numbers[target])
        rows.append(tuple(row))
        check_size(len(found), len(row), what)
    return minimal(Automaton(tuple(rows), tuple(accepts(state) for state in found)))


def check_size(states: int, width: int, what: str) -> None:
    """Refuse what would take too long to decode.

    Raises:
        ConstraintError: more than `MAX_STATES` states, or `MAX_MOVES` of states times `width`.
    """
    if states > MAX_STATES:
        raise ConstraintError(f"{what} needs an automaton of more than {MAX_STATES:,} states; simplify it")
    if states * width > MAX_MOVES:
        raise ConstraintError(f"{what} needs an automaton of more than {MAX_MOVES:,} moves; simplify it")


def intersect(left: Automaton, right: Automaton) -> Automaton:
    """What both allow, minimal; over the same blocks.

    Raises:
        ConstraintError: as `explore`.
    """
    if left.is_empty or right.is_empty:
        return Automaton((), ())

    def moves(pair: tuple[int, int]) -> list[tuple[int, int] | None]:
        return [
            None if NO_STATE in target else target
            for target in zip(left.next[pair[0]], right.next[pair[1]], strict=True)
        ]

    def accepts(pair: tuple[int, int]) -> bool:
        return left.accepting[pair[0]] and right.accepting[pair[1]]

    return explore((0, 0), moves, accepts, "the constraints together")


def up_to(automaton: Automaton, longest: int) -> Automaton:
    """The minimal automaton without the moves that no allowed string of at most `longest` characters makes.

    Longer strings may or may not be allowed afterwards.
    """
    return minimal(Automaton(tuple(_trimmed(automaton, longest)), automaton.accepting))


def minimal(automaton: Automaton) -> Automaton:
    """The same strings with the fewest states; those of an automaton without any have no states."""
    rows = _trimmed(automaton, 2 * len(automaton.next))
    if not rows or not (automaton.accepting[0] or any(target != NO_STATE for target in rows[0])):
        return Automaton((), ())
    group = _equivalent(rows, automaton.accepting)
    # The first state of each group stands for it; numbered in the order in which the start reaches them.
    numbers = {group[0]: 0}
    chosen = [0]
    quotient: list[tuple[int, ...]] = []
    for state in chosen:
        for target in rows[state]:
            if target != NO_STATE and group[target] not in numbers:
                numbers[group[target]] = len(chosen)
                chosen.append(target)
        quotient.append(tuple(NO_STATE if t == NO_STATE else numbers[group[t]] for t in rows[state]))
    return Automaton(tuple(quotient), tuple(automaton.accepting[state] for state in chosen))


def _trimmed(automaton: Automaton, longest: int) -> list[tuple[int, ...]]:
    """The rows without the moves that lie on no way from the start to an end of at most `longest` moves."""
    forward: list[list[int]] = [[t for t in row if t != NO_STATE] for row in automaton.next]
    backward: list[list[int]] = [[] for _ in forward]
    for state, targets in enumerate(forward):
        for target in targets:
            backward[target].append(state)
    before = _distances(forward, [0], longest)
    after = _distances(backward, [s for s, ends in enumerate(automaton.accepting) if ends], longest)
    return [
        tuple(
            target if target != NO_STATE and before[state] + 1 + after[target] <= longest else NO_STATE
            for target in row
        )
        for state, row in enumerate(automaton.next)
    ]


def _distances(neighbours: list[list[int]], starts: list[int], longest: int) -> list[int]:
    """Fewest moves from any start; `longest` + 1 for what is not reached, or further away."""
    distance = [longest + 1] * len(neighbours)
    reached = starts if neighbours else []
    for state in reached:
        distance[state] = 0
    queue = list(reached)
    for state in queue:
        for target in neighbours[state]:
            if distance[state] + 1 < distance[target]:
                distance[target] = distance[state] + 1
                queue.append(target)
    return distance


def _equivalent(rows: list[tuple[int, ...]], accepting: tuple[bool, ...]) -> list[int]:
    """The group of each state: two states are in one group if the same strings lead from them to an end."""
    sink = len(rows)  # where -1 leads, and, conveniently, the last index
    sources: list[list[tuple[int, int]]] = [[] for _ in range(sink + 1)]
    for state, row in enumerate(rows):
        for block, target in enumerate(row):
            sources[target].append((block, state))
    ends = {state for state in range(sink) if accepting[state]}
    members = [part for part in (ends, set(range(sink)) - ends, {sink}) if part]
    group = [0] * (sink + 1)
    for number, part in enumerate(members):
        for state in part:
            group[state] = number
    waiting = set(range(len(members)))
    while waiting:
        by_block: dict[int, list[int]] = {}
        for target in members[waiting.pop()]:
            for block, state in sources[target]:
                by_block.setdefault(block, []).append(state)
        for states in by_block.values():
            waiting.update(_split(states, group, members))
    return group


def _split(states: list[int], group: list[int], members: list[set[int]]) -> list[int]:
    """Part the groups that have some of `states` and some others; the new groups, each the smaller half."""
    touched: dict[int, set[int]] = {}
    for state in states:
        touched.setdefault(group[state], set()).add(state)
    new = []
    for number, moved in touched.items():
        rest = members[number]
        if len(moved) == len(rest):
            continue
        rest -= moved
        small, large = (moved, rest) if len(moved) <= len(rest) else (rest, moved)
        members[number] = large
        for state in small:
            group[state] = len(members)
        new.append(len(members))
        members.append(small)
    return new
