"""The sending loop and a job's lexicon: put with the job, put again where it is lost, never passed over."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import OutOfMemoryError

from worker.contract import Answer, AnswerError, Batch, BatchResult, Task

Job = Any  # of conftest.py, which cannot be imported
STORED = b"words"
GONE = "the lexicon is not there"


def lacking(task: Task) -> BatchResult:
    """What a worker says that finds no lexicon."""
    return BatchResult(task.batch_id, task.attempt, "cpu-1@here", status="missing", reason=GONE)


def answered(task: Task, batch: Batch) -> BatchResult:
    answers = tuple(Answer(item.id, item.data.decode(), 0.5) for item in batch.items)
    return BatchResult(task.batch_id, task.attempt, "cpu-1@here", answers)


def test_a_lexicon_is_put_once_with_the_job(job: Job) -> None:
    job.run(job.batches(2, 2), lexicon=STORED)

    assert job.fleet.lexicons == [STORED]


def test_a_job_without_a_lexicon_puts_none(job: Job) -> None:
    job.run(job.batches(2))

    assert job.fleet.lexicons == [None]


def test_a_lexicon_that_is_lost_is_put_again_and_the_batch_sent_again(job: Job) -> None:
    job.fleet.solve = lambda task, batch: lacking(task) if task.attempt == 1 else answered(task, batch)

    job.run(job.batches(2), lexicon=STORED)

    assert job.fleet.lexicons == [STORED, STORED]
    assert job.fleet.sent == [("0-1", 1), ("0-1", 2)]
    assert job.texts == {0: "image 0", 1: "image 1"}
    assert job.said == [f"{GONE}; sending it again"]


def test_a_lexicon_goes_again_to_a_redis_that_forgot_everything(job: Job) -> None:
    def forget() -> None:
        job.fleet.facts = None
        job.fleet.blobs.clear()
        job.fleet.waiting.clear()

    job.fleet.on_wait = [forget, lambda: None, lambda: None, lambda: None, lambda: None]
    job.run(job.batches(1), lexicon=STORED)

    assert job.fleet.lexicons == [STORED, STORED]
    assert job.texts == {0: "image 0"}


def test_a_lexicon_that_no_worker_can_use_is_the_workers_error_in_the_end(job: Job) -> None:
    job.fleet.solve = lambda task, batch: lacking(task)

    job.run(job.batches(2), lexicon=STORED)

    error = AnswerError("worker_error", f"worker cpu-1@here cannot use the lexicon: {GONE}")
    assert [line.error for line in job.lines] == [error, error]
    assert job.fleet.lexicons == [STORED] * 3
    assert [attempt for _, attempt in job.fleet.sent] == [1, 2, 3]


def test_a_redis_that_refuses_the_lexicon_for_a_while_costs_no_answer(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = job.fleet.put_lexicon
    refusals: list[Any] = []

    def full(*arguments: Any) -> None:
        if len(refusals) < 10:
            refusals.append(arguments)
            raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'")
        put(*arguments)

    monkeypatch.setattr(job.fleet, "put_lexicon", full)
    job.fleet.solve = lambda task, batch: lacking(task) if task.attempt == 1 else answered(task, batch)

    job.run(job.batches(2), lexicon=STORED)

    assert len(refusals) == 10
    assert job.fleet.lexicons == [STORED, STORED]
    assert job.fleet.sent == [("0-1", 1), ("0-1", 2)]
    assert job.texts == {0: "image 0", 1: "image 1"}
