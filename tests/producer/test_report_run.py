"""The summary of a run folder: whom it credits with answers, and what its options left no answer for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_zoo.words import DroppedWords
from producer.decoding import DecodingFacts, HeldConstraint, LexiconFacts
from producer.errors import UsageError
from producer.images import FoundImage
from producer.labels import StemLabels
from producer.manifest import LexiconFile, Request, append_line, write_manifest
from producer.results import Journal, ResultLine
from producer.run_folder import RunFolder
from producer.summary import summarise
from worker.contract import AnswerError, JobOptions

BROKEN = AnswerError("truncated", "the image ends before its data does")
LINES = [
    ResultLine(0, "abba.png", "abba", 0.9, worker="a", attempt=1),
    ResultLine(1, "abca.png", "abba", 0.8, worker="a", attempt=1),
    ResultLine(2, "adda.png", error=BROKEN, worker="a", attempt=1),
    ResultLine(3, "bbbb.png", error=BROKEN, worker="b", attempt=1),
    ResultLine(4, "bb.png", "", 0.5, worker="c", attempt=1),
    ResultLine(5, "b.png", error=AnswerError("empty_file", "the file has no bytes")),
]


def run_folder(tmp_path: Path, options: JobOptions, **more: Any) -> RunFolder:
    """A finished job over `LINES`, read by a model that knows a, b and c."""
    folder = RunFolder(tmp_path)
    model = {"name": "crnn", "fingerprint": "f" * 16, "card": {"charset": "abc", **more.pop("card", {})}}
    dropped = more.pop("dropped", {})
    request = Request("the-job", str(tmp_path / "imgs"), None, options, **more)
    list(write_manifest(folder.manifest, request, [FoundImage(line.file, 10) for line in LINES]))
    append_line(folder.manifest, "model", **model, **dropped)
    with Journal(folder.results) as journal:
        journal.append(LINES)
    return folder


def test_a_worker_answered_what_has_a_text_and_is_named_even_without_any(tmp_path: Path) -> None:
    summary = summarise(run_folder(tmp_path, JobOptions()), StemLabels())

    assert {worker.name: worker.answered for worker in summary.workers} == {"a": 2, "b": 0, "c": 1}
    assert summary.answered == 3


def test_labels_are_held_against_what_model_and_charset_allow_together(tmp_path: Path) -> None:
    summary = summarise(run_folder(tmp_path, JobOptions(charset="xba")), StemLabels())

    assert (summary.accuracy.outside_charset, summary.accuracy.outside_characters) == (2, ("c", "d"))
    assert [note.split(";")[0] for note in summary.notes[:3]] == [
        "--charset allows x, which this model cannot answer",
        "1 of 6 labels uses characters that this model cannot answer",
        "1 of 6 labels uses characters that --charset leaves out",
    ]


def test_a_manifest_with_a_charset_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, JobOptions(charset=":digit:"))

    with pytest.raises(UsageError) as raised:
        summarise(folder, StemLabels())

    assert str(raised.value) == (
        "the manifest of job the-job cannot be used: charset class ':digit:' is unknown; "
        "known are :digits:, :lower:, :upper: (any other character stands for itself)"
    )


CARD = {"constraints": {"charset": "ab", "length": "4"}}


def test_the_constraints_of_the_card_hold_where_the_job_names_none(tmp_path: Path) -> None:
    summary = summarise(run_folder(tmp_path, JobOptions(length="2-4"), card=CARD), StemLabels())

    assert summary.options == JobOptions(length="2-4"), "as asked for"
    assert summary.decoding.constraints == (
        HeldConstraint("charset", "ab", from_card=True),
        HeldConstraint("length", "2-4"),
    )
    assert (
        "1 of 6 labels uses characters that the card's charset leaves out; if the file names "
        "are no labels, use --labels none; if they are, give a wider --charset"
    ) in summary.notes


def test_without_constraints_the_card_is_not_asked(tmp_path: Path) -> None:
    summary = summarise(run_folder(tmp_path, JobOptions(), card=CARD, unconstrained=True), StemLabels())

    assert summary.decoding == DecodingFacts()
    assert summary.unconstrained


def test_a_lexicon_is_told_with_the_words_that_were_left_out(tmp_path: Path) -> None:
    dropped = {"dropped_words": {"unreadable": 2, "excluded": 1, "too_long": 0}}
    options, words = JobOptions(lexicon="ab" * 32), LexiconFile("/words.txt", 7)

    summary = summarise(run_folder(tmp_path, options, lexicon=words, dropped=dropped), StemLabels())

    assert summary.decoding.constraints == (HeldConstraint("lexicon", "/words.txt"),)
    assert summary.decoding.lexicon == LexiconFacts("/words.txt", 7, DroppedWords(unreadable=2, excluded=1))
    assert summary.notes[0] == (
        "this model cannot answer 2 of 7 words of the lexicon: 2 for characters that it lacks"
    )
