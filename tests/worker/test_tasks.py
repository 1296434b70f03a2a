"""The one task, called as a function: begin, solve, commit, and every way in which that ends otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from celery.exceptions import Reject
from redis.exceptions import ConnectionError as RedisConnectionError

from model_zoo.constraints import Constraints
from model_zoo.errors import ConstraintError
from worker import tasks
from worker.contract import (
    Answer,
    AnswerError,
    Batch,
    BatchResult,
    ImageItem,
    JobOptions,
    Task,
    encode,
    encode_blob,
    task_arguments,
)
from worker.settings import Settings
from worker.solving import Lexicons
from worker.store import StartedBatch

BATCH = Batch("j:0-1", "j", (ImageItem(0, b"one"), ImageItem(1, b"two")))
ALONE = Batch("j:0-0", "j", (ImageItem(0, b"one"),))
OPTIONS = JobOptions(length="5")
TASK = Task("j", "j:0-1", 2, OPTIONS.digest())
ANSWERS = (Answer(0, "a", 0.5), Answer(1, "b", 0.25))
SOLVED = BatchResult("j:0-1", 2, "cpu-1@here", ANSWERS)


@dataclass
class FakeStore:
    """What the task finds in Redis, and what it leaves there."""

    started: StartedBatch
    absent: set[str] = field(default_factory=set)  # methods that find no Redis
    committed: list[BatchResult] = field(default_factory=list)
    missing: list[BatchResult] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    taken_back: list[str] = field(default_factory=list)  # starts

    def _reach(self, method: str) -> None:
        if method in self.absent:
            raise RedisConnectionError("Connection refused")

    def begin(self, task: Task) -> StartedBatch:
        self._reach("begin")
        return self.started

    def unbegin(self, task: Task) -> None:
        self._reach("unbegin")
        self.taken_back.append(task.batch_id)

    def commit(self, job_id: str, result: BatchResult) -> bool:
        self._reach("commit")
        assert job_id == "j"
        self.committed.append(result)
        return len(self.committed) == 1

    def report_missing(self, job_id: str, result: BatchResult) -> None:
        self._reach("report_missing")
        self.missing.append(result)

    def drop_batches(self, batch_ids: Sequence[str]) -> None:
        self.dropped.extend(batch_ids)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    """A child with this store and a solver that answers ANSWERS."""
    fake = FakeStore(StartedBatch(1, False, encode(OPTIONS).encode(), encode_blob(BATCH)))
    for name, value in {
        "store": fake,
        "solver": object(),
        "lexicons": Lexicons(lambda job_id: None),
        "settings": Settings(micro_batch=64),
        "name": "cpu-1@here",
    }.items():
        monkeypatch.setattr(tasks._Child, name, value, raising=False)

    def solve_batch(
        batch: Batch, options: JobOptions, constraints: Constraints, solver: object, micro_batch: int
    ) -> tuple[Answer, ...]:
        assert (options, solver, micro_batch) == (OPTIONS, tasks._Child.solver, 64)
        assert constraints == Constraints(None, 5, 5)
        return ANSWERS[: len(batch.items)]

    monkeypatch.setattr(tasks, "solve_batch", solve_batch)
    return fake


def run(task: Task = TASK) -> None:
    """The task's function, as Celery calls it."""
    tasks.solve(**task_arguments(task))


def test_a_batch_is_begun_solved_and_committed(store: FakeStore) -> None:
    run()

    assert store.committed == [SOLVED]
    assert (store.missing, store.dropped) == ([], [])


def test_running_a_batch_twice_changes_nothing(store: FakeStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    run()
    run()

    assert store.committed == [SOLVED, SOLVED], "the store takes the first one only"
    assert caplog.messages == ["batch j:0-1 was answered before, or its job is over; nothing changes"]


def test_a_batch_of_a_job_that_is_over_is_dropped(store: FakeStore) -> None:
    store.started = replace(store.started, over=True)

    run()

    assert store.dropped == ["j:0-1"]
    assert store.committed == []


@pytest.mark.parametrize("gone", ["blob", "options"])
def test_a_batch_whose_bytes_or_options_are_gone_is_reported_missing(gone: str, store: FakeStore) -> None:
    store.started = replace(store.started, **{gone: None})

    run()

    assert store.missing == [BatchResult("j:0-1", 2, "cpu-1@here", status="missing")]
    assert store.committed == []


@pytest.mark.parametrize(("starts", "status"), [(3, "solved"), (4, "split"), (9, "split")])
def test_a_batch_that_was_begun_more_than_three_times_is_to_be_split(
    starts: int, status: str, store: FakeStore
) -> None:
    store.started = replace(store.started, starts=starts)

    run()

    assert [result.status for result in store.committed] == [status]
    assert store.committed[0].answers == (ANSWERS if status == "solved" else ())


def test_an_image_that_ended_three_workers_alone_is_quarantined(store: FakeStore) -> None:
    store.started = replace(store.started, starts=4, blob=encode_blob(ALONE))

    run(replace(TASK, batch_id="j:0-0"))

    error = AnswerError("quarantined", "this image ended 3 workers; it was set aside")
    assert store.committed == [BatchResult("j:0-0", 2, "cpu-1@here", (Answer(0, error=error),))]


@pytest.mark.parametrize(
    ("absent", "taken_back", "reason"),
    [
        ({"begin"}, [], "nothing was begun"),
        ({"commit"}, ["j:0-1"], "the start was not the batch's fault"),
        ({"commit", "unbegin"}, [], "Redis is gone altogether, which costs one of three starts"),
    ],
    ids=["begin", "commit", "everything"],
)
def test_without_redis_a_batch_goes_back_on_the_queue(
    absent: set[str], taken_back: list[str], reason: str, store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.absent = absent

    with pytest.raises(Reject) as caught:
        run()

    assert caught.value.requeue is True
    assert store.committed == []
    assert store.taken_back == taken_back, reason
    assert caplog.messages == ["batch j:0-1 goes back on the queue: Connection refused"]


def test_a_missing_batch_that_cannot_be_reported_goes_back_on_the_queue(store: FakeStore) -> None:
    store.started = replace(store.started, blob=None)
    store.absent.add("report_missing")

    with pytest.raises(Reject) as caught:
        run()
    assert caught.value.requeue is True


def test_a_message_of_another_version_is_refused_with_both_versions(
    store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    tasks.solve(**{**task_arguments(TASK), "version": 1})

    assert caplog.messages == [
        "message refused: the message is of wire version 1, this program speaks version 2; "
        "install the same captchafleet on producer and worker"
    ]
    assert store.committed == []


REFUSED = [
    ({"blob": b"no batch"}, "the blob starts with b'no b', expected b'CFB1': not a batch", "a blob"),
    ({"options": b"5"}, "expected a JSON object, got int", "options"),
]


@pytest.mark.parametrize(("found", "why", "reason"), REFUSED, ids=[reason for *_, reason in REFUSED])
def test_what_the_worker_cannot_read_is_refused_with_the_reason(
    found: dict[str, Any], why: str, reason: str, store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.started = replace(store.started, **found)

    run()

    assert store.committed == [BatchResult("j:0-1", 2, "cpu-1@here", status="refused", reason=why)]
    assert caplog.messages == [f"batch j:0-1 refused: {why}"]


def test_options_that_the_model_cannot_satisfy_are_refused(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConstraintError("a length of 99 needs 99 time steps, the model has 50")

    monkeypatch.setattr(tasks, "solve_batch", refuse)

    run()

    (result,) = store.committed
    assert (result.status, result.answers) == ("refused", ())
    assert result.reason == "a length of 99 needs 99 time steps, the model has 50"
