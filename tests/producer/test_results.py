"""The journal: what is in it counts as answered, what is half in it never was."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.errors import UsageError
from producer.results import Journal, ResultLine, decode_line, encode_line, line_of, read_results
from worker.contract import Answer, AnswerError, Candidate, lean

DOCS = Path(__file__).parents[2] / "docs" / "report.md"
FIRST = ResultLine(0, "a.png", "2b827", 0.75, (Candidate("2b827", 0.75),), None, "cpu-1@here", 2)
SECOND = ResultLine(1, "caf\udce9\n.png", error=AnswerError("empty_file", "the file has no bytes"))

TEXTS = st.text(max_size=6)
LINES = st.builds(
    ResultLine,
    st.integers(0, 10**9),
    TEXTS | st.just("caf\udce9"),
    st.none() | TEXTS,
    st.none() | st.floats(0, 1),
    st.lists(st.builds(Candidate, TEXTS, st.floats(0, 1)), max_size=2).map(tuple),
    st.none() | st.builds(AnswerError, TEXTS, TEXTS),
    st.none() | TEXTS,
    st.integers(0, 9),
    st.none() | st.booleans(),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 1),
    st.none() | st.booleans(),
    st.none() | st.just(True),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.jsonl"


@settings(deadline=None)
@given(line=LINES)
def test_a_line_survives_the_file(line: ResultLine) -> None:
    text = encode_line(line)

    assert text.isascii()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert decode_line(json.loads(text)) == line


@settings(deadline=None)
@given(line=LINES)
def test_a_line_is_written_as_its_fields_are(line: ResultLine) -> None:
    plain = asdict(line, dict_factory=lean)
    if line.unsure is None:
        del plain["unsure"]

    assert encode_line(line) == json.dumps(plain) + "\n"


def test_a_line_has_the_fields_that_are_promised() -> None:
    assert json.loads(encode_line(FIRST)) == {
        "id": 0,
        "file": "a.png",
        "text": "2b827",
        "probability": 0.75,
        "n_best": [{"text": "2b827", "probability": 0.75}],
        "error": None,
        "worker": "cpu-1@here",
        "attempt": 2,
    }
    assert json.loads(encode_line(SECOND))["error"] == {
        "code": "empty_file",
        "message": "the file has no bytes",
    }


def test_a_line_says_more_where_the_decoder_does() -> None:
    line = replace(FIRST, proven=True, allowed_mass=0.5, probability_high=0.875, seen=False)

    more = {"proven": True, "allowed_mass": 0.5, "probability_high": 0.875, "seen": False}
    assert json.loads(encode_line(line)) == {**json.loads(encode_line(FIRST)), **more}


def test_the_docs_explain_every_key_of_a_line_and_no_other() -> None:
    table = DOCS.read_text(encoding="utf-8").split("## results.jsonl")[1]
    documented = re.findall(r"^\| `([^`]+)` \| .+ \|$", table, flags=re.MULTILINE)

    assert documented == [field.name for field in fields(ResultLine)]


def test_an_answer_becomes_a_line() -> None:
    candidates = (Candidate("2b827", 0.75),)
    assert line_of(Answer(0, "2b827", 0.75, candidates), "a.png", "cpu-1@here", 2) == FIRST
    answer = Answer(0, "2b827", 0.75, candidates, None, True, 0.5, 0.875, True)
    full = line_of(answer, "a.png", "cpu-1@here", 2)
    assert full == replace(FIRST, proven=True, allowed_mass=0.5, probability_high=0.875, seen=True)


def test_what_is_appended_is_read_back_in_its_order(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.append([SECOND]) == [SECOND]
        assert journal.append([FIRST]) == [FIRST]

    assert list(read_results(path)) == [SECOND, FIRST]


def test_a_journal_knows_what_is_answered_also_after_it_was_closed(path: Path) -> None:
    with Journal(path) as journal:
        journal.append([FIRST, SECOND])

    with Journal(path) as journal:
        assert [journal.has(number) for number in range(4)] == [True, True, False, False]
        assert journal.n_answered == 2


def test_an_image_is_answered_once(path: Path) -> None:
    other = ResultLine(0, "a.png", "other", 0.5)
    with Journal(path) as journal:
        assert journal.append([FIRST, other]) == [FIRST]
        assert journal.append([other]) == []
        assert journal.append([other, SECOND]) == [SECOND]
        assert journal.append([]) == []
        assert journal.n_answered == 2

    assert list(read_results(path)) == [FIRST, SECOND]


def test_only_its_owner_may_read_it(path: Path) -> None:
    Journal(path).__exit__()

    assert path.stat().st_mode & 0o777 == 0o600


@settings(deadline=None)
@given(numbers=st.lists(st.integers(0, 5000), max_size=40))
def test_any_set_of_numbers_is_remembered(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int]
) -> None:
    with Journal(tmp_path_factory.mktemp("journal") / "results.jsonl") as journal:
        journal.append([ResultLine(number, "f") for number in numbers])

        assert {number for number in range(5010) if journal.has(number)} == set(numbers)
        assert journal.n_answered == len(set(numbers))


def test_an_image_costs_one_bit_of_memory(path: Path) -> None:
    with Journal(path) as journal:
        journal.append([ResultLine(7_999_999, "last.png")])

        assert len(journal._answered) == 1_000_000


def test_lines_without_an_answer_are_found_among_all(path: Path) -> None:
    misleading = [replace(FIRST, id=2, file='"error": null'), replace(SECOND, id=3, file='"error": null')]
    with Journal(path) as journal:
        journal.append([FIRST, SECOND, *misleading])

    assert list(read_results(path, failed_only=True)) == [SECOND, misleading[1]]


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_half_a_line_that_a_kill_left_gives_way(cut: int, path: Path) -> None:
    with Journal(path) as journal:
        journal.append([FIRST, SECOND])
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert list(read_results(path)) == [FIRST]

    with Journal(path) as journal:
        assert not journal.has(1)
        journal.append([SECOND])

    assert path.read_bytes() == whole


DAMAGED = [
    (b"hello\n", "Expecting value: line 1 column 1 (char 0)", "no JSON"),
    (b"5\n", "an answer is an object with an id from 0 on, got 5", "no object"),
    (b'{"file": "a.png"}\n', "an answer is an object with an id from 0 on, got {'file': 'a.png'}", "no id"),
    (b'{"id": 7}\n', "a line lacks 'file'", "no file"),
    (b'{"id": 7, "file": "a", "text": 5}\n', "an answer's text is 5, expected a string or null", "no text"),
    (
        b'{"id": 7, "file": "a", "error": {"code": "x"}}\n',
        "an answer does not fit: AnswerError.__init__() missing 1 required positional argument: 'message'",
        "half an error",
    ),
]


@pytest.mark.parametrize(("raw", "message", "reason"), DAMAGED, ids=[reason for *_, reason in DAMAGED])
def test_a_line_that_is_no_result_is_named_with_its_number(
    raw: bytes, message: str, reason: str, path: Path
) -> None:
    path.write_bytes(encode_line(FIRST).encode() + raw)

    with pytest.raises(UsageError) as caught:
        list(read_results(path))
    assert str(caught.value) == f"{path}, line 2 is not a result: {message}"
    with pytest.raises(UsageError):
        Journal(path)


def test_a_journal_that_is_not_there_is_refused_to_readers(path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        list(read_results(path))
    assert str(caught.value) == (
        f"{path} cannot be read: No such file or directory; name a run folder of `submit`"
    )
