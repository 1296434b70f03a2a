"""Each figure of a report against an answer worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from model_zoo.figures import Confusion, Share
from producer import accuracy as accuracy_module
from producer.accuracy import measure
from producer.allowed import Allowed
from producer.figures import CharacterRow, LengthRow
from producer.labels import CsvLabels, LabelSource, NoLabels, StemLabels
from producer.results import ResultLine
from worker.contract import AnswerError, Candidate

BROKEN = AnswerError("truncated", "the image ends before its data does")
EMPTY = AnswerError("empty_file", "the file has no bytes")


def line(number: int, label: str, text: str | None, probability: float | None = None) -> ResultLine:
    """An answer to the image LABEL_NUMBER.png; no text means an error."""
    error = BROKEN if text is None else None
    return ResultLine(number, f"{label}_{number}.png", text, probability, error=error, worker="w", attempt=1)


# Labels abcd, abcd, abcd, xyz: right, one replaced, one left out, one error. 15 characters in all.
LINES = [
    line(0, "abcd", "abcd", 0.75),
    line(1, "abcd", "abed", 0.5),
    line(2, "abcd", "bcd", 0.25),
    line(3, "xyz", None),
]


def test_exact_match_counts_every_label_and_an_error_as_wrong() -> None:
    report = measure(LINES, StemLabels())

    assert (report.images, report.answered, report.errors) == (4, 3, {"truncated": 1})
    assert report.exact_match == Share(right=1, n=4)
    assert report.answered_exact_match == Share(right=1, n=3)
    assert report.exact_match.value == 0.25


def test_character_accuracy_compares_position_by_position() -> None:
    report = measure(LINES, StemLabels())

    # abcd: 4, abed: 3, "bcd" has none of abcd in its place, the error none of 3.
    assert (report.characters_right, report.label_characters) == (7, 15)
    assert report.character_accuracy == 7 / 15


def test_character_error_rate_counts_an_error_as_all_characters_deleted() -> None:
    report = measure(LINES, StemLabels())

    assert report.edits == 0 + 1 + 1 + 3
    assert report.character_error_rate == 5 / 15


def test_confusions_are_the_edits_of_answered_images() -> None:
    report = measure([*LINES, line(4, "abcd", "abced"), line(5, "abcd", "abed")], StemLabels())

    assert report.confusions_total == 4
    assert report.confusions == (
        Confusion("replaced", "c", "e", count=2, occurrences=5),
        Confusion("deleted", "a", "", count=1, occurrences=5),
        Confusion("inserted", "", "e", count=1, occurrences=0),
    )


def test_exact_match_stands_by_length_of_the_label() -> None:
    report = measure([*LINES, line(4, "xyz", "xyz"), line(5, "q", "qq")], StemLabels())

    assert report.by_length == (
        LengthRow(1, Share(0, 1)),
        LengthRow(3, Share(1, 2)),
        LengthRow(4, Share(1, 3)),
    )


def test_accuracy_stands_by_character_the_most_often_missed_first() -> None:
    report = measure(LINES, StemLabels())

    assert report.by_character == (
        CharacterRow("c", Share(1, 3)),
        CharacterRow("x", Share(0, 1)),
        CharacterRow("y", Share(0, 1)),
        CharacterRow("z", Share(0, 1)),
        CharacterRow("a", Share(2, 3)),
        CharacterRow("b", Share(2, 3)),
        CharacterRow("d", Share(2, 3)),
    )


def test_probabilities_of_right_and_wrong_answers_are_averaged_apart() -> None:
    report = measure([*LINES, line(4, "abcd", "abcd", 0.25), line(5, "abcd", "abcd", None)], StemLabels())

    assert report.mean_probability_right == 0.5
    assert report.mean_probability_wrong == 0.375


def test_a_probability_that_is_no_number_spoils_no_mean() -> None:
    report = measure([*LINES, line(4, "abcd", "abcd", math.nan), line(5, "ab", "a", math.inf)], StemLabels())

    assert (report.mean_probability_right, report.mean_probability_wrong) == (0.75, 0.375)
    assert report.wrong[-1].probability is None


CASES = [
    ("AbC", "abc", False, 0, "exact by default"),
    ("AbC", "abc", True, 1, "case ignored"),
    ("STRASSE", "straße", True, 1, "casefold, not lower"),
    ("cafe\u0301", "caf\u00e9", False, 1, "a label from macOS"),
    ("caf\u00e9", "cafe\u0301", False, 0, "an answer stays as it is"),
    ("abc", "abc ", True, 0, "a space is a character"),
    ("a\udce9", "a\udce9", False, 1, "a byte that is no UTF-8"),
]


@pytest.mark.parametrize(
    ("label", "text", "ignore_case", "right", "reason"), CASES, ids=[reason for *_, reason in CASES]
)
def test_texts_are_compared_exactly_unless_case_is_ignored(
    label: str, text: str, ignore_case: bool, right: int, reason: str
) -> None:
    report = measure([line(0, label, text)], StemLabels(), ignore_case=ignore_case)

    assert report.exact_match == Share(right, 1)
    assert report.ignore_case is ignore_case


def test_ignoring_case_holds_for_every_figure() -> None:
    lines = [line(0, "ABCD", "abed")]
    report = measure(lines, StemLabels(), ignore_case=True, charset="ABCD")

    assert (report.characters_right, report.edits) == (3, 1)
    assert report.confusions == (Confusion("replaced", "c", "e", 1, 1),)
    assert report.outside_charset == 0
    assert (report.wrong[0].label, report.wrong[0].text) == ("ABCD", "abed")


def test_labels_beyond_the_charset_are_counted_and_noted() -> None:
    lines = [line(n, label, "abc") for n, label in enumerate(["abc", "abd", "xdx", "IMG 1"])]

    report = measure(lines, StemLabels(), charset="abc")

    assert report.outside_charset == 3
    assert report.outside_characters == ("d", " ", "1", "G", "I", "M", "x")
    assert report.notes[0] == (
        "3 of 4 labels use characters that this model cannot answer; "
        "if the file names are no labels, use --labels none; "
        "if they are, train a model on such images (model-zoo train)"
    )


def test_labels_beyond_what_the_job_allowed_are_told_apart_from_those_beyond_the_model() -> None:
    lines = [line(n, label, "a") for n, label in enumerate(["ab", "ac", "cc", "ad", "cd"])]

    report = measure(lines, StemLabels(), charset="abc", allowed=Allowed("ab"))

    assert (report.outside_charset, report.outside_characters) == (4, ("c", "d"))
    assert report.notes[:2] == (
        "2 of 5 labels use characters that this model cannot answer; "
        "if the file names are no labels, use --labels none; "
        "if they are, train a model on such images (model-zoo train)",
        "3 of 5 labels use characters that --charset leaves out; "
        "if the file names are no labels, use --labels none; if they are, give a wider --charset",
    )
    table = CsvLabels("labels.csv", {"c_0.png": "c"})
    (note, _) = measure([line(0, "c", "a")], table, charset="abc", allowed=Allowed("ab")).notes
    assert note == "1 of 1 labels uses characters that --charset leaves out; give a wider --charset"


def test_what_is_allowed_is_compared_without_case_if_labels_are() -> None:
    report = measure(
        [line(0, "AB", "ab")], StemLabels(), ignore_case=True, charset="abc", allowed=Allowed("aB")
    )

    assert report.outside_charset == 0


def test_the_advice_about_file_names_is_not_for_a_csv() -> None:
    labels = CsvLabels("labels.csv", {"q_0.png": "q"})

    report = measure([line(0, "q", "a")], labels, charset="abc")

    assert report.notes[0] == (
        "1 of 1 labels uses characters that this model cannot answer; "
        "train a model on such images (model-zoo train)"
    )
    assert measure([line(0, "q", "a")], labels).outside_charset is None


def test_few_labels_are_noted_and_a_hundred_are_not() -> None:
    few = measure([line(0, "abc", "abc")], StemLabels())
    enough = measure([line(n, "abc", "abc") for n in range(100)], StemLabels())

    assert few.notes == ("exact match rests on 1 label: trust its interval, not the figure alone",)
    assert enough.notes == ()


@dataclass(frozen=True)
class Unmeasured:
    """A job of which nothing can be measured."""

    lines: list[ResultLine]
    labels: LabelSource
    images: int
    answered: int
    errors: Mapping[str, int]


UNMEASURED = {
    "no images": Unmeasured([], StemLabels(), 0, 0, {}),
    "no labels": Unmeasured(LINES, NoLabels(), 4, 3, {"truncated": 1}),
    "no row that fits": Unmeasured(LINES, CsvLabels("x.csv", {"q.png": "q"}), 4, 3, {"truncated": 1}),
}


@pytest.mark.parametrize("case", UNMEASURED.values(), ids=UNMEASURED.keys())
def test_without_labels_nothing_is_measured(case: Unmeasured) -> None:
    report = measure(case.lines, case.labels, charset="abc")

    assert (report.images, report.answered, report.errors) == (case.images, case.answered, case.errors)
    assert report.exact_match is None
    assert report.answered_exact_match is None
    assert report.character_accuracy is None
    assert report.character_error_rate is None
    assert report.mean_probability_right is None
    assert (report.by_length, report.by_character, report.confusions, report.wrong) == ((), (), (), ())


def test_a_csv_of_which_no_row_fits_is_noted() -> None:
    report = measure(LINES, CsvLabels("x.csv", {"q.png": "q"}))

    assert report.notes == (
        "no row of x.csv names one of the 4 images (it names 'q.png', say), so nothing was measured; "
        "file names must be relative to the directory of the images; a header calls the columns file, "
        "filename, path or image, and label or text; without such a header they are the first two",
    )


def test_a_job_of_errors_only_is_all_wrong() -> None:
    lines = [line(0, "abc", None), line(1, "abc", None), ResultLine(2, "abc_2.png", error=EMPTY)]

    report = measure(lines, StemLabels())

    assert report.errors == {"truncated": 2, "empty_file": 1}
    assert report.exact_match == Share(0, 3)
    assert report.answered_exact_match is None
    assert (report.character_accuracy, report.character_error_rate) == (0.0, 1.0)
    assert (report.confusions, report.wrong_total) == ((), 0)


def test_an_error_outweighs_a_text_and_a_line_with_neither_is_an_error() -> None:
    lines = [ResultLine(0, "abc.png", "abc", error=BROKEN), ResultLine(1, "abc.png")]

    report = measure(lines, StemLabels())

    assert report.errors == {"truncated": 1, "worker_error": 1}
    assert report.exact_match == Share(0, 2)


def test_an_answer_much_longer_than_its_label_makes_the_error_rate_exceed_one() -> None:
    report = measure([line(0, "a", "bcd")], StemLabels())

    assert report.character_error_rate == 3.0


def test_an_empty_answer_is_an_answer() -> None:
    report = measure([line(0, "ab", "")], StemLabels())

    assert (report.answered, report.wrong_total, report.edits) == (1, 1, 2)


def test_the_most_confident_wrong_answers_are_kept_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accuracy_module, "MAX_WRONG_KEPT", 3)
    likely = [0.2, 0.9, None, 0.5, 0.9, 0.1]
    lines = [line(n, "abc", "abd", p) for n, p in enumerate(likely)]

    report = measure(lines, StemLabels())

    assert [wrong.id for wrong in report.wrong] == [1, 4, 3]
    assert report.wrong_total == 6


def test_a_wrong_answer_carries_what_a_reader_wants_to_see() -> None:
    n_best = (Candidate("abd", 0.6), Candidate("abc", 0.3))
    lines = [ResultLine(7, "x/abc.png", "abd", 0.6, n_best, worker="w", attempt=2)]

    (wrong,) = measure(lines, StemLabels()).wrong

    assert (wrong.id, wrong.file, wrong.label, wrong.text) == (7, "x/abc.png", "abc", "abd")
    assert (wrong.probability, wrong.n_best) == (0.6, n_best)
