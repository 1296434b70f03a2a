"""What the options mean, before any model is known."""

from __future__ import annotations

import pytest

from model_zoo.constraints import (
    Constraints,
    parse_charset,
    parse_constraints,
    parse_length,
    range_advice,
)
from model_zoo.errors import ConstraintError
from model_zoo.lexicon import Lexicon

WORDS = Lexicon.from_words(["abc"])


def test_every_text_becomes_its_constraint() -> None:
    found = parse_constraints(":digits:ab", "4-6", r"L\LD", "[a-z]+", WORDS)
    assert found == Constraints("0123456789ab", 4, 6, r"L\LD", "[a-z]+", WORDS)


def test_no_text_is_no_constraint() -> None:
    assert parse_constraints() == Constraints()


# Constraints, whether they limit the length, the form, nothing at all.
KINDS = [
    pytest.param(Constraints(), (False, False, True), id="none"),
    pytest.param(Constraints("abc"), (False, False, False), id="charset"),
    pytest.param(Constraints(min_length=1), (True, False, False), id="a least length"),
    pytest.param(Constraints(max_length=4), (True, False, False), id="a greatest length"),
    pytest.param(Constraints(pattern="LL"), (False, True, False), id="pattern"),
    pytest.param(Constraints(regex="a"), (False, True, False), id="regex"),
    pytest.param(Constraints(lexicon=WORDS), (False, True, False), id="lexicon"),
]


@pytest.mark.parametrize(("constraints", "kinds"), KINDS)
def test_constraints_say_what_they_limit(constraints: Constraints, kinds: tuple[bool, bool, bool]) -> None:
    assert (constraints.limits_length, constraints.limits_form, constraints.is_free) == kinds


def test_equal_constraints_have_one_hash_whoever_read_the_lexicon() -> None:
    again = Lexicon.from_words(["abc", "abc "])
    assert {Constraints(lexicon=WORDS), Constraints(lexicon=again)} == {Constraints(lexicon=again)}


CHARSETS = [
    pytest.param("aab", "ab", id="repeats are one"),
    pytest.param(":digits:", "0123456789", id="a class"),
    pytest.param("x:lower:9", "xabcdefghijklmnopqrstuvwyz9", id="a class among characters"),
    pytest.param("a:b:c", "a:bc", id="colons are characters"),
]


@pytest.mark.parametrize(("text", "chars"), CHARSETS)
def test_a_charset_is_its_distinct_characters(text: str, chars: str) -> None:
    assert parse_charset(text) == chars


@pytest.mark.parametrize(("text", "lengths"), [("5", (5, 5)), ("4-6", (4, 6)), (" 4 - 6 ", (4, 6))])
def test_a_length_is_a_number_or_a_range(text: str, lengths: tuple[int, int]) -> None:
    assert parse_length(text) == lengths


REFUSED = [
    pytest.param(
        {"charset": ""},
        "the charset is empty; name at least one character, e.g. --charset :digits:",
        id="an empty charset",
    ),
    pytest.param(
        {"charset": ":digit:"},
        "charset class ':digit:' is unknown; known are :digits:, :lower:, :upper: "
        "(any other character stands for itself)",
        id="a misspelt class",
    ),
    pytest.param(
        {"length": "five"}, "length 'five' is not a number or a range; give 5 or 4-6", id="no number"
    ),
    pytest.param(
        {"length": "0"},
        "length '0' allows nothing; give a range like 4-6, with 1 as the least",
        id="no length",
    ),
    pytest.param(
        {"pattern": ""},
        "the pattern is empty; give one character for each place, e.g. --pattern LLDDD",
        id="an empty pattern",
    ),
    pytest.param(
        {"regex": "(a"},
        "regex '(a' cannot be read: missing ), unterminated subpattern at position 0",
        id="no regex",
    ),
    pytest.param(
        {"regex": ""},
        "the regex is empty; give one that the whole answer matches, or leave it out",
        id="an empty regex",
    ),
]


@pytest.mark.parametrize(("texts", "message"), REFUSED)
def test_a_text_that_means_nothing_is_refused(texts: dict[str, str], message: str) -> None:
    with pytest.raises(ConstraintError) as caught:
        parse_constraints(**texts)  # type: ignore[arg-type]
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("A-Z", "; ranges like A-Z are not known, give :upper:"),
        ("?a-z0-9", "; ranges like a-z are not known, give :lower:"),
        ("x0-9", "; ranges like 0-9 are not known, give :digits:"),
        ("A-F", "; ranges like A-F are not known, give every character"),
        ("a-b-d", "; ranges like a-b are not known, give every character"),
        ("z-a", ""),
        ("a-Z", ""),
        ("a-9", ""),
        ("-az", ""),
        ("az", ""),
        ("", ""),
    ],
)
def test_a_range_that_someone_may_have_meant_brings_advice(text: str, advice: str) -> None:
    assert range_advice(text) == advice
