"""Constraints and a model's characters as one automaton that the decoder follows. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, reduce

from model_zoo.automaton import Automaton, bits, check_size, intersect, up_to
from model_zoo.constraints import Constraints, range_advice
from model_zoo.errors import ConstraintError
from model_zoo.folding import fold_charset, fold_text
from model_zoo.pattern import match_pattern, quoted
from model_zoo.regex import NO_PLACES, regex_automaton, regex_places
from model_zoo.words import NONE_DROPPED, DroppedWords, fewest_frames, filter_words

__all__ = ["NO_STATE", "DroppedWords", "Language", "compile_language"]

NO_STATE = -1


# States x classes x time steps: for each the decoder holds up to two numbers of 8 bytes, in each thread.
_MAX_SIZE = 2**23


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
        charset: the characters of all classes, in their order: the model's, or where case is ignored their
            folded ones, each once.
        ignore_case: whether they are folded.
        dropped: how many words of the lexicon are not in `words`, and why.
    """

    classes: tuple[int, ...]
    next: tuple[tuple[int, ...], ...]
    accepting: tuple[bool, ...]
    words: tuple[str, ...] | None
    min_frames: int
    charset: str
    ignore_case: bool = False
    dropped: DroppedWords = NONE_DROPPED

    @property
    def is_free(self) -> bool:
        """Whether every string over `classes` is allowed: nothing but the charset is constrained."""
        return self.words is None and self.accepting == (True,) and NO_STATE not in self.next[0]

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {self.charset[class_id - 1]: column for column, class_id in enumerate(self.classes)}

    @cached_property
    def _word_set(self) -> frozenset[str] | None:
        return None if self.words is None else frozenset(self.words)

    def allows(self, text: str) -> bool:
        """Whether a text can be an answer; in any case where case is ignored."""
        if self.ignore_case:
            text = fold_text(text)
        if self._word_set is not None:
            return text in self._word_set
        state = 0
        for char in text:
            column = self._columns.get(char)
            if column is None or (state := self.next[state][column]) == NO_STATE:
                return False
        return self.accepting[state]


@dataclass(frozen=True)
class _Form:
    """The strings of an allowed length, pattern and regex.

    Attributes:
        automaton: over the blocks.
        blocks: the characters of each block.
    """

    automaton: Automaton
    blocks: Sequence[str]

    @cached_property
    def block_of(self) -> dict[str, int]:
        """The block of each character."""
        return {char: number for number, block in enumerate(self.blocks) for char in block}

    def accepts(self, text: str) -> bool:
        """Whether a string is allowed."""
        rows, block_of = self.automaton.next, self.block_of
        state = 0
        for char in text:
            target = rows[state].get(block_of.get(char, NO_STATE))
            if target is None:
                return False
            state = target
        return self.automaton.accepting[state]


@lru_cache(8)
def compile_language(constraints: Constraints, charset: str, time_steps: int) -> Language:
    """The strings that all constraints allow and that the model can answer.

    Args:
        constraints: what the user allows.
        charset: the model's characters, in the order of its classes; where the constraints ignore case, they
            are folded here, if they are not already.
        time_steps: T of the model; an answer needs one for each character and one between repeats.

    Raises:
        ConstraintError: a text that cannot be read, constraints that allow nothing that fits the time steps,
            or an automaton that is too large.
    """
    if constraints.ignore_case:
        charset = fold_charset(charset)
        among = constraints.charset
        constraints = replace(constraints, charset=None if among is None else fold_charset(among))
    language = _compile(constraints, charset, time_steps)
    return replace(language, ignore_case=True) if constraints.ignore_case else language


def _compile(constraints: Constraints, charset: str, time_steps: int) -> Language:
    allowed = _allowed_characters(constraints, charset, time_steps)
    form = _compile_form(constraints, allowed, time_steps)
    if form.automaton.is_empty:
        raise ConstraintError(
            f"{_named(constraints)} no answer that fits the model: at most {time_steps} characters "
            f"(its time steps) of {charset!r:.80}"
        )
    if not any(form.automaton.next):
        raise ConstraintError(f"{_named(constraints)} the empty answer alone")
    needed = _min_frames(form)
    if needed > time_steps:
        raise ConstraintError(
            f"{_named(constraints)} no answer of fewer than {needed} time steps, the model has {time_steps}"
        )
    if constraints.lexicon is not None:
        is_alone = replace(constraints, lexicon=None).is_free
        wished: Sequence[str] = constraints.lexicon.words
        if constraints.ignore_case:
            wished = sorted(set(map(fold_text, wished)))
        words, dropped = filter_words(wished, charset, time_steps, None if is_alone else form.accepts)
        return _hull(words, dropped, charset)
    language = _expand(form, charset, needed)
    size = len(language.next) * (len(language.classes) + 1) * time_steps
    if size > _MAX_SIZE:
        raise ConstraintError(
            f"the constraints take an automaton of {len(language.next)} states over {len(language.classes)} "
            f"characters, too large for a model of {time_steps} time steps; allow fewer characters or forms"
        )
    return language


def _allowed_characters(constraints: Constraints, charset: str, time_steps: int) -> str:
    """The model's characters that the charset allows, in its order; refused if the length has no room."""
    allowed = charset
    if constraints.charset is not None:
        allowed = "".join(char for char in charset if char in constraints.charset)
        if not allowed:
            raise ConstraintError(
                f"charset {constraints.charset!r} has no character in common with the model's {charset!r}"
                f"{range_advice(constraints.charset)}"
            )
    # One character alone can only repeat, and CTC puts a blank between repeats: n of them need 2n - 1 frames.
    needed = 2 * constraints.min_length - 1 if len(allowed) == 1 else constraints.min_length
    if needed > time_steps:
        raise ConstraintError(
            f"a length of {constraints.min_length} needs {needed} time steps, the model has {time_steps}"
        )
    return allowed


def _compile_form(constraints: Constraints, chars: str, time_steps: int) -> _Form:
    """What length, pattern and regex allow of these characters, up to `time_steps` of them."""
    pattern, regex = constraints.pattern, constraints.regex
    blind = constraints.ignore_case
    masks = match_pattern(pattern, chars, blind) if pattern is not None else []
    expression = regex_places(regex, chars, blind) if regex is not None else NO_PLACES
    blocks = _blocks([*masks, *expression.takes], len(chars))
    automata = [_length_automaton(constraints, time_steps, len(blocks))]
    if pattern is not None:
        automata.append(_chain([[i for i, block in enumerate(blocks) if mask & block] for mask in masks]))
    if regex is not None:
        automata.append(regex_automaton(regex, expression, blocks, time_steps))
    if len(automata) > 1 and not constraints.limits_length:
        del automata[0]
    texts = ["".join(chars[i] for i in bits(block)) for block in blocks]
    automaton = reduce(lambda left, right: intersect(left, right, time_steps), automata)
    return _Form(up_to(automaton, time_steps), texts)


def _blocks(masks: Sequence[int], size: int) -> list[int]:
    """The coarsest partition of `size` characters so that each mask is a union of parts; sets are bits."""
    in_masks: list[list[int]] = [[] for _ in range(size)]
    for number, mask in enumerate(set(masks)):
        for char in bits(mask):
            in_masks[char].append(number)
    blocks: dict[tuple[int, ...], int] = {}
    for char, numbers in enumerate(in_masks):
        blocks[tuple(numbers)] = blocks.get(tuple(numbers), 0) | 1 << char
    return list(blocks.values())


def _length_automaton(constraints: Constraints, time_steps: int, n_blocks: int) -> Automaton:
    low, high = constraints.min_length, constraints.max_length
    if high is not None and high < low:
        raise ConstraintError(f"a length of {low} to {high} allows nothing; give a range like 4-6")
    if high is not None and high < time_steps:
        chain = _chain([range(n_blocks)] * high)
        return Automaton(chain.next, tuple(low <= state for state in range(high + 1)))
    # No string is longer than the time steps, so a higher limit is none.
    rows = [dict.fromkeys(range(n_blocks), min(state + 1, low)) for state in range(low + 1)]
    return Automaton(tuple(rows), (False,) * low + (True,))


def _chain(places: Sequence[Sequence[int]]) -> Automaton:
    """The strings with one character for each place, of one of the blocks that it takes."""
    rows = [dict.fromkeys(blocks, i) for i, blocks in enumerate(places, 1)]
    return Automaton((*rows, {}), (False,) * len(places) + (True,))


def _min_frames(form: _Form) -> int:
    """Fewest time steps of an accepted string.

    Characters of different blocks differ, and in a block of several no two neighbours need be the same: only
    a block of one character forces a repeat. So the search is over states and the last character's block.
    """
    alone = [len(block) == 1 for block in form.blocks]
    now, soon, later = {(0, -1)}, set[tuple[int, int]](), set[tuple[int, int]]()
    seen: set[tuple[int, int]] = set()
    frames = 0
    while not any(form.automaton.accepting[state] for state, _ in now):
        for state, last in now - seen:
            for block, target in form.automaton.next[state].items():
                is_repeat = alone[block] and block == last
                (later if is_repeat else soon).add((target, block))
        seen |= now
        now, soon, later = soon, later, set()
        frames += 1
    return frames


def _expand(form: _Form, charset: str, min_frames: int) -> Language:
    """From blocks to classes, without those that no string uses."""
    used = set[int]().union(*form.automaton.next)
    pairs = [
        (class_id, form.block_of[char])
        for class_id, char in enumerate(charset, 1)
        if form.block_of.get(char, NO_STATE) in used
    ]
    rows = form.automaton.next
    check_size(len(rows), len(rows) * len(pairs), "the combination of the constraints")
    expanded = tuple(tuple(row.get(block, NO_STATE) for _, block in pairs) for row in rows)
    classes = tuple(class_id for class_id, _ in pairs)
    return Language(classes, expanded, form.automaton.accepting, None, min_frames, charset)


def _hull(words: tuple[str, ...], dropped: DroppedWords, charset: str) -> Language:
    """The language of some words: all strings of their characters and of their lengths."""
    lengths = set(map(len, words))
    chain = _chain([range(1)] * max(lengths))
    ends = tuple(min(lengths) <= state for state in range(max(lengths) + 1))
    chars = "".join(sorted(set().union(*words)))
    hull = _expand(_Form(Automaton(chain.next, ends), [chars]), charset, fewest_frames(words))
    return replace(hull, words=words, dropped=dropped)


def _named(constraints: Constraints) -> str:
    """The constraints in words, with their verb."""
    low, high = constraints.min_length, constraints.max_length
    length = (f"{low}" if low == high else f"{low}-{high or ''}") if constraints.limits_length else None
    given = {
        "charset": constraints.charset,
        "length": length,
        "pattern": constraints.pattern,
        "regex": constraints.regex,
    }
    named = [f"{name} {quoted(text)}" for name, text in given.items() if text is not None]
    return f"{' and '.join(named)} {'allows' if len(named) == 1 else 'together allow'}"
