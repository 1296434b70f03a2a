"""Regular expressions in Python's syntax, as automata. Standard library only.

Python's own parser reads the expression, and Python's own compiler says which characters each of its parts
takes, so that syntax, flags and classes are exactly those of `re`. Between them is Glushkov's construction: a
state is the set of places in the expression that the last character may stand for.

Source: Glushkov 1961, "The abstract theory of automata".
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from model_zoo.automaton import Automaton, bits, explore
from model_zoo.errors import ConstraintError
from model_zoo.nfc import nfc
from model_zoo.pattern import quoted

# Private modules of `re`, the same from Python 3.11 to 3.14.
_parser = importlib.import_module("re._parser")
_compiler = importlib.import_module("re._compiler")

# Parts of an expression with its counted repeats written out.
MAX_PARTS = 10_000

# Sequences within sequences; more than this nobody writes, and much more Python's parser cannot read.
MAX_DEPTH = 100

# Places that all states together may stand for: a second or two of work.
MAX_WORK = 2_000_000

_REFUSED = {
    "ASSERT": "look-ahead or look-behind",
    "ASSERT_NOT": "look-ahead or look-behind",
    "FAILURE": "look-ahead or look-behind",  # what later Pythons make of (?!)
    "ATOMIC_GROUP": "an atomic group",
    "GROUPREF": "a back-reference",
    "GROUPREF_EXISTS": "a conditional group",
    "POSSESSIVE_REPEAT": "a possessive quantifier",
    "AT_BOUNDARY": r"\b",
    "AT_NON_BOUNDARY": r"\B",
}
_AT_START = {"AT_BEGINNING", "AT_BEGINNING_STRING"}
_CHARACTERS = {"LITERAL", "NOT_LITERAL", "ANY", "IN"}


@dataclass(frozen=True)
class Places:
    """An expression as the places where its characters stand; sets are bits of integers.

    Attributes:
        nullable: whether the empty string matches.
        first: the places of a first character.
        last: the places of a last character.
        follow: for each place the places that may come next.
        takes: for each place the characters that it takes; bit i is the i-th.
    """

    nullable: bool
    first: int
    last: int
    follow: list[int]
    takes: list[int]


@dataclass(frozen=True)
class _Part:
    nullable: bool
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class _Where:
    """What surrounds a part of the expression: the flags, and whether the answer starts and ends with it."""

    flags: int
    at_start: bool = True
    at_end: bool = True
    depth: int = 0


_EMPTY = _Part(True)
NO_PLACES = Places(True, 0, 0, [], [])


def parse_regex(text: str) -> None:
    """Check that an expression can be read and is of the kind that an automaton can follow.

    Raises:
        ConstraintError: no expression of Python's, one with look-around, back-references or another part
            that is no matter of the characters alone, or one that is too large.
    """
    if not text:
        raise ConstraintError("the regex is empty; give one that the whole answer matches, or leave it out")
    regex_places(text, "")


def regex_places(text: str, chars: str, ignore_case: bool = False) -> Places:
    """The places of an expression, and which of `chars` each takes; without case as by `re.IGNORECASE`.

    Raises:
        ConstraintError: as `parse_regex`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sets that a later Python may read otherwise
            tree = _parser.parse(nfc(text), re.IGNORECASE if ignore_case else 0)
        builder = _Builder(text, chars)
        part = builder.sequence(tree, _Where(tree.state.flags))
    except RecursionError as error:
        raise _too_deep(text) from error
    except (re.error, OverflowError, ValueError) as error:
        raise ConstraintError(f"regex {quoted(text)} cannot be read: {error}") from error
    return Places(part.nullable, part.first, part.last, builder.follow, builder.takes)


def regex_automaton(text: str, expression: Places, blocks: Sequence[int], longest: int) -> Automaton:
    """The minimal automaton of what an expression matches of at most `longest` characters.

    Args:
        text: as it was given, for the message.
        expression: its places.
        blocks: sets of characters, so that each place takes all of a set or none.
        longest: as for `explore`.

    Raises:
        ConstraintError: more states than the decoder should follow.
    """
    size = len(expression.takes)
    taken = _places_of_blocks(expression, blocks)
    start = 1 << size  # a place of its own before the first character
    work = 0

    def moves(state: int) -> dict[int, int]:
        nonlocal work
        work += state.bit_count()
        if work > MAX_WORK:
            raise ConstraintError(f"regex {quoted(text)} is too ambiguous to compile; simplify it")
        after = 0
        for place in bits(state):
            after |= expression.first if place == size else expression.follow[place]
        return {block: places for block, mask in enumerate(taken) if (places := after & mask)}

    ends = expression.last | (start if expression.nullable else 0)
    return explore(start, moves, lambda state: bool(state & ends), longest, f"regex {quoted(text)}")


def _places_of_blocks(expression: Places, blocks: Sequence[int]) -> list[int]:
    """For each block the places that take it."""
    places_of: dict[int, int] = {}
    for place, mask in enumerate(expression.takes):
        places_of[mask] = places_of.get(mask, 0) | 1 << place
    # One character stands for its block.
    block_of = {(block & -block).bit_length() - 1: number for number, block in enumerate(blocks)}
    chosen = sum(1 << char for char in block_of)
    taken = [0] * len(blocks)
    for mask, places in places_of.items():
        for char in bits(mask & chosen):
            taken[block_of[char]] |= places
    return taken


def _too_deep(text: str) -> ConstraintError:
    return ConstraintError(f"regex {quoted(text)} nests its groups too deeply; simplify it")


@dataclass
class _Builder:
    """Turns the tree of Python's parser into places."""

    text: str
    chars: str
    follow: list[int] = field(default_factory=list)
    takes: list[int] = field(default_factory=list)
    parts: int = 0
    known: dict[tuple[str, int], int] = field(default_factory=dict)

    def sequence(self, tree: Any, where: _Where) -> _Part:
        """Parts one after another."""
        if where.depth > MAX_DEPTH:
            raise _too_deep(self.text)
        consuming = [i for i in range(len(tree)) if tree[i : i + 1].getwidth()[1] > 0]
        result = _EMPTY
        # From the end, so that a chain of optional parts costs its length and not the square of it.
        for i in reversed(range(len(tree))):
            at_start = where.at_start and (not consuming or i <= consuming[0])
            at_end = where.at_end and (not consuming or i >= consuming[-1])
            inner = _Where(where.flags, at_start, at_end, where.depth + 1)
            result = self._join(self._part(tree[i], inner), result)
        return result

    def _part(self, node: tuple[Any, Any], where: _Where) -> _Part:
        op, argument = node
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise ConstraintError(
                f"regex {quoted(self.text)} has more than {MAX_PARTS:,} parts, repeats written out; "
                "simplify it"
            )
        name = argument.name if op.name == "AT" else op.name
        if name in _REFUSED:
            raise ConstraintError(
                f"regex {quoted(self.text)} has {_REFUSED[name]}, which is not supported here"
            )
        if op.name == "AT":
            return self._anchor(name, where)
        if name in _CHARACTERS:
            return self._place(op, argument, where.flags)
        if name == "BRANCH":
            return self._either([self.sequence(branch, where) for branch in argument[1]])
        if name == "SUBPATTERN":
            _, added, removed, tree = argument
            flags = _compiler._combine_flags(where.flags, added, removed)
            return self.sequence(tree, _Where(flags, where.at_start, where.at_end, where.depth))
        return self._repeat(argument, where)

    def _anchor(self, name: str, where: _Where) -> _Part:
        if where.at_start if name in _AT_START else where.at_end:
            return _EMPTY
        sign, side = ("^ or \\A", "start") if name in _AT_START else ("$ or \\Z", "end")
        raise ConstraintError(
            f"regex {quoted(self.text)} has {sign} elsewhere than at its {side}; leave it out, "
            "the whole answer is matched anyway"
        )

    def _place(self, op: Any, argument: Any, flags: int) -> _Part:
        place = 1 << len(self.takes)
        self.takes.append(self._characters(op, argument, flags))
        self.follow.append(0)
        return _Part(False, place, place)

    def _characters(self, op: Any, argument: Any, flags: int) -> int:
        """The characters that one place takes, asked of Python itself."""
        key = (f"{op} {argument}", flags)
        if key not in self.known:
            tree = _parser.SubPattern(_parser.State(), [(op, argument)])
            found = _compiler.compile(tree, flags).finditer(self.chars)
            self.known[key] = sum(1 << match.start() for match in found)
        return self.known[key]

    def _repeat(self, argument: tuple[int, int, Any], where: _Where) -> _Part:
        least, most, tree = argument
        if most > 1:
            where = _Where(where.flags, False, False, where.depth)
        if tree.getwidth()[1] == 0:  # repeats of nothing are nothing
            return self.sequence(tree, where)
        endless = most == _parser.MAXREPEAT
        result = _EMPTY
        if endless:
            body = self.sequence(tree, where)
            self._connect(body.last, body.first)
            result = _Part(body.nullable or least == 0, body.first, body.last)
            copies, optional = max(least - 1, 0), 0
        else:
            copies, optional = least, most - least
        # x{0,3} is (x(x(x)?)?)?: each copy is followed by one place only, not by all later ones.
        for _ in range(optional):
            joined = self._join(self.sequence(tree, where), result)
            result = _Part(True, joined.first, joined.last)
        for _ in range(copies):
            result = self._join(self.sequence(tree, where), result)
        return result

    def _join(self, left: _Part, right: _Part) -> _Part:
        self._connect(left.last, right.first)
        return _Part(
            left.nullable and right.nullable,
            left.first | (right.first if left.nullable else 0),
            right.last | (left.last if right.nullable else 0),
        )

    def _either(self, parts: list[_Part]) -> _Part:
        first, last = 0, 0
        for part in parts:
            first, last = first | part.first, last | part.last
        return _Part(any(part.nullable for part in parts), first, last)

    def _connect(self, lasts: int, firsts: int) -> None:
        if firsts:
            for place in bits(lasts):
                self.follow[place] |= firsts
