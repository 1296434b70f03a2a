"""One kind of character for each place."""

from __future__ import annotations

import pytest

from model_zoo.errors import ConstraintError
from model_zoo.pattern import match_pattern, parse_pattern

CHARS = "aZ5-?LD\\é漢٣²"

PLACES = [
    pytest.param("L", "aZLDé漢", id="a letter, also one of a script without case"),
    pytest.param("l", "aé", id="a lower-case letter"),
    pytest.param("U", "ZLD", id="an upper-case letter"),
    pytest.param("D", "5٣", id="a decimal digit of any script, no superscript"),
    pytest.param("?", CHARS, id="any character"),
    pytest.param("-", "-", id="a literal"),
    pytest.param("a", "a", id="a letter that is no kind is a literal"),
    pytest.param(r"\L", "L", id="an escaped kind"),
    pytest.param(r"\?", "?", id="an escaped question mark"),
    pytest.param("\\\\", "\\", id="an escaped backslash"),
    pytest.param(r"\a", "a", id="an escaped literal"),
]


@pytest.mark.parametrize(("pattern", "taken"), PLACES)
def test_a_place_takes_its_kind(pattern: str, taken: str) -> None:
    (mask,) = match_pattern(pattern, CHARS)
    assert "".join(char for i, char in enumerate(CHARS) if mask >> i & 1) == taken


def test_a_pattern_has_a_place_for_each_character_and_escape() -> None:
    assert len(parse_pattern(r"LL-\D\\?")) == 6


REFUSED = [
    pytest.param(
        "",
        "the pattern is empty; give one character for each place, e.g. --pattern LLDDD",
        id="empty",
    ),
    pytest.param(
        "LL\\",
        r"pattern 'LL\' ends with a lone backslash; write two for the character itself",
        id="half an escape",
    ),
]


@pytest.mark.parametrize(("pattern", "message"), REFUSED)
def test_a_pattern_that_cannot_be_read_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(ConstraintError) as caught:
        parse_pattern(pattern)
    assert str(caught.value) == message


UNFIT = [
    ("lD", "pattern 'lD' wants a decimal digit in place 2, and the allowed characters 'abc' have none"),
    ("Ua", "pattern 'Ua' wants an upper-case letter in place 1, and the allowed characters 'abc' have none"),
    (r"a\L", r"pattern 'a\L' wants 'L' in place 2, and the allowed characters 'abc' have none"),
    (
        "a" * 90 + "D",
        f"pattern '{'a' * 80}...' wants a decimal digit in place 91, "
        "and the allowed characters 'abc' have none",
    ),
    ("a-", "pattern 'a-' wants '-' in place 2, and the allowed characters 'abc' have none"),
]


@pytest.mark.parametrize(("pattern", "message"), UNFIT)
def test_a_place_that_no_character_fits_is_named(pattern: str, message: str) -> None:
    with pytest.raises(ConstraintError) as caught:
        match_pattern(pattern, "abc")
    assert str(caught.value) == message
