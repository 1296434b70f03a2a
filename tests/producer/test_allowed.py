"""Labels that a job's constraints made impossible: known text by text, counted, and said in a note."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.language import compile_language
from model_zoo.lexicon import Lexicon
from producer.accuracy import measure
from producer.allowed import Allowed, AllowedTexts, Rule
from producer.figures import AccuracyReport
from producer.images import FoundImage
from producer.labels import StemLabels, parse_labels_option
from producer.manifest import LexiconFile, Request, append_line, write_manifest
from producer.report import to_json
from producer.results import Journal, ResultLine
from producer.run_folder import RunFolder
from producer.summary import summarise
from worker.contract import JobOptions

CHARSET, T = "ab12", 12
TEXTS = ["", "a", "ab", "aab", "ab1", "ab12", "ba", "11", "aaaa", "xa"]


def allowed(texts: ConstraintTexts, words: Lexicon | None = None) -> AllowedTexts:
    return AllowedTexts(compile_language(texts.parse(words), CHARSET, T))


CASES = [
    (ConstraintTexts(length="2-3"), {"ab", "aab", "ab1", "ba", "11"}, "lengths"),
    (ConstraintTexts(pattern="LD"), set(), "no letter before a digit"),
    (ConstraintTexts(pattern="LL"), {"ab", "ba"}, "letters"),
    (ConstraintTexts(regex="a*b?"), {"a", "ab", "aab", "aaaa"}, "an expression"),
    (ConstraintTexts(charset="a", length="1-9"), {"a", "aaaa"}, "characters and lengths"),
]


@pytest.mark.parametrize(("texts", "expected", "reason"), CASES, ids=[reason for *_, reason in CASES])
def test_a_text_is_allowed_or_not(texts: ConstraintTexts, expected: set[str], reason: str) -> None:
    found = allowed(texts)

    assert {text for text in TEXTS if text in found} - {""} == expected


@settings(deadline=None)
@given(text=st.text(alphabet="ab12x", max_size=6))
def test_an_expression_allows_what_python_matches(text: str) -> None:
    found = allowed(ConstraintTexts(regex="(a|b1)*[12]?"))

    assert (text in found) == (re.fullmatch("(a|b1)*[12]?", text) is not None)


def test_of_a_lexicon_the_words_alone_are_allowed() -> None:
    found = allowed(ConstraintTexts(), Lexicon.from_words(["ab", "ba1", "xa"]))

    assert [text for text in ("ab", "ba1", "ba", "xa") if text in found] == ["ab", "ba1"]


def measured(*names: str, ignore_case: bool = False) -> AccuracyReport:
    lines = [ResultLine(n, f"{name}.png", "a", 0.5) for n, name in enumerate(names)]
    limits = Allowed("ab1", texts=allowed(ConstraintTexts(length="2")), rules=(Rule("--length"),))
    return measure(lines, StemLabels(), charset=CHARSET, allowed=limits, ignore_case=ignore_case)


def test_labels_that_are_ruled_out_are_counted_once_and_noted() -> None:
    report = measured("ab", "abb", "a", "x", "a2")

    assert (report.ruled_out, report.outside_charset) == (2, 2)
    assert (
        "2 of 5 labels are ruled out by --length; if the file names are no labels, use --labels none; "
        "if they are, allow them"
    ) in report.notes


def test_one_label_is_one() -> None:
    assert measured("ab", "abb").notes[0].startswith("1 of 2 labels is ruled out by --length")


def test_without_case_a_label_stands_for_many_texts() -> None:
    assert measured("abb", ignore_case=True).ruled_out == 0


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A finished job with a lexicon of `ab`, over images `ab` and `ba`."""
    folder = RunFolder(tmp_path)
    words = Lexicon.from_words(["ab"])
    folder.lexicon.write_text("ab\n")
    options = JobOptions(lexicon=words.digest)
    request = Request("the-job", str(tmp_path), None, options, lexicon=LexiconFile("/words.txt", 1))
    list(write_manifest(folder.manifest, request, [FoundImage("ab.png", 1), FoundImage("ba.png", 1)]))
    card = {"charset": CHARSET, "time_steps": T}
    append_line(folder.manifest, "model", name="m", fingerprint="f" * 16, card=card)
    with Journal(folder.results) as journal:
        journal.append([ResultLine(0, "ab.png", "ab", 0.5), ResultLine(1, "ba.png", "ab", 0.5)])
    return folder


def test_a_report_holds_labels_against_the_jobs_words(run: RunFolder) -> None:
    summary = summarise(run, parse_labels_option("stem"))

    assert to_json(summary)["labels_ruled_out"] == 1
    assert summary.notes[0].startswith("1 of 2 labels is ruled out by --lexicon; ")


@pytest.mark.parametrize("copy", [None, "other\n"], ids=["gone", "changed"])
def test_without_the_words_nobody_knows(copy: str | None, run: RunFolder) -> None:
    run.lexicon.unlink()
    if copy is not None:
        run.lexicon.write_text(copy)

    summary = summarise(run, parse_labels_option("stem"))

    assert to_json(summary)["labels_ruled_out"] is None
    assert summary.notes[0] == (
        "the words of this job (lexicon.txt in its run folder) are missing or are not those it was sent "
        "with, so labels ruled out by --lexicon are not counted"
    )
    assert not [note for note in summarise(run, parse_labels_option("none")).notes if "lexicon" in note]


def test_words_that_are_lost_leave_no_label_counted_by_the_other_constraints_either() -> None:
    rules = (Rule("the card's length"), Rule("--lexicon"))
    lost = [Allowed(rules=rules, has_lost_words=True), Allowed(has_lost_words=True)]
    lines = [ResultLine(0, "ab.png", "ab", 0.5)]

    several, unnamed = (measure(lines, StemLabels(), charset=CHARSET, allowed=allowed) for allowed in lost)

    assert several.ruled_out is None
    assert several.notes[0].endswith("so labels ruled out by the card's length and --lexicon are not counted")
    assert unnamed.notes[0].endswith("so labels ruled out by --lexicon are not counted")


GUILTY = [
    (["ab", "aa"], "1 of 2 labels is ruled out by --regex", "one of three"),
    (["ab", "1b"], "1 of 2 labels is ruled out by the card's pattern", "the card's"),
    (["ab", "aa", "1b"], "2 of 3 labels are ruled out by the card's pattern and --regex", "two"),
]


@pytest.mark.parametrize(("names", "note", "reason"), GUILTY, ids=[reason for *_, reason in GUILTY])
def test_only_the_constraints_that_rule_a_label_out_are_named(
    names: list[str], note: str, reason: str, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    request = Request("the-job", str(tmp_path), None, JobOptions(regex="[ab12]b"))
    files = [f"{name}.png" for name in names]
    list(write_manifest(folder.manifest, request, [FoundImage(file, 1) for file in files]))
    card = {"charset": CHARSET, "time_steps": T, "constraints": {"pattern": "LL", "length": "1-5"}}
    append_line(folder.manifest, "model", name="m", fingerprint="f" * 16, card=card)
    with Journal(folder.results) as journal:
        journal.append([ResultLine(n, file, "ab", 0.5) for n, file in enumerate(files)])

    notes = summarise(folder, parse_labels_option("stem")).notes

    assert notes[0].startswith(f"{note}; if the file names")


def test_rules_that_only_together_rule_a_label_out_are_all_named() -> None:
    class Nothing:
        def __contains__(self, text: object) -> bool:
            return False

    rules = (Rule("--length", {"ab"}), Rule("--regex", {"ab"}))
    report = measure(
        [ResultLine(0, "ab.png", "a", 0.5)],
        StemLabels(),
        charset=CHARSET,
        allowed=Allowed(texts=Nothing(), rules=rules),
    )

    assert report.notes[0].startswith("1 of 1 labels is ruled out by --length and --regex; ")
