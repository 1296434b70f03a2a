"""What `model-zoo` says beside an answer: how probable, how sure, and what cannot be answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from model_zoo.cards import find_card
from model_zoo.cli import main
from model_zoo.cli_notes import answer_lines, figure, ruled_out
from model_zoo.constraints import Constraints, parse_constraints
from model_zoo.decode import Candidate
from model_zoo.lexicon import Lexicon
from model_zoo.solver import ImageError, Prediction

CAPTCHA = sorted((Path(__file__).parents[2] / "examples" / "captchas").glob("*.png"))[0]
SURE = Prediction("ab", 0.9, (Candidate("ab", 0.9), Candidate("ac", 0.05)), None, True, 1.0)

FIGURES = [(1.0, "1.0000"), (0.41873, "0.4187"), (0.00023, "0.00023"), (2.34e-24, "2.3e-24"), (0.0, "0")]


@pytest.mark.parametrize(("probability", "shown"), FIGURES)
def test_a_probability_keeps_its_digits(probability: float, shown: str) -> None:
    assert figure(probability) == shown


LINES = [
    pytest.param(SURE, "exact", ["ab\t0.9000", "ac\t0.0500"], id="nothing to say"),
    pytest.param(
        replace(SURE, proven=False), "exact", ["ab\t0.9000\t(not proven)", "ac\t0.0500"], id="not proven"
    ),
    pytest.param(
        replace(SURE, proven=False), "beam", ["ab\t0.9000", "ac\t0.0500"], id="a decoder that proves nothing"
    ),
    pytest.param(
        replace(SURE, proven=False, allowed_mass=2.3e-23),
        "exact",
        ["ab\t0.9000\t(not proven; the model gives all allowed texts 2e-23 together)", "ac\t0.0500"],
        id="hardly any mass",
    ),
    pytest.param(
        replace(SURE, probability_high=0.905), "exact", ["ab\t0.9000", "ac\t0.0500"], id="a narrow interval"
    ),
    pytest.param(
        replace(SURE, probability_high=1.0, allowed_mass=2e-5),
        "exact",
        [
            "ab\t0.9000 to 1.0000\t(the model gives all allowed texts at least 2e-05 together)",
            "ac\tat least 0.0500",
        ],
        id="a wide interval",
    ),
    pytest.param(Prediction(None, None, (), ImageError("empty_file", "")), "exact", [], id="no answer"),
]


@pytest.mark.parametrize(("prediction", "decoder", "lines"), LINES)
def test_an_answers_line_says_what_speaks_against_it(
    prediction: Prediction, decoder: str, lines: list[str]
) -> None:
    said = answer_lines(Path("a.png"), prediction, decoder)

    assert list(said) == [f"a.png\t{line}" for line in lines]


def test_an_answer_that_the_model_does_not_believe_in_is_remarked_on() -> None:
    result = CliRunner().invoke(main, ["solve", str(CAPTCHA), "--length", "1"])

    *_, remark = result.stdout.rstrip("\n").split("\t")
    assert remark.startswith("(the model gives all allowed texts ")
    assert float(remark.removeprefix("(the model gives all allowed texts ").split()[0]) < 1e-3


RULED_OUT = [
    (Constraints(), 1, "the model has no a"),
    (parse_constraints(pattern="DDLLL"), 3, "two of another form"),
    (parse_constraints(lexicon=Lexicon.from_words(["bcdef"])), 3, "two that are no words"),
]


@pytest.mark.parametrize(
    ("constraints", "count", "reason"), RULED_OUT, ids=[reason for *_, reason in RULED_OUT]
)
def test_labels_that_can_be_no_answer_are_counted(constraints: Constraints, count: int, reason: str) -> None:
    card = find_card("crnn-small").card
    labels = {"D": ["23bcd", "bcdef", "23", "23bca"], "w": ["bcdef", "bcde", "bcdex", "abcde"]}

    assert ruled_out(labels["w" if constraints.lexicon else "D"], constraints, card) == count
