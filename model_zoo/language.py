"""Constraints and a model's characters as one automaton that the decoder follows. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from model_zoo.automaton import NO_STATE, Automaton, check_size, intersect, up_to
from model_zoo.constraints import Constraints, check_feasible
from model_zoo.errors import ConstraintError
from model_zoo.pattern import match_pattern
from model_zoo.regex import Places, regex_automaton, regex_places
from model_zoo.words import NONE_DROPPED, DroppedWords, filter_words, frames_of

__all__ = ["DroppedWords", "Language", "compile_language"]


@dataclass(frozen=True, eq=False)
class Language:
    """The allowed strings over a model's classes, as a minimal deterministic automaton; state 0 is the start.

    Attributes:
        classes: the classes (1 and up) of the characters that occur in some allowed string, ascending.
        next: next[state][k] is the state after classes[k], or -1. Every state lies on the way to an allowed
            string of at most as many characters as the model has time steps; what is longer may be missing.
        accepting: whether a string may end in the state.
        words: the allowed words of a lexicon, sorted; None without one. The automaton is then only their
            hull: all strings over `classes` with a length between the shortest and the longest word.
        min_frames: fewest time steps that an allowed string needs: its length, and one for each repeat.
        dropped: how many words of the lexicon are not in `words`, and why.
    """

    classes: tuple[int, ...]
    next: tuple[tuple[int, ...], ...]
    accepting: tuple[bool, ...]
    words: tuple[str, ...] | None
    min_frames: int
    dropped: DroppedWords = NONE_DROPPED

    @property
    def is_free(self) -> bool:
        """Whether nothing but the charset is constrained."""
        return self.words is None and self.accepting == (True,) and NO_STATE not in self.next[0]


@dataclass(frozen=True)
class _Form:
    """The strings of an allowed length, pattern and regex, over blocks of characters.

    Attributes:
        automaton: over the blocks.
        blocks: the characters of each block.
    """

    automaton: Automaton
    blocks: list[str]

    def accepts(self, text: str, block_of: dict[str, int]) -> bool:
        state = 0
        for char in text:
            state = self.automaton.next[state][block_of[char]]
            if state == NO_STATE:
                return False
        return self.automaton.accepting[state]


@lru_cache(8)
def compile_language(constraints: Constraints, charset: str, time_steps: int) -> Language:
    """The strings that all constraints allow and that the model can answer.

    Args:
        constraints: what the user allows.
        charset: the model's characters, in the order of its classes.
        time_steps: T of the model; an answer needs one for each character and one between repeats.

    Raises:
        ConstraintError: a text that cannot be read, constraints that allow nothing that fits the time steps,
            or an automaton that is too large.
    """
    allowed = check_feasible(constraints, charset, time_steps)
    form = _compile_form(constraints, allowed, time_steps)
    if form.automaton.is_empty:
        raise ConstraintError(
            f"{_named(constraints)} no answer that the model can give; "
            f"its characters are {charset!r}, its time steps {time_steps}"
        )
    needed = _min_frames(form)
    if needed > time_steps:
        raise ConstraintError(
            f"{_named(constraints)} no answer of fewer than {needed} time steps, the model has {time_steps}"
        )
    if constraints.lexicon is not None:
        return _compile_words(constraints, charset, time_steps, form)
    ids = {char: number for number, char in enumerate(charset, 1)}
    return _expand(form, ids, needed)


def _compile_form(constraints: Constraints, chars: str, time_steps: int) -> _Form:
    """What charset, length, pattern and regex allow, up to `time_steps` characters."""
    places = Places(True, 0, 0, [], [])
    masks: list[int] = []
    if constraints.regex is not None:
        places = regex_places(constraints.regex, chars)
    if constraints.pattern is not None:
        masks = match_pattern(constraints.pattern, chars)
    blocks = _blocks([*masks, *places.takes], len(chars))
    automaton = _length_automaton(constraints, time_steps, len(blocks))
    if constraints.pattern is not None:
        automaton = intersect(automaton, _chain([[mask & block > 0 for block in blocks] for mask in masks]))
    if constraints.regex is not None:
        automaton = intersect(automaton, regex_automaton(constraints.regex, places, blocks))
    texts = ["".join(char for i, char in enumerate(chars) if block >> i & 1) for block in blocks]
    return _Form(up_to(automaton, time_steps), texts)


def _blocks(masks: Sequence[int], size: int) -> list[int]:
    """The coarsest partition of `size` characters so that each mask is a union of parts; sets are bits."""
    blocks = [(1 << size) - 1]
    for mask in set(masks):
        blocks = [part for block in blocks for part in (block & mask, block & ~mask) if part]
    return sorted(blocks)


def _length_automaton(constraints: Constraints, time_steps: int, width: int) -> Automaton:
    low, high = constraints.min_length, constraints.max_length
    if high is not None and high < low:
        raise ConstraintError(f"a length of {low} to {high} allows nothing; give a range like 4-6")
    # No string is longer than the time steps, so a higher limit is none.
    if high is None or high >= time_steps:
        rows = [(state + 1,) * width for state in range(low)] + [(low,) * width]
        return Automaton(tuple(rows), (False,) * low + (True,))
    chain = _chain([[True] * width] * high)
    return Automaton(chain.next, tuple(low <= state for state in range(high + 1)))


def _chain(places: Sequence[Sequence[bool]]) -> Automaton:
    """The strings with one character for each place; places[i][block] tells whether the block fits."""
    rows = [tuple(i + 1 if fits else NO_STATE for fits in place) for i, place in enumerate(places)]
    width = len(places[0]) if places else 0
    return Automaton((*rows, (NO_STATE,) * width), (False,) * len(places) + (True,))


def _min_frames(form: _Form) -> int:
    """Fewest time steps of an accepted string.

    Characters of different blocks differ, and in a block of several no two neighbours need be the same: only
    a block of one character forces a repeat. So the search is over states and the last character's block.
    """
    alone = [len(block) == 1 for block in form.blocks]
    layers: list[set[tuple[int, int]]] = [{(0, NO_STATE)}, set(), set()]
    seen: set[tuple[int, int]] = set()
    frames = 0
    while True:
        for state, last in layers[0] - seen:
            if form.automaton.accepting[state]:
                return frames
            for block, target in enumerate(form.automaton.next[state]):
                if target != NO_STATE:
                    layers[2 if alone[block] and block == last else 1].add((target, block))
        seen |= layers[0]
        layers = [layers[1], layers[2], set()]
        frames += 1


def _expand(form: _Form, ids: dict[str, int], min_frames: int) -> Language:
    """From blocks to classes, without those that no string uses."""
    used = [
        number
        for number in range(len(form.blocks))
        if any(row[number] != NO_STATE for row in form.automaton.next)
    ]
    pairs = sorted((ids[char], number) for number in used for char in form.blocks[number])
    check_size(len(form.automaton.next), len(pairs), "the constraints together")
    rows = tuple(tuple(row[number] for _, number in pairs) for row in form.automaton.next)
    return Language(tuple(i for i, _ in pairs), rows, form.automaton.accepting, None, min_frames)


def _compile_words(constraints: Constraints, charset: str, time_steps: int, form: _Form) -> Language:
    """The language of a lexicon: its words that everything else allows, and their hull."""
    assert constraints.lexicon is not None
    block_of = {char: number for number, block in enumerate(form.blocks) for char in block}
    words, dropped = filter_words(
        constraints.lexicon.words,
        charset,
        time_steps,
        lambda word: block_of.keys() >= set(word) and form.accepts(word, block_of),
    )
    chars = set().union(*words)
    ids = {char: number for number, char in enumerate(charset, 1) if char in chars}
    lengths = {len(word) for word in words}
    hull = Constraints(min_length=min(lengths), max_length=max(lengths))
    automaton = up_to(_length_automaton(hull, max(lengths) + 1, 1), max(lengths))
    language = _expand(_Form(automaton, ["".join(ids)]), ids, min(map(frames_of, words)))
    return Language(language.classes, language.next, language.accepting, words, language.min_frames, dropped)


def _named(constraints: Constraints) -> str:
    """The constraints in words, with their verb."""
    low, high = constraints.min_length, constraints.max_length
    length = None if not constraints.limits_length else f"{low}" if low == high else f"{low}-{high or ''}"
    given = {
        "charset": constraints.charset,
        "length": length,
        "pattern": constraints.pattern,
        "regex": constraints.regex,
    }
    named = [f"{name} {text!r}" for name, text in given.items() if text is not None]
    return f"{' and '.join(named)} {'allows' if len(named) == 1 else 'together allow'}"
