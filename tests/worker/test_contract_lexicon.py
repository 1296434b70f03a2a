"""The lexicon on the wire: as it was, or refused; and answers that say no more than there is to say."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_zoo.errors import ConstraintError
from model_zoo.lexicon import MAX_BYTES, Lexicon
from worker import contract
from worker.contract import (
    Answer,
    BatchResult,
    ContractError,
    JobOptions,
    decode_lexicon,
    decode_options,
    decode_result,
    encode,
    encode_lexicon,
)

WORDS = Lexicon.from_words(["boat", "cat", "über"])
OTHER = Lexicon.from_words(["dog"])


@settings(deadline=None)
@given(words=st.lists(st.text(max_size=6), min_size=1, max_size=20))
def test_a_lexicon_survives_redis(words: list[str]) -> None:
    try:
        lexicon = Lexicon.from_words(words)
    except ConstraintError:
        return

    again = Lexicon.from_text(decode_lexicon(encode_lexicon(lexicon.text()), lexicon.digest))

    assert again.words == lexicon.words


def test_a_large_lexicon_is_small_on_the_wire() -> None:
    lexicon = Lexicon.from_words(f"word{number}" for number in range(20_000))

    assert len(encode_lexicon(lexicon.text())) < len(lexicon.text()) / 3


def test_what_the_zoo_reads_may_travel() -> None:
    assert contract.MAX_LEXICON_BYTES == MAX_BYTES


STORED = encode_lexicon(WORDS.text())
DAMAGED = [
    (b"", "the lexicon is cut short, or larger than 67,108,864 bytes", "nothing"),
    (STORED[:-1], "the lexicon is cut short, or larger than 67,108,864 bytes", "a byte too few"),
    (
        b"cat\nboat",
        "the lexicon is damaged: Error -3 while decompressing data: incorrect header check",
        "not compressed",
    ),
    (
        STORED[:9] + bytes([STORED[9] ^ 255]) + STORED[10:],
        None,
        "another byte in the middle",
    ),
    (
        encode_lexicon(OTHER.text()),
        f"the lexicon has sha256 {OTHER.digest}, the job's options name {WORDS.digest}",
        "another lexicon",
    ),
]


@pytest.mark.parametrize(("data", "message", "reason"), DAMAGED, ids=[reason for *_, reason in DAMAGED])
def test_a_damaged_lexicon_is_refused(data: bytes, message: str | None, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        decode_lexicon(data, WORDS.digest)
    assert message is None or str(caught.value) == message


def test_a_lexicon_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "MAX_LEXICON_BYTES", 1000)

    with pytest.raises(ContractError) as caught:
        decode_lexicon(zlib.compress(b"x" * 1001), WORDS.digest)
    assert str(caught.value) == "the lexicon is cut short, or larger than 1,000 bytes"


REFUSED = [
    ({"lexicon": "words.txt"}, "the job's lexicon is 'words.txt', expected a sha256 in hex", "a file's name"),
    ({"lexicon": ["cat"]}, "the job's lexicon is ['cat'], expected a string or null", "words themselves"),
    ({"regex": 7}, "the job's regex is 7, expected a string or null", "a number"),
]


@pytest.mark.parametrize(("options", "message", "reason"), REFUSED, ids=[reason for *_, reason in REFUSED])
def test_options_that_name_no_constraint_are_refused(
    options: dict[str, object], message: str, reason: str
) -> None:
    with pytest.raises(ContractError) as caught:
        decode_options(json.dumps(options))
    assert str(caught.value) == message


def test_options_stay_small_whatever_the_lexicon() -> None:
    options = JobOptions(charset=":digits::lower:", length="4-6", pattern="LLDDD", lexicon=WORDS.digest)

    assert len(encode(options)) < 400


def test_an_answer_leaves_out_what_there_is_nothing_to_say_of() -> None:
    bare, full = Answer(0, "a", 0.5), Answer(1, "b", 0.5, (), None, False, 0.25, 0.75, False)

    text = encode(BatchResult("j:0-1", 1, "w", (bare, full)))
    (first, second) = json.loads(text)["answers"]

    assert decode_result(text).answers == (bare, full)

    assert first == {"id": 0, "text": "a", "probability": 0.5, "n_best": [], "error": None}
    assert second == {
        **first,
        "id": 1,
        "text": "b",
        "proven": False,
        "allowed_mass": 0.25,
        "probability_high": 0.75,
        "seen": False,
    }
