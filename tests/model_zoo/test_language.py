"""Constraints as automata, against brute force over all short strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walking import accepts

from model_zoo.constraints import Constraints, parse_constraints
from model_zoo.errors import ConstraintError
from model_zoo.language import DroppedWords, Language, compile_language
from model_zoo.lexicon import Lexicon
from model_zoo.words import frames_of

CHARS = "ab1"


def _strings(chars: str, longest: int) -> Iterator[str]:
    for length in range(longest + 1):
        yield from map("".join, product(chars, repeat=length))


def _allowed(language: Language, charset: str, longest: int) -> set[str]:
    return {text for text in _strings(charset, longest) if accepts(language, charset, text)}


def test_without_constraints_everything_is_allowed() -> None:
    language = compile_language(Constraints(), "abc", 5)
    assert (language.classes, language.next, language.accepting) == ((1, 2, 3), ((0, 0, 0),), (True,))
    assert language.is_free
    assert (language.words, language.min_frames, language.dropped) == (None, 0, DroppedWords())


def test_a_charset_leaves_its_classes() -> None:
    language = compile_language(Constraints("ca"), "abc", 5)
    assert (language.classes, language.is_free) == ((1, 3), True)


def test_a_pattern_is_a_chain_of_states() -> None:
    language = compile_language(Constraints(pattern="lD"), "a1b", 5)
    assert language.classes == (1, 2, 3)
    assert language.next == ((1, -1, 1), (-1, 2, -1), (-1, -1, -1))
    assert language.accepting == (False, False, True)
    assert not language.is_free


def test_a_class_that_no_allowed_string_uses_is_left_out() -> None:
    assert compile_language(Constraints(pattern="DD"), "a1b2", 5).classes == (2, 4)
    assert compile_language(Constraints(regex="(a|[12]b)1", max_length=2), "a1b2", 5).classes == (1, 2)


def test_a_class_beyond_the_time_steps_is_left_out() -> None:
    assert compile_language(Constraints(regex="a(a|11|bbbbb)"), CHARS, 3).classes == (1, 3)


def test_a_regex_that_allows_everything_is_free() -> None:
    assert compile_language(Constraints(regex=r"(a|[^a]+)*"), CHARS, 5).is_free


def test_a_length_is_a_count() -> None:
    language = compile_language(parse_constraints(length="2-3"), "abcd", 9)
    assert language.accepting == (False, False, True, True)


def test_a_length_beyond_the_time_steps_is_none() -> None:
    assert compile_language(parse_constraints(length="1-100"), "ab", 4).accepting == (False, True)


def test_the_same_constraints_are_compiled_once() -> None:
    texts = Constraints(regex="a+", lexicon=Lexicon.from_words(["aa", "ab"]))
    again = Constraints(regex="a+", lexicon=Lexicon.from_words(["ab", "aa"]))
    assert compile_language(texts, CHARS, 7) is compile_language(again, CHARS, 7)


CONSTRAINTS = st.builds(
    parse_constraints,
    charset=st.sampled_from([None, "ab", "a1", "1"]),
    length=st.sampled_from([None, "1", "2", "1-3", "2-9"]),
    pattern=st.one_of(st.none(), st.text("lDL?ab1", min_size=1, max_size=4)),
    regex=st.sampled_from([None, "a*", "(ab|1)+", ".?a.*", "[^a]{2,3}", r"\w\d?", "(aa|11)b?"]),
)


@settings(deadline=None, max_examples=200)
@given(CONSTRAINTS, st.integers(1, 5))
def test_a_language_is_the_strings_that_every_constraint_allows(constraints: Constraints, T: int) -> None:
    kinds = {"l": "ab", "L": "ab", "D": "1", "?": CHARS, "a": "a", "b": "b", "1": "1"}
    pattern, regex = constraints.pattern, constraints.regex
    wanted = {
        text
        for text in _strings(constraints.charset or CHARS, T)
        if constraints.min_length <= len(text) <= (constraints.max_length or T)
        and (regex is None or re.fullmatch(regex, text))
        and (
            pattern is None
            or (len(pattern) == len(text) and all(c in kinds[p] for c, p in zip(text, pattern, strict=True)))
        )
    }
    frames = min((frames_of(text) for text in wanted), default=T + 1)
    if frames > T or wanted == {""}:
        with pytest.raises(ConstraintError):
            compile_language(constraints, CHARS, T)
        return
    language = compile_language(constraints, CHARS, T)
    assert _allowed(language, CHARS, T) == wanted
    assert {CHARS[class_id - 1] for class_id in language.classes} == set().union(*wanted)
    assert language.min_frames == frames
    assert _is_minimal(language)


def _is_minimal(language: Language) -> bool:
    """Whether no two states allow the same strings to follow, by Moore's refinement."""
    groups = [int(ends) for ends in language.accepting]
    for _ in groups:
        keys = [
            (groups[state], *(groups[target] if target >= 0 else -1 for target in row))
            for state, row in enumerate(language.next)
        ]
        groups = [sorted(set(keys)).index(key) for key in keys]
    return len(set(groups)) == len(groups)


REFUSED = [
    pytest.param(
        Constraints("xy"), "charset 'xy' has no character in common with the model's 'ab1'", id="charset"
    ),
    pytest.param(
        Constraints("A-Z"),
        "charset 'A-Z' has no character in common with the model's 'ab1'; ranges like A-Z are not known, "
        "give :upper:",
        id="a range that is none",
    ),
    pytest.param(
        Constraints(min_length=5), "a length of 5 needs 5 time steps, the model has 4", id="too long"
    ),
    pytest.param(
        Constraints("a", min_length=3),
        "a length of 3 needs 5 time steps, the model has 4",
        id="one character can only repeat",
    ),
    pytest.param(
        Constraints(min_length=3, max_length=2),
        "a length of 3 to 2 allows nothing; give a range like 4-6",
        id="no length at all",
    ),
    pytest.param(
        Constraints(pattern="LLLLL"),
        "pattern 'LLLLL' allows no answer that fits the model: "
        "at most 4 characters (its time steps) of 'ab1'",
        id="a pattern of more places than time steps",
    ),
    pytest.param(
        Constraints(pattern="a11b"),
        "pattern 'a11b' allows no answer of fewer than 5 time steps, the model has 4",
        id="a repeat that needs a blank",
    ),
    pytest.param(
        Constraints(regex="(x|y+)"),
        "regex '(x|y+)' allows no answer that fits the model: at most 4 characters (its time steps) of 'ab1'",
        id="characters that the model lacks",
    ),
    pytest.param(
        Constraints(regex="x*"), "regex 'x*' allows the empty answer alone", id="nothing but nothing"
    ),
    pytest.param(
        Constraints("a1", min_length=1, max_length=2, pattern="??", regex="a|b*"),
        "charset 'a1' and length '1-2' and pattern '??' and regex 'a|b*' together allow no answer "
        "that fits the model: at most 4 characters (its time steps) of 'ab1'",
        id="constraints that exclude each other",
    ),
    pytest.param(
        Constraints(lexicon=Lexicon.from_words(["xa", "aaa", "abab1"])),
        "none of the lexicon's 3 words is left; left out are 1 for characters that the model lacks, "
        "2 for its 4 time steps, 0 for the charset, length, pattern or regex given",
        id="a lexicon of another alphabet",
    ),
]


@pytest.mark.parametrize(("constraints", "message"), REFUSED)
def test_what_the_model_cannot_answer_is_refused(constraints: Constraints, message: str) -> None:
    with pytest.raises(ConstraintError) as caught:
        compile_language(constraints, CHARS, 4)
    assert str(caught.value) == message


def test_a_lexicon_is_its_words_within_their_hull() -> None:
    words = Lexicon.from_words(["ab", "b1b", "xyz", "a" * 9, "a1"])
    language = compile_language(Constraints(regex=".*b.*", lexicon=words), "zb1a", 5)
    assert language.words == ("ab", "b1b")
    assert language.classes == (2, 3, 4)
    assert language.next == ((1, 1, 1), (2, 2, 2), (3, 3, 3), (-1, -1, -1))
    assert language.accepting == (False, False, True, True)
    assert language.min_frames == 2
    assert language.dropped == DroppedWords(unreadable=1, too_long=1, excluded=1)
    assert not language.is_free


def test_all_words_of_an_unconstrained_lexicon_stay() -> None:
    words = Lexicon.from_words(["b", "a"])
    language = compile_language(Constraints(lexicon=words), "ab", 1)
    assert (language.words, language.dropped) == (("a", "b"), DroppedWords())


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        (Constraints("a", lexicon=Lexicon.from_words(["a", "ab"])), ("a",)),
        (Constraints(None, 2, 2, lexicon=Lexicon.from_words(["a", "ab"])), ("ab",)),
        (Constraints(pattern="l?", lexicon=Lexicon.from_words(["a", "1b", "b1"])), ("b1",)),
    ],
    ids=["charset", "length", "pattern"],
)
def test_a_lexicon_is_filtered_by_every_other_constraint(
    constraints: Constraints, words: tuple[str, ...]
) -> None:
    assert compile_language(constraints, CHARS, 5).words == words


def test_a_large_alphabet_and_a_long_range_stay_small() -> None:
    chars = "".join(map(chr, range(0x4E00, 0x4E00 + 1000)))
    language = compile_language(parse_constraints(length="1-100", pattern="L" * 30), chars, 50)
    assert (len(language.classes), len(language.next)) == (1000, 31)
