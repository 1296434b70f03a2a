"""How a job is read once its model is known: the card's constraints, the job's own, and what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_zoo.lexicon import Lexicon
from model_zoo.words import DroppedWords
from producer.errors import UsageError
from producer.reading import Reading, check_decoder, check_feasible, resolve
from producer.request import SubmitRequest, Transport, check
from worker.contract import JobOptions

CARD: dict[str, Any] = {"charset": "abc123", "time_steps": 8}
CONSTRAINED = {**CARD, "constraints": {"length": "4", "charset": "abc"}}


def test_a_card_without_constraints_leaves_the_options_as_they_are() -> None:
    options = JobOptions(length="5", pattern="?????")

    assert resolve(options, "m", CARD, False) == Reading(options)


RESOLVED = [
    (JobOptions(), JobOptions(length="4", charset="abc"), ("charset", "length"), "nothing of its own"),
    (JobOptions(length="2-8"), JobOptions(length="2-8", charset="abc"), ("charset",), "another length"),
    (
        JobOptions(pattern="LLLL"),
        JobOptions(pattern="LLLL", length="4", charset="abc"),
        ("charset", "length"),
        "a pattern as well",
    ),
    (JobOptions(length="5", charset="123"), JobOptions(length="5", charset="123"), (), "all of its own"),
]


@pytest.mark.parametrize(
    ("asked", "held", "from_card", "reason"), RESOLVED, ids=[reason for *_, reason in RESOLVED]
)
def test_a_jobs_own_constraint_stands_in_place_of_the_cards_of_that_kind(
    asked: JobOptions, held: JobOptions, from_card: tuple[str, ...], reason: str
) -> None:
    assert resolve(asked, "m", CONSTRAINED, False) == Reading(held, from_card)


def test_what_is_no_constraint_stays_as_it_was_asked_for() -> None:
    asked = JobOptions("exact", 7, 3, lexicon="ab" * 32, max_image_bytes=9)

    held = JobOptions("exact", 7, 3, "abc", "4", lexicon="ab" * 32, max_image_bytes=9)
    assert resolve(asked, "m", CONSTRAINED, False).options == held


def test_unconstrained_leaves_the_cards_out_and_the_jobs_own_in() -> None:
    options = JobOptions(length="5")

    assert resolve(options, "m", CONSTRAINED, True) == Reading(options)


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        (JobOptions("greedy"), "length"),
        (JobOptions("alignment-beam", charset="a"), "length"),
        (JobOptions("beam"), "pattern"),
    ],
    ids=["greedy", "alignment-beam", "beam"],
)
def test_a_decoder_that_cannot_keep_the_cards_constraints_is_refused(options: JobOptions, lost: str) -> None:
    card = {**CARD, "constraints": {"length": "4"} if lost == "length" else {"pattern": "LLLL"}}

    with pytest.raises(UsageError) as caught:
        resolve(options, "m", card, False)
    assert str(caught.value) == (
        f"model m: --decoder {options.decoder} cannot keep the {lost} of its card; "
        "give --decoder exact or --unconstrained"
    )
    assert resolve(options, "m", card, True) == Reading(options)


BROKEN_CARDS = [
    ("LLDDD", "constraints are 'LLDDD'; expected an object", "a text"),
    (
        {"checksum": "mod 10"},
        "constraints of an unknown kind: checksum; known are charset, length, pattern, regex",
        "a kind from the future: to pass over it would give answers that it forbids",
    ),
    ({"length": 5}, "the constraint length is 5; expected a text", "a number"),
]


@pytest.mark.parametrize(
    ("constraints", "message", "reason"), BROKEN_CARDS, ids=[reason for *_, reason in BROKEN_CARDS]
)
def test_constraints_of_a_card_that_we_cannot_read_are_refused(
    constraints: object, message: str, reason: str
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(JobOptions(), "m", {**CARD, "constraints": constraints}, False)
    assert str(caught.value) == f"model m: its card cannot be used: {message}"


INFEASIBLE = [
    (
        JobOptions(charset="xyz"),
        (),
        "model m: charset 'xyz' has no character in common with the model's 'abc123'",
        "characters that the model lacks",
    ),
    (
        JobOptions(length="9"),
        (),
        "model m: a length of 9 needs 9 time steps, the model has 8",
        "more characters than frames",
    ),
    (
        JobOptions(length="9"),
        ("length",),
        "model m: a length of 9 needs 9 time steps, the model has 8 (its card adds: length)",
        "a card that names what its model cannot do",
    ),
]


@pytest.mark.parametrize(
    ("options", "from_card", "message", "reason"), INFEASIBLE, ids=[reason for *_, reason in INFEASIBLE]
)
def test_what_the_model_cannot_answer_is_refused(
    options: JobOptions, from_card: tuple[str, ...], message: str, reason: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_feasible(Reading(options, from_card), None, "m", CARD)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "options",
    [
        JobOptions(pattern="LLDD", length="5"),
        JobOptions(regex="[xyz]+"),
        JobOptions(pattern="UUDDD"),
        JobOptions(pattern="aaaaa"),
    ],
    ids=["two that exclude each other", "other characters", "no capitals", "repeats need blanks"],
)
def test_constraints_that_allow_nothing_are_refused(options: JobOptions) -> None:
    with pytest.raises(UsageError, match=r"^model m: .* allow"):
        check_feasible(Reading(options), None, "m", CARD)


def test_words_that_the_model_cannot_answer_are_counted() -> None:
    lexicon = Lexicon.from_words(["abc", "cab", "dog", "abcabcabc", "a1"])

    dropped = check_feasible(Reading(JobOptions(pattern="LLL")), lexicon, "m", CARD)

    assert dropped == DroppedWords(unreadable=1, excluded=1, too_long=1)
    assert check_feasible(Reading(JobOptions()), None, "m", CARD) == DroppedWords()


def test_a_lexicon_without_a_word_for_the_model_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^model m: "):
        check_feasible(Reading(JobOptions()), Lexicon.from_words(["dog"]), "m", CARD)


def test_a_lexicon_is_read_and_named_by_its_digest(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("cat\ndog\n")

    checked = check(SubmitRequest(tmp_path, lexicon=words), Transport())

    assert checked.lexicon == Lexicon.from_words(["cat", "dog"])
    assert checked.lexicon is not None
    assert checked.request.options == JobOptions(lexicon=checked.lexicon.digest)


def test_a_lexicon_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"

    with pytest.raises(UsageError) as caught:
        check(SubmitRequest(tmp_path, lexicon=words), Transport())
    assert str(caught.value) == f"lexicon {str(words)!r} cannot be read: No such file or directory"


@pytest.mark.parametrize("decoder", ["greedy", "beam", "alignment-beam"])
def test_a_lexicon_needs_the_exact_decoder(decoder: Any, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("cat")

    with pytest.raises(UsageError) as caught:
        check(SubmitRequest(tmp_path, options=JobOptions(decoder), lexicon=words), Transport())
    assert str(caught.value) == (
        f"--decoder {decoder} cannot keep --lexicon; --decoder exact keeps every constraint"
    )


def test_more_readings_than_a_beams_width_are_for_the_exact_decoder() -> None:
    check_decoder(JobOptions("exact", beam_width=1, n_best=100))
