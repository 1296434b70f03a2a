"""Constraints on the command line of `model-zoo`: the user's, those of a model's card, and both."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from model_zoo.cards import BUILT_IN, find_card
from model_zoo.cli import main
from model_zoo.constraint_texts import ConstraintTexts

CAPTCHA = sorted((Path(__file__).parents[2] / "examples" / "captchas").glob("*.png"))[0]
TEXT = CAPTCHA.stem


@pytest.fixture(autouse=True)
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zoo with `four`: the shipped model, with a card that wants texts of four characters."""
    card = find_card("crnn-small").card
    shutil.copy(BUILT_IN / card.weights, tmp_path)
    constrained = replace(card, name="four", constraints=ConstraintTexts(length="4", regex="[^m]+"))
    (tmp_path / "four.json").write_text(constrained.to_json())
    monkeypatch.setenv("CAPTCHAFLEET_ZOO", str(tmp_path))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def solved(*arguments: str | Path) -> dict[str, Any]:
    """What `solve --json` says of one captcha."""
    result = run("solve", CAPTCHA, "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    (row,) = json.loads(result.stdout)
    return dict(row)


def test_a_pattern_holds() -> None:
    row = solved("--pattern", "DDLLL")

    assert len(row["text"]) == 5
    assert row["text"][:2].isdigit()
    assert row["text"][2:].isalpha()
    assert row["proven"]


def test_an_expression_holds() -> None:
    assert solved("--regex", "[2-8]{3}")["text"].isdigit()


def test_only_the_words_of_a_lexicon_are_answers(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text(f"22222\n{TEXT}\nwxyxw\n")

    row = solved("--lexicon", words)

    assert row["text"] == TEXT
    assert row["probability"] <= (row["probability_high"] or row["probability"]) <= 1


def test_words_that_the_model_cannot_answer_are_noted(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text(f"{TEXT}\nhello\nworld\n{'2' * 40}\n")

    result = run("solve", CAPTCHA, "--lexicon", words)

    assert result.exit_code == 0
    assert result.stderr == (
        "this model cannot answer 3 of 4 words of the lexicon: "
        "2 for characters that it lacks, 1 for their length\n"
    )


CARDS = [
    ((), 4, "the card's length"),
    (("--length", "5"), 5, "the user's own length in place of the card's"),
    (("--unconstrained",), 5, "what the image says"),
]


@pytest.mark.parametrize(("arguments", "length", "reason"), CARDS, ids=[reason for *_, reason in CARDS])
def test_the_cards_constraints_hold_unless_others_do(
    arguments: tuple[str, ...], length: int, reason: str
) -> None:
    assert len(solved("--model", "four", *arguments)["text"]) == length


def test_show_tells_what_a_model_keeps() -> None:
    shown = run("show", "four").output.splitlines()

    assert "answers keep length      4" in shown
    assert "answers keep regex       [^m]+" in shown
    assert not any(line.startswith("answers keep") for line in run("show", "crnn-small").output.splitlines())


def test_evaluate_tells_what_held_and_from_where(twelve: Path) -> None:
    parts = (
        "--data",
        twelve,
        *[word for part in ("train", "validation", "test") for word in ("--part", part)],
    )

    result = run("evaluate", "four", *parts, "--charset", ":digits::lower:")

    assert result.stderr == (
        "the model cannot answer: 019ahijkloqrstuvz\n"
        "12 of 12 labels can be no answer: the constraints or the model's characters rule them out\n"
    )
    assert result.stdout.splitlines()[0] == (
        "model                 four, exact, charset :digits::lower:, length 4 (the model's card), "
        "regex [^m]+ (the model's card), parts train + validation + test"
    )
    assert "exact match           0.00%" in result.output


def test_evaluate_json_tells_what_held_and_from_where(twelve: Path, tmp_path: Path) -> None:
    files = sorted(twelve.glob("*.png"))
    words = tmp_path / "words.txt"
    words.write_text("\n".join(["22222", *(file.stem[:5] for file in files[1:])]))
    parts = [word for part in ("train", "validation", "test") for word in ("--part", part)]

    result = run("evaluate", "four", "--data", twelve, *parts, "--length", "5", "--lexicon", words, "--json")

    figures = json.loads(result.stdout)
    with_m = sum("m" in file.stem[:5] for file in files[1:])
    assert figures["model"] == f"four@{find_card('four').card.fingerprint}"
    assert figures["parts"] == ["train", "validation", "test"]
    assert figures["constraints"] == [
        {"kind": "length", "text": "5", "from_card": False},
        {"kind": "regex", "text": "[^m]+", "from_card": True},
        {"kind": "lexicon", "text": str(words), "from_card": False, "words": 12},
    ]
    assert figures["proven"] == 12
    assert figures["labels_ruled_out"] == 1 + with_m
    assert len(figures["errors"]) == 1 + with_m


REFUSED = [
    (("--pattern", ""), "the pattern is empty; give one character for each place, e.g. --pattern LLDDD"),
    (("--lexicon", "none.txt"), "lexicon 'none.txt' cannot be read: No such file or directory"),
    (
        ("--decoder", "beam", "--pattern", "DDLLL"),
        "the beam decoder keeps to a charset and a length, not to a pattern, regex or lexicon; "
        "choose the exact decoder",
    ),
    (
        ("--model", "four", "--decoder", "greedy"),
        "the greedy decoder keeps to a charset and to nothing else; choose the exact decoder "
        "(the model's card adds: length, regex; --unconstrained leaves that out)",
    ),
    (
        ("--model", "four", "--pattern", "DDLLL"),
        "length '4' and pattern 'DDLLL' and regex '[^m]+' together allow no answer that fits the model: "
        "at most 25 characters (its time steps) of '2345678bcdefgmnpwxy' "
        "(the model's card adds: length, regex; --unconstrained leaves that out)",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_is_one_sentence(arguments: tuple[str, ...], message: str) -> None:
    result = run("solve", CAPTCHA, *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"Error: {message}\n"


def test_a_measurement_under_constraints_is_not_recorded(tmp_path: Path) -> None:
    result = run("evaluate", "four", "--data", tmp_path, "--record", "--unconstrained", "--pattern", "LLDDD")

    assert result.exit_code == 2
    assert result.stderr.endswith(
        "Error: --record is for the model as it is; leave --unconstrained and --pattern out\n"
    )
