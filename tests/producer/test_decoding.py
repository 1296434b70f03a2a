"""What a report says of the decoder: proofs, the mass of what is allowed, and the doubt that it raises."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from model_zoo.words import DroppedWords
from producer.accuracy import measure
from producer.decoding import DecodingFacts, DecodingTally, HeldConstraint, LexiconFacts
from producer.labels import NoLabels
from producer.report import ModelFacts, RunSummary, to_json, wording
from producer.results import ResultLine
from worker.contract import AnswerError, JobOptions

LENGTH, PATTERN = HeldConstraint("length", "5"), HeldConstraint("pattern", "LLDDD")
CARDS = HeldConstraint("charset", "abc", from_card=True)
PROVEN = "the most probable allowed text to the model, which may still be wrong"


def facts_of(lines: list[ResultLine], *constraints: HeldConstraint) -> DecodingFacts:
    tally = DecodingTally()
    for line in lines:
        tally.add(line)
    return tally.facts(constraints, None)


def lines_with(*masses: float | None, proven: bool | None = True) -> list[ResultLine]:
    """Answers whose allowed texts have these masses."""
    return [
        ResultLine(n, f"{n}.png", "a", 0.5, proven=proven, allowed_mass=mass) for n, mass in enumerate(masses)
    ]


def test_proofs_and_masses_are_counted_over_the_answers() -> None:
    lines = [
        *lines_with(1.0, 0.5, 0.0009),
        *lines_with(0.25, proven=False),
        *lines_with(None, proven=None),
        ResultLine(9, "9.png", error=AnswerError("corrupt", "it cannot be decoded")),
    ]

    facts = facts_of(lines, LENGTH)

    assert (facts.proven, facts.unproven) == (3, 1)
    assert (facts.massed, facts.scant) == (4, 1)
    assert facts.mean_allowed_mass == pytest.approx(1.7509 / 4)


def test_no_figure_depends_on_the_order_of_the_lines() -> None:
    lines = lines_with(*[random.Random(number).random() for number in range(100)])
    shuffled = random.Random(0).sample(lines, len(lines))

    assert facts_of(shuffled) == facts_of(lines)


@pytest.mark.parametrize("mass", [math.nan, math.inf])
def test_what_json_takes_for_a_number_spoils_no_mean(mass: float) -> None:
    assert facts_of(lines_with(mass, 0.5)).mean_allowed_mass == 0.5


def test_a_journal_of_before_says_nothing_of_the_decoder() -> None:
    assert facts_of(lines_with(None, None, proven=None)) == DecodingFacts()


DOUBTS = [
    (3, (LENGTH,), None, "three of a hundred are images of another kind"),
    (
        4,
        (LENGTH,),
        "for 4 of 100 images the model gives the allowed texts together less than 0.1 %: is --length right?",
        "more than that are not",
    ),
    (
        40,
        (CARDS, LENGTH, PATTERN),
        "for 40 of 100 images the model gives the allowed texts together less than 0.1 %: "
        "are the card's charset, --length and --pattern right?",
        "all that may be wrong is named",
    ),
    (100, (), None, "nothing was constrained"),
]


@pytest.mark.parametrize(("scant", "held", "doubt", "reason"), DOUBTS, ids=[reason for *_, reason in DOUBTS])
def test_constraints_that_many_images_disagree_with_are_doubted(
    scant: int, held: tuple[HeldConstraint, ...], doubt: str | None, reason: str
) -> None:
    lines = lines_with(*[1e-4] * scant, *[0.9] * (100 - scant))

    assert facts_of(lines, *held).doubt == doubt


def summary_of(decoding: DecodingFacts, **options: Any) -> RunSummary:
    model = ModelFacts("m", "f", charset="abc")
    accuracy, asked = measure([], NoLabels()), JobOptions(**options)
    return RunSummary(accuracy, "job-1", "imgs", 0, model, asked, decoding=decoding, note=("first",))


WORDS = [
    (DroppedWords(), None, "every word can be answered"),
    (DroppedWords(excluded=5), None, "the user's own constraints left them out"),
    (
        DroppedWords(unreadable=1200),
        "this model cannot answer 1,200 of 5,000 words of the lexicon: 1,200 for characters that it lacks",
        "characters",
    ),
    (
        DroppedWords(unreadable=2, excluded=9, too_long=3),
        "this model cannot answer 5 of 5,000 words of the lexicon: "
        "2 for characters that it lacks, 3 for their length",
        "characters and lengths",
    ),
]


@pytest.mark.parametrize(("dropped", "note", "reason"), WORDS, ids=[reason for *_, reason in WORDS])
def test_words_that_the_model_cannot_answer_are_noted(
    dropped: DroppedWords, note: str | None, reason: str
) -> None:
    lexicon = LexiconFacts("/words.txt", 5000, dropped)

    assert summary_of(DecodingFacts(lexicon=lexicon)).notes == ("first", *([note] if note else []))


def facts(summary: RunSummary) -> dict[str, str]:
    return {fact.name: fact.value for fact in wording.run_facts(summary)}


def test_a_job_that_was_proven_says_so_in_one_line() -> None:
    told = facts(summary_of(DecodingFacts(proven=884, massed=884, mean_allowed_mass=1.0)))

    assert told["Decoding"] == "exact, 1 best; any text of the model's characters"
    assert told["Proven"] == f"884 of 884 answers are {PROVEN}"
    assert "Allowed mass" not in told, "everything is allowed"


def test_what_was_not_proven_is_counted() -> None:
    told = facts(summary_of(DecodingFacts((CARDS, PATTERN), None, 1, 3, 4, 0, 0.99999)))

    assert told["Decoding"] == "exact, 1 best; charset abc (the model's card), pattern LLDDD"
    assert told["Proven"] == f"1 of 4 answers is certainly {PROVEN}"
    assert told["Allowed mass"] == "the model gives the allowed texts 99.999 % on average"


def test_where_nothing_was_proven_that_is_told_too() -> None:
    told = facts(summary_of(DecodingFacts(unproven=7)))

    assert told["Proven"] == f"0 of 7 answers are certainly {PROVEN}"


UNPROVEN = [
    (3, (), None, "three of a hundred are odd images"),
    (4, (), "4 of 100 answers are not proven: {}", "more than that are not"),
    (100, (LENGTH,), "100 of 100 answers are not proven: {}, and whether --length leaves {}", "a constraint"),
    (
        4,
        (CARDS, LENGTH),
        "4 of 100 answers are not proven: {}, and whether the card's charset and --length leave {}",
        "constraints",
    ),
]


@pytest.mark.parametrize(
    ("unproven", "held", "note", "reason"), UNPROVEN, ids=[reason for *_, reason in UNPROVEN]
)
def test_many_answers_that_are_not_proven_are_noted(
    unproven: int, held: tuple[HeldConstraint, ...], note: str | None, reason: str
) -> None:
    decoding = DecodingFacts(held, proven=100 - unproven, unproven=unproven)
    alike = (
        "another allowed text may be more probable to the model; "
        "look whether the images are like those that it was trained on"
    )

    told = [] if note is None else [note.format(alike, "room for what they show")]
    summary = summary_of(decoding)
    assert list(summary.notes) == to_json(summary)["notes"] == ["first", *told]
    assert summary_of(decoding, decoder="beam").notes == ("first",), "a beam proves nothing"


MEANS = [
    (0.0, "< 0.1 %", "so little that no float holds it"),
    (1e-200, "< 0.1 %", "little"),
    (0.0004, "< 0.1 %", "less than shown"),
    (0.0015, "0.1 %", "scarcely more"),
]


@pytest.mark.parametrize(("mass", "shown", "reason"), MEANS, ids=[reason for *_, reason in MEANS])
def test_a_mean_mass_of_next_to_nothing_is_not_nothing(mass: float, shown: str, reason: str) -> None:
    summary = summary_of(facts_of(lines_with(mass, mass, mass), LENGTH))

    assert facts(summary)["Allowed mass"] == f"the model gives the allowed texts {shown} on average"
    assert to_json(summary)["decoding"]["allowed_mass"]["mean"] == mass


@pytest.mark.parametrize(
    ("decoder", "told"),
    [
        ("greedy", "greedy, 1 best; any text of the model's characters"),
        ("beam", "beam, width 10, 1 best; any text of the model's characters"),
        ("alignment-beam", "alignment-beam, width 10, 1 best; any text of the model's characters"),
    ],
)
def test_other_decoders_prove_nothing_and_claim_nothing(decoder: str, told: str) -> None:
    said = facts(summary_of(DecodingFacts(unproven=7), decoder=decoder))

    assert said["Decoding"] == told
    assert "Proven" not in said


def test_report_json_tells_what_held_and_from_where() -> None:
    lexicon = LexiconFacts("/words.txt", 5000, DroppedWords(unreadable=2))
    words = HeldConstraint("lexicon", "/words.txt")

    report = to_json(summary_of(DecodingFacts((CARDS, words), lexicon, 3, 1, 4, 2, 0.5)))

    assert report["decoding"] == {
        "decoder": "exact",
        "ignore_case": False,
        "constraints": [
            {"kind": "charset", "text": "abc", "from_card": True},
            {"kind": "lexicon", "text": "/words.txt", "from_card": False},
        ],
        "lexicon": {
            "file": "/words.txt",
            "words": 5000,
            "dropped": {"unreadable": 2, "excluded": 0, "too_long": 0},
        },
        "proven": 3,
        "unproven": 1,
        "allowed_mass": {"mean": 0.5, "scant": 2, "n": 4},
    }
