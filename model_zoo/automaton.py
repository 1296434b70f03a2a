"""Deterministic automata: exploring, trimming, minimising, intersecting. Standard library only.

An automaton reads blocks of characters that no constraint tells apart, not characters: an alphabet of a
thousand characters and the pattern LLDDD make two blocks.

Minimisation: Hopcroft 1971, "An n log n algorithm for minimizing states in a finite automaton"; with moves
missing: Valmari and Lehtinen 2008, "Efficient minimization of DFAs with partial transition functions".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from model_zoo.errors import ConstraintError

# Beyond this the decoder would take longer than the model; a constraint of so many states is hardly meant.
MAX_STATES = 10_000

# Moves of all states together, over blocks and over characters: bounds memory where the alphabet is large.
MAX_MOVES = 2_000_000

State = TypeVar("State")


@dataclass(frozen=True)
class Automaton:
    """A partial deterministic automaton; state 0 is the start, and no states at all allow nothing.

    Attributes:
        next: next[state][block] is the state after a character of the block; missing where there is none.
        accepting: whether a string may end in the state.
    """

    next: tuple[dict[int, int], ...]
    accepting: tuple[bool, ...]

    @property
    def is_empty(self) -> bool:
        """Whether no string is allowed."""
        return not self.next


NOTHING = Automaton((), ())


def bits(mask: int) -> Iterator[int]:
    """The members of a set that is kept as the bits of an integer, ascending."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def check_size(states: int, moves: int, what: str) -> None:
    """Refuse what would take too long to decode.

    Raises:
        ConstraintError: more than `MAX_STATES` states or `MAX_MOVES` moves.
    """
    if states > MAX_STATES:
        raise ConstraintError(f"{what} needs an automaton of more than {MAX_STATES:,} states; simplify it")
    if moves > MAX_MOVES:
        raise ConstraintError(f"{what} needs an automaton of more than {MAX_MOVES:,} moves; simplify it")


def explore(
    start: State,
    moves: Callable[[State], dict[int, State]],
    accepts: Callable[[State], bool],
    longest: int,
    what: str,
) -> Automaton:
    """The minimal automaton of the states that the start leads to.

    Args:
        start: the state before the first character; states are hashable.
        moves: the state after each block that may come next.
        accepts: whether a string may end in the state.
        longest: the most characters of a string that matters; longer ones may be missing.
        what: names the constraint in the message.

    Raises:
        ConstraintError: as `check_size`.
    """
    numbers = {start: 0}
    found, depths = [start], [0]
    rows: list[dict[int, int]] = []
    n_moves = 0
    for state, depth in zip(found, depths, strict=True):  # both grow while they are read
        row = {}
        for block, target in moves(state).items() if depth < longest else ():
            if target not in numbers:
                numbers[target] = len(found)
                found.append(target)
                depths.append(depth + 1)
            row[block] = numbers[target]
        rows.append(row)
        n_moves += len(row)
        check_size(len(found), n_moves, what)
    return minimal(Automaton(tuple(rows), tuple(accepts(state) for state in found)))


def intersect(left: Automaton, right: Automaton, longest: int) -> Automaton:
    """What both allow of at most `longest` characters, minimal; over the same blocks.

    Raises:
        ConstraintError: as `check_size`.
    """
    if left.is_empty or right.is_empty:
        return NOTHING

    def moves(pair: tuple[int, int]) -> dict[int, tuple[int, int]]:
        other = right.next[pair[1]]
        return {block: (t, other[block]) for block, t in left.next[pair[0]].items() if block in other}

    def accepts(pair: tuple[int, int]) -> bool:
        return left.accepting[pair[0]] and right.accepting[pair[1]]

    return explore((0, 0), moves, accepts, longest, "the combination of the constraints")


def up_to(automaton: Automaton, longest: int) -> Automaton:
    """The minimal automaton without the moves that no allowed string of at most `longest` characters makes.

    Longer strings may or may not be allowed afterwards.
    """
    return minimal(_trimmed(automaton, longest))


def minimal(automaton: Automaton) -> Automaton:
    """The same strings with the fewest states."""
    live = _trimmed(automaton, 2 * len(automaton.next))
    if live.is_empty or not (live.accepting[0] or live.next[0]):
        return NOTHING
    group = _equivalent(live)
    # The first state of each group stands for it; numbered in the order in which the start reaches them.
    numbers = {group[0]: 0}
    chosen = [0]
    rows: list[dict[int, int]] = []
    for state in chosen:
        for _, target in sorted(live.next[state].items()):
            if group[target] not in numbers:
                numbers[group[target]] = len(chosen)
                chosen.append(target)
        rows.append({block: numbers[group[target]] for block, target in live.next[state].items()})
    return Automaton(tuple(rows), tuple(live.accepting[state] for state in chosen))


def _trimmed(automaton: Automaton, longest: int) -> Automaton:
    """Without the moves that lie on no way from the start to an end of at most `longest` moves."""
    forward = [set(row.values()) for row in automaton.next]
    backward: list[set[int]] = [set() for _ in forward]
    for state, targets in enumerate(forward):
        for target in targets:
            backward[target].add(state)
    before = _distances(forward, range(min(1, len(forward))), longest)
    after = _distances(backward, [s for s, ends in enumerate(automaton.accepting) if ends], longest)
    rows = (
        {block: target for block, target in row.items() if before[state] + 1 + after[target] <= longest}
        for state, row in enumerate(automaton.next)
    )
    return Automaton(tuple(rows), automaton.accepting)


def _distances(neighbours: list[set[int]], starts: Iterable[int], longest: int) -> list[int]:
    """Fewest moves from any start; `longest` + 1 for what is further away, or not reached."""
    distance = [longest + 1] * len(neighbours)
    queue = list(starts)
    for state in queue:
        distance[state] = 0
    for state in queue:
        for target in neighbours[state]:
            if distance[state] + 1 < distance[target]:
                distance[target] = distance[state] + 1
                queue.append(target)
    return distance


def _equivalent(automaton: Automaton) -> list[int]:
    """The group of each state: two states are in one group if the same strings lead from them to an end."""
    states = range(len(automaton.next))
    sources: list[list[tuple[int, int]]] = [[] for _ in states]
    for state, row in enumerate(automaton.next):
        for block, target in row.items():
            sources[target].append((block, state))
    ends = {state for state in states if automaton.accepting[state]}
    members = [part for part in (ends, set(states) - ends) if part]
    group = [0 if state in members[0] else 1 for state in states]
    waiting = set(range(len(members)))
    while waiting:
        by_block: dict[int, list[int]] = {}
        for target in members[waiting.pop()]:
            for block, state in sources[target]:
                by_block.setdefault(block, []).append(state)
        for entering in by_block.values():
            waiting.update(_split(entering, group, members))
    return group


def _split(states: list[int], group: list[int], members: list[set[int]]) -> range:
    """Part the groups that have some of `states` and some others; the new groups, each the smaller half."""
    touched: dict[int, set[int]] = {}
    for state in states:
        touched.setdefault(group[state], set()).add(state)
    before = len(members)
    for number, moved in touched.items():
        rest = members[number]
        if len(moved) == len(rest):
            continue
        rest -= moved
        small, members[number] = (moved, rest) if len(moved) <= len(rest) else (rest, moved)
        for state in small:
            group[state] = len(members)
        members.append(small)
    return range(before, len(members))
