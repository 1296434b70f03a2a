"""Regular expressions as automata: the same strings as `re.fullmatch`, or a refusal with its sentence."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from walking import accepts

from model_zoo import regex
from model_zoo.constraints import Constraints
from model_zoo.errors import ConstraintError
from model_zoo.language import Language, compile_language
from model_zoo.regex import parse_regex

# What is easy to get wrong: letters with several forms (k and the Kelvin sign, s and the long s), a digit of
# another script, a letter without case, white space, a line break.
CHARS = "abA_1 \néÉ٣漢kK\u212asſ"
LONGEST = 3


def _strings(chars: str) -> list[str]:
    return ["".join(text) for n in range(LONGEST + 1) for text in product(chars, repeat=n)]


def _agrees_with_python(text: str, strings: list[str]) -> None:
    wanted = {string for string in strings if re.fullmatch(text, string)}
    if language := _compiled(text):
        assert {string for string in strings if accepts(language, CHARS, string)} == wanted
    else:
        assert wanted <= {""}


def _compiled(text: str) -> Language | None:
    """None where the regex allows nothing, or the empty string alone."""
    try:
        return compile_language(Constraints(regex=text), CHARS, 100)
    except ConstraintError as error:
        if re.search("allows no answer that fits|allows the empty answer alone", str(error)):
            return None
        raise


SINGLE = st.sampled_from(
    [
        *("a", "b", "A", "_", "1", "é", "k", "ſ", "漢", ".", r"\n", r"\x61", r"\."),
        *(r"\d", r"\D", r"\w", r"\W", r"\s", r"\S"),
        *("[ab]", "[^a]", "[a-z]", r"[^\d\s]", r"[^\W\d_]", "[A-_]", "[à-ÿ]", "[]a]", "[a-]"),
    ]
)
REPEAT = st.sampled_from(["?", "*", "+", "{2}", "{0,2}", "{1,3}", "{2,}", "{,1}", "??", "*?", "+?", "{1,2}?"])
FLAGS = st.sampled_from(["i", "s", "a", "ia", "-i", "is-x", "x", "u", "i-s"])


def _composed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("({}|)".format, inner),
        st.builds("(?:|{}){}".format, inner, REPEAT),
        st.builds("(?P<n>{})".format, SINGLE),
        st.builds("(?:{}){}".format, inner, REPEAT),
        st.builds("(?{}:{})".format, FLAGS, inner),
    )


REGEXES = st.builds(
    "{}{}".format,
    st.sampled_from(["", "", "(?i)", "(?s)", "(?a)", "(?x)", "(?m)"]),
    st.recursive(SINGLE, _composed, max_leaves=6),
)


def _is_regex(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:  # one name for two groups
        return False
    return True


@settings(deadline=None, max_examples=150)
@given(REGEXES.filter(_is_regex), st.lists(st.text(CHARS, max_size=LONGEST), max_size=60))
@example("(?i)k[s]", _strings("kK\u212asſ"))
@example("(?a)(?i:k)(?u:é)", _strings("kK\u212aé"))
@example("(?i)(?a:k|é)", _strings("kK\u212aéÉ"))
@example("a(?s:.)b|a.b", _strings("ab\n"))
@example("(?x) a b # a comment", _strings("ab "))
@example("(?:a|ab)(?:1|b)?", _strings("ab1"))
@example("(a*)*b|(a|b)+?a", _strings("ab"))
@example(r"[^\n]?\Z", _strings("a\n"))
@example("a$", _strings("a\n"))
@example("^(?:^a|b$|^$)", _strings("ab"))
@example("(?m)^a$", _strings("a\n"))
@example("(?:^a)?b(?:a$)?", _strings("ab"))
def test_an_automaton_accepts_what_python_matches_in_full(text: str, strings: list[str]) -> None:
    _agrees_with_python(text, [*strings, "", *CHARS])


REFUSED = [
    pytest.param("a(?=b)", "has look-ahead or look-behind, which is not supported here", id="look-ahead"),
    pytest.param("a(?!b)b", "has look-ahead or look-behind, which is not supported here", id="not ahead"),
    pytest.param("(?!)", "has look-ahead or look-behind, which is not supported here", id="never"),
    pytest.param("(?<=a)b", "has look-ahead or look-behind, which is not supported here", id="look-behind"),
    pytest.param("(?<!a)b", "has look-ahead or look-behind, which is not supported here", id="not behind"),
    pytest.param(r"(a)\1", "has a back-reference, which is not supported here", id="back-reference"),
    pytest.param("(?P<n>a)(?P=n)", "has a back-reference, which is not supported here", id="by name"),
    pytest.param("(a)?(?(1)b|c)", "has a conditional group, which is not supported here", id="conditional"),
    pytest.param("(?>a|ab)b", "has an atomic group, which is not supported here", id="atomic"),
    pytest.param("a*+b", "has a possessive quantifier, which is not supported here", id="possessive"),
    pytest.param(r"\ba", r"has \b, which is not supported here", id="word boundary"),
    pytest.param(r"a\Bb", r"has \B, which is not supported here", id="no word boundary"),
    pytest.param(
        "a?^b",
        r"has ^ or \A elsewhere than at its start; leave it out, the whole answer is matched anyway",
        id="a start after something",
    ),
    pytest.param(
        "(^a)*",
        r"has ^ or \A elsewhere than at its start; leave it out, the whole answer is matched anyway",
        id="a start that is repeated",
    ),
    pytest.param(
        r"(a$)b?",
        r"has $ or \Z elsewhere than at its end; leave it out, the whole answer is matched anyway",
        id="an end before something",
    ),
    pytest.param(
        r"a\Z\n",
        r"has $ or \Z elsewhere than at its end; leave it out, the whole answer is matched anyway",
        id="an end before a line break",
    ),
    pytest.param("(a", "cannot be read: missing ), unterminated subpattern at position 0", id="open group"),
    pytest.param("a**", "cannot be read: multiple repeat at position 2", id="two repeats"),
    pytest.param("a{3,2}", "cannot be read: min repeat greater than max repeat at position 2", id="order"),
    pytest.param("a{99999999999}", "cannot be read: the repetition number is too large", id="a huge count"),
    pytest.param(
        "(?L)a",
        "cannot be read: bad inline flags: cannot use 'L' flag with a str pattern at position 3",
        id="locale",
    ),
    pytest.param(
        "(?au)a",
        "cannot be read: bad inline flags: flags 'a', 'u' and 'L' are incompatible at position 4",
        id="two kinds of text",
    ),
    pytest.param(
        "((a{0,50}){0,50}){0,50}",
        "has more than 10,000 parts, repeats written out; simplify it",
        id="nested counts",
    ),
    pytest.param(
        "(x(){9000}){9000}", "has more than 10,000 parts, repeats written out; simplify it", id="much nothing"
    ),
    pytest.param("(" * 110 + "a" + ")" * 110, "nests its groups too deeply; simplify it", id="deep"),
    pytest.param("(" * 9999 + "a" + ")" * 9999, "nests its groups too deeply; simplify it", id="very deep"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_no_matter_of_an_automaton_is_refused_when_it_is_read(text: str, message: str) -> None:
    with pytest.raises(ConstraintError) as caught:
        parse_regex(text)
    assert (
        str(caught.value) == f"regex '{text}' {message}"
        if len(text) <= 80
        else f"regex '{text[:80]}...' {message}"
    )


def test_repeats_of_nothing_are_nothing() -> None:
    parse_regex("(((){1000}){1000}){1000}a")


def test_a_possible_nested_set_is_read_as_python_reads_it_without_its_warning() -> None:
    with pytest.warns(FutureWarning, match="Possible nested set"):
        re.compile("[[é]")
    parse_regex("[[é]")


def test_an_automaton_of_too_many_states_is_refused() -> None:
    with pytest.raises(ConstraintError) as caught:
        compile_language(Constraints(regex="(a|b)*a(a|b){20}"), CHARS, 30)
    assert str(caught.value) == (
        "regex '(a|b)*a(a|b){20}' needs an automaton of more than 10,000 states; simplify it"
    )


def test_an_automaton_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regex, "MAX_WORK", 3_000)
    with pytest.raises(ConstraintError) as caught:
        compile_language(Constraints(regex="(a?b?){300}"), CHARS, 30)
    assert str(caught.value) == "regex '(a?b?){300}' is too ambiguous to compile; simplify it"


def test_a_large_expression_of_a_small_language_is_small() -> None:
    language = compile_language(Constraints(regex="(a{4000}|[ab]{1,5000}|((a*)*)*)b?"), CHARS, 8)
    assert len(language.classes) == 2
    assert len(language.next) <= 9
