"""A worker and the lexicon of a job: fetched once, kept for a while, and never another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from model_zoo.constraints import Constraints
from model_zoo.language import compile_language
from model_zoo.lexicon import Lexicon
from worker import tasks
from worker.contract import (
    Answer,
    Batch,
    BatchResult,
    ImageItem,
    JobOptions,
    Task,
    encode,
    encode_blob,
    encode_lexicon,
    task_arguments,
)
from worker.settings import Settings
from worker.solving import LexiconMissing, Lexicons, job_constraints
from worker.store import StartedBatch

LEXICONS = {f"job-{n}": Lexicon.from_words([f"word{n}", "cat"]) for n in range(3)}


@dataclass
class Shelf:
    """The lexicons as Redis holds them, and who asked for which."""

    stored: dict[str, bytes] = field(
        default_factory=lambda: {job: encode_lexicon(it.text()) for job, it in LEXICONS.items()}
    )
    asked: list[str] = field(default_factory=list)

    def fetch(self, job_id: str) -> bytes | None:
        self.asked.append(job_id)
        return self.stored.get(job_id)


def get(lexicons: Lexicons, number: int, job: str | None = None) -> Lexicon:
    """The lexicon of that number, for its own job or another one."""
    return lexicons.get(job or f"job-{number}", LEXICONS[f"job-{number}"].digest)


def test_a_lexicon_is_fetched_once_for_all_batches_and_jobs_that_name_it() -> None:
    shelf = Shelf()
    lexicons = Lexicons(shelf.fetch)

    found = [get(lexicons, 1), get(lexicons, 1), get(lexicons, 1, "job-9")]

    assert shelf.asked == ["job-1"]
    assert all(it is found[0] for it in found)
    assert found[0].words == ("cat", "word1")


def test_the_last_two_lexicons_are_kept() -> None:
    shelf = Shelf()
    lexicons = Lexicons(shelf.fetch)

    for number in (0, 1, 0, 2, 0, 1):
        get(lexicons, number)

    assert shelf.asked == ["job-0", "job-1", "job-2", "job-1"], "1 had to go, 0 was used in between"


def test_what_was_compiled_from_a_lexicon_goes_with_it() -> None:
    lexicons = Lexicons(Shelf().fetch)
    compile_language.cache_clear()
    sizes = []
    for number in range(4):
        constraints = Constraints(lexicon=get(lexicons, number % 3))
        compile_language(constraints, "acdortw012", 12)
        sizes.append(compile_language.cache_info().currsize)

    assert sizes == [1, 2, 1, 1]


MISSING = [
    (None, "the lexicon is not there", "gone"),
    (b"cat", "the lexicon is damaged: Error -3 while decompressing data: incorrect header check", "damaged"),
    (
        encode_lexicon("dog"),
        f"the lexicon has sha256 {Lexicon.from_words(['dog']).digest}, "
        f"the job's options name {LEXICONS['job-0'].digest}",
        "another one",
    ),
]


@pytest.mark.parametrize(("stored", "message", "reason"), MISSING, ids=[reason for *_, reason in MISSING])
def test_a_lexicon_that_is_not_whole_is_missing_until_it_is(
    stored: bytes | None, message: str, reason: str
) -> None:
    shelf = Shelf()
    right = shelf.stored.pop("job-0")
    if stored is not None:
        shelf.stored["job-0"] = stored
    lexicons = Lexicons(shelf.fetch)

    with pytest.raises(LexiconMissing) as caught:
        get(lexicons, 0)
    assert str(caught.value) == message

    shelf.stored["job-0"] = right
    assert get(lexicons, 0) == LEXICONS["job-0"]


def test_constraints_hold_the_words_of_the_jobs_lexicon() -> None:
    lexicon = LEXICONS["job-0"]
    options = JobOptions(length="3", lexicon=lexicon.digest)

    constraints = job_constraints("job-0", options, Lexicons(Shelf().fetch))

    assert constraints == Constraints(None, 3, 3, None, None, lexicon)
    assert constraints.lexicon is not None
    assert constraints.lexicon.words == ("cat", "word0")


BATCH = Batch("job-0:0-0", "job-0", (ImageItem(0, b"one"),))
OPTIONS = JobOptions(lexicon=LEXICONS["job-0"].digest)
TASK = Task("job-0", BATCH.id, 2, OPTIONS.digest())


@dataclass
class FakeStore:
    """A batch that is begun, and what became of it."""

    done: list[Any] = field(default_factory=list)

    def begin(self, task: Task) -> StartedBatch:
        return StartedBatch(1, False, encode(OPTIONS).encode(), encode_blob(BATCH))

    def unbegin(self, task: Task) -> None:
        self.done.append("taken back")

    def commit(self, job_id: str, result: BatchResult) -> bool:
        self.done.append(result)
        return True

    def report_missing(self, job_id: str, result: BatchResult) -> None:
        self.done.append(result)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A child whose solver answers with the words that it was allowed."""
    shelf = Shelf()

    def solve_batch(batch: Batch, options: JobOptions, constraints: Constraints, *_: object) -> Sequence[Any]:
        assert constraints.lexicon is not None
        return (Answer(0, "+".join(constraints.lexicon.words), 0.5),)

    monkeypatch.setattr(tasks, "solve_batch", solve_batch)
    for name, value in {
        "store": FakeStore(),
        "solver": object(),
        "lexicons": Lexicons(shelf.fetch),
        "settings": Settings(),
        "name": "cpu-1@here",
    }.items():
        monkeypatch.setattr(tasks._Child, name, value, raising=False)
    return shelf


def done() -> list[Any]:
    """What the task did, run once."""
    tasks.solve(**task_arguments(TASK))
    store: Any = tasks._Child.store
    return store.done  # type: ignore[no-any-return]


def test_a_batch_is_read_with_the_jobs_words(shelf: Shelf) -> None:
    assert done() == [BatchResult(BATCH.id, 2, "cpu-1@here", (Answer(0, "cat+word0", 0.5),))]


def test_a_batch_without_its_lexicon_is_reported_missing_and_its_start_not_counted(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    del shelf.stored["job-0"]

    missing = BatchResult(BATCH.id, 2, "cpu-1@here", status="missing", reason="the lexicon is not there")
    assert done() == ["taken back", missing]
    assert caplog.messages == ["batch job-0:0-0 cannot be read yet: the lexicon is not there"]
