"""Upper and lower case as one: characters, constraints, and the decoder against the sum over all paths."""

from __future__ import annotations

import itertools
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from slow_decoder import KINDS_OF_FRAMES, frames, in_order

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints, parse_constraints
from model_zoo.decode import METHODS, decode
from model_zoo.errors import ConstraintError, ZooError
from model_zoo.folding import fold_character, fold_charset, fold_text
from model_zoo.frames import fold_case
from model_zoo.language import compile_language
from model_zoo.lexicon import Lexicon

# Both cases of one letter apart, of another together and in the other order, and a letter and a digit alone.
CHARS = "aB1bAZ"
WORDS = Lexicon.from_words(["ab", "AB", "Ba", "b1", "A", "zZ", "bB", "q"])
CONSTRAINTS = [
    (Constraints(ignore_case=True), lambda text: True, "none"),
    (Constraints("A1", ignore_case=True), lambda text: set(text) <= set("a1"), "a charset in one case"),
    (Constraints("z", ignore_case=True), lambda text: set(text) <= set("z"), "a charset in the other case"),
    (Constraints(None, 2, 2, ignore_case=True), lambda text: len(text) == 2, "a length"),
    (Constraints(pattern="Ul", ignore_case=True), lambda text: re.fullmatch("[abz]{2}", text), "a pattern"),
    (Constraints(pattern="?A", ignore_case=True), lambda text: re.fullmatch(".a", text), "a literal"),
    (
        Constraints(regex="[A-Y]+|1b", ignore_case=True),
        lambda text: re.fullmatch("[ab]+|1b", text),
        "a regex",
    ),
    (Constraints(regex="[^a]+", ignore_case=True), lambda text: re.fullmatch("[b1z]+", text), "an exclusion"),
    (
        Constraints("aBZ", 1, 2, pattern="??", regex=".*B", ignore_case=True),
        lambda text: text in ("ab", "bb", "zb"),
        "several",
    ),
]
IDS = [reason for *_, reason in CONSTRAINTS]


def folded_strings(log_probs: NDArray[np.float64], chars: str) -> dict[tuple[int, ...], float]:
    """The probability of every text in folded class ids: each path of all classes, read without case."""
    classes = "-" + "".join(dict.fromkeys(chars.lower()))
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(len(chars) + 1), repeat=len(log_probs)):
        read = "".join(("-" + chars.lower())[class_id] for class_id in path)
        text = "".join(char for char, _ in itertools.groupby(read)).replace("-", "")
        ids = tuple(classes.index(char) for char in text)
        found[ids] = found.get(ids, 0.0) + float(np.exp(sum(log_probs[t, c] for t, c in enumerate(path))))
    return found


def rows(T: int, chars: str) -> torch.Tensor:
    """One item of each kind of frames, (N, T, C)."""
    rng = np.random.default_rng(T)
    return torch.from_numpy(np.stack([frames(kind, T, len(chars) + 1, rng) for kind in KINDS_OF_FRAMES]))


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize(("constraints", "allows", "reason"), CONSTRAINTS, ids=IDS)
def test_the_folded_texts_are_the_sums_over_all_paths_read_without_case(
    constraints: Constraints, allows: object, reason: str, engine: str
) -> None:
    decided = 0
    for T, chars in ((2, CHARS), (3, CHARS), (4, "bAaB")):
        folded = Charset("".join(dict.fromkeys(chars.lower())))
        for log_probs in rows(T, chars):
            strings = folded_strings(log_probs.numpy(), chars)
            allowed = {ids: p for ids, p in strings.items() if p > 0 and allows(folded.decode(ids))}  # type: ignore[operator]
            if not any(allowed):
                with pytest.raises(ZooError):
                    decode(log_probs[None], Charset(chars), constraints, engine=engine)
                continue
            mass, order = sum(allowed.values()), in_order(allowed)[:5]

            found = decode(log_probs[None], Charset(chars), constraints, n_best=5, engine=engine)[0]

            assert [it.text for it in found.candidates] == [folded.decode(ids) for ids in order]
            expected = [allowed[ids] / mass for ids in order]
            assert [it.probability for it in found.candidates] == pytest.approx(expected, rel=1e-9, abs=0)
            assert found.allowed_mass == pytest.approx(mass, rel=1e-9, abs=0)
            assert (found.proven, found.gap) == (True, 0.0)
            decided += 1
    assert decided > 9


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_the_words_of_a_lexicon_are_meant_without_case(engine: str) -> None:
    for log_probs in rows(3, CHARS):
        strings = folded_strings(log_probs.numpy(), CHARS)
        folded = Charset("ab1z")
        words = {tuple(folded.encode(word)) for word in ("ab", "ba", "b1", "a", "zz", "bb")}
        allowed = {ids: p for ids, p in strings.items() if ids in words and p > 0}

        found = decode(
            log_probs[None],
            Charset(CHARS),
            Constraints(lexicon=WORDS, ignore_case=True),
            n_best=9,
            engine=engine,
        )[0]

        order, mass = in_order(allowed), sum(allowed.values())
        assert [it.text for it in found.candidates] == [folded.decode(ids) for ids in order]
        assert (
            found.probability * (1 - 1e-9) <= allowed[order[0]] / mass <= found.probability_high * (1 + 1e-9)
        )


@pytest.mark.parametrize("method", METHODS)
def test_every_decoder_reads_the_folded_frames(method: str) -> None:
    items = rows(6, CHARS)
    blind = decode(items, Charset(CHARS), Constraints("aB1", ignore_case=True), method=method)
    folded = decode(fold_case(items, CHARS), Charset("ab1z"), Constraints("ab1"), method=method)

    assert blind.charset == Charset("ab1z")
    assert blind.texts == folded.texts
    assert (blind.log_probs == folded.log_probs).all()
    assert (blind.log_mass == folded.log_mass).all()


def test_a_doubt_about_the_case_is_no_doubt_about_the_length() -> None:
    # Two frames of one letter whose case nobody can tell.
    log_probs = torch.tensor([[[0.0, 0.5, 0.5], [0.0, 0.5, 0.5]]]).log()

    plain = decode(log_probs, Charset("oO"), n_best=9)[0]
    blind = decode(log_probs, Charset("oO"), Constraints(ignore_case=True), n_best=9)[0]

    assert {it.text: it.probability for it in plain.candidates} == pytest.approx(
        {"o": 0.25, "O": 0.25, "oO": 0.25, "Oo": 0.25}
    )
    assert [it.text for it in blind.candidates] == ["o"]
    assert blind.probability == pytest.approx(1.0)


def test_equal_letters_in_different_case_need_a_blank_between() -> None:
    certain = torch.full((1, 3, 3), -torch.inf).log_softmax(-1).nan_to_num(-torch.inf)
    for path, text in (((1, 2, 2), "o"), ((1, 0, 2), "oo")):
        log_probs = certain.clone()
        log_probs[0, range(3), list(path)] = 0.0

        assert decode(log_probs, Charset("oO"), Constraints(ignore_case=True)).texts == [text]


def test_the_charset_of_one_case_alone_is_renamed_and_nothing_is_added() -> None:
    items = rows(4, "AB1")

    assert fold_case(items, "AB1") is items
    blind = decode(items, Charset("AB1"), Constraints(ignore_case=True))
    plain = decode(items, Charset("AB1"))
    assert blind.texts == [text.lower() for text in plain.texts]
    assert (blind.log_probs == plain.log_probs).all()


def test_single_precision_stays_and_what_is_not_folded_stays_to_the_last_bit() -> None:
    items = rows(4, CHARS).float()

    folded = fold_case(items, CHARS)

    assert folded.dtype == torch.float32
    assert torch.equal(folded[..., [0, 3, 4]], items[..., [0, 3, 6]])  # the blank, 1 and Z
    expected = torch.logaddexp(items[..., 1].double(), items[..., 5].double()).float()
    assert torch.equal(folded[..., 1], expected)


def test_a_letter_may_have_more_than_two_classes() -> None:
    items = rows(4, "k1K\N{KELVIN SIGN}")

    folded = fold_case(items, "k1K\N{KELVIN SIGN}")

    torch.testing.assert_close(folded[..., 1], items[..., [1, 3, 4]].logsumexp(-1), rtol=0, atol=1e-14)
    assert torch.equal(folded[..., [0, 2]], items[..., [0, 2]])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_log_probability_is_refused_with_its_number(value: float) -> None:
    items = rows(3, CHARS)
    items[2, 1, 5] = value

    with pytest.raises(ZooError, match=r"^item 2 has NaN or \+inf for a log-probability"):
        decode(items, Charset(CHARS), Constraints(ignore_case=True))


ALLOWED = [
    (Constraints("aB1"), "Ab1 aB1 B 1a", "bz Z", "a charset in either case means both"),
    (Constraints(pattern="lU"), "ab AB aB Ba zz", "a1 a 1", "l and U mean any letter with a case"),
    (Constraints(pattern="LD"), "a1 Z1", "11 ab", "L and D mean what they say"),
    (Constraints(pattern=r"\A?"), "ab A1", "b1", "a literal is itself, in either case"),
    (Constraints(regex="[A-Y]b?"), "a AB b", "z 1", "a regex is as with re.IGNORECASE"),
    (Constraints(regex="(?-i:[A-Y]|z1)"), "z1 Z1", "a b", "with (?-i:, answers are in lower case"),
    (Constraints(lexicon=WORDS), "AB ab bA zz A", "az 1b", "words"),
    (Constraints("AB", 2, 2, lexicon=WORDS), "ab BA", "a zz b1", "words within other constraints"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("constraints", "allowed", "others", "reason"), ALLOWED, ids=[reason for *_, reason in ALLOWED]
)
def test_constraints_are_meant_without_case(
    constraints: Constraints, allowed: str, others: str, reason: str
) -> None:
    language = compile_language(replace(constraints, ignore_case=True), CHARS, 9)

    assert language.charset == "ab1z"
    assert [text for text in allowed.split() if not language.allows(text)] == []
    assert [text for text in others.split() if language.allows(text)] == []


def test_words_that_differ_in_case_alone_are_one_and_are_not_dropped() -> None:
    language = compile_language(Constraints(lexicon=WORDS, ignore_case=True), CHARS, 3)

    assert language.words == ("a", "ab", "b1", "ba", "bb", "zz")
    assert language.dropped.unreadable == 1  # q
    assert language.min_frames == 1
    # Without case zZ is a repeat, which takes a blank: three frames, where the model's own classes take two.
    assert compile_language(Constraints(lexicon=WORDS, ignore_case=True), CHARS, 2).words == (
        "a",
        "ab",
        "b1",
        "ba",
    )


def test_the_same_without_case_is_refused_in_the_folded_characters() -> None:
    with pytest.raises(ConstraintError) as refused:
        compile_language(parse_constraints("XY", ignore_case=True), CHARS, 5)
    assert str(refused.value) == "charset 'xy' has no character in common with the model's 'ab1z'"

    with pytest.raises(ConstraintError) as refused:
        compile_language(parse_constraints(pattern="1U", ignore_case=True), "12", 5)
    assert str(refused.value) == (
        "pattern '1U' wants a letter that has a case in place 2, and the allowed characters '12' have none"
    )


def test_the_folded_alphabet_folds_to_itself() -> None:
    constraints = Constraints("A1", 1, 3, ignore_case=True)
    once, twice = (compile_language(constraints, chars, 5) for chars in (CHARS, fold_charset(CHARS)))

    assert (once.classes, once.next, once.charset) == (twice.classes, twice.next, twice.charset)


def test_a_folded_character_compares_like_its_original() -> None:
    everything = [chr(point) for point in range(sys.maxunicode + 1)]
    folded = [fold_character(char) for char in everything]

    assert {len(char) for char in folded} == {1}
    assert [char.casefold() for char in folded] == [char.casefold() for char in everything]
    assert [fold_character(char) for char in folded] == folded


@given(text=st.text())
def test_a_text_is_folded_character_by_character(text: str) -> None:
    assert fold_text(text) == "".join(map(fold_character, text))


def test_what_casefold_makes_two_characters_of_is_one() -> None:
    assert fold_text("STRAßE ẞ Σς K") == "straße ß σσ k"
    assert fold_charset("ßẞaA") == "ßa"
