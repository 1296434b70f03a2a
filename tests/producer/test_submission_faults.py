"""The sending loop when batches, answers, workers or Redis itself go missing: nothing lost, nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import OutOfMemoryError

from producer.errors import Interrupted
from producer.results import Journal
from worker.contract import Answer, AnswerError, Batch, BatchResult, Task

Job = Any  # of conftest.py, which cannot be imported
NUMBER = "20260401-101500-3fa9c1"


def expected(images: int) -> dict[int, str]:
    return {number: f"image {number}" for number in range(images)}


def answered(task: Task, batch: Batch, *left_out: int) -> BatchResult:
    """The answers of a batch but those of some images."""
    answers = tuple(Answer(i.id, i.data.decode(), 0.5) for i in batch.items if i.id not in left_out)
    return BatchResult(task.batch_id, task.attempt, "cpu-1@here", answers)


def test_a_batch_whose_bytes_went_missing_is_sent_again(job: Job) -> None:
    def lose_the_bytes(waiting: int) -> int:
        if len(job.fleet.sent) == 2:
            job.fleet.blobs.clear()
        return 0

    job.fleet.pick = lose_the_bytes
    job.run(job.batches(2, 2))

    assert job.fleet.sent == [("0-1", 1), ("2-3", 1), ("0-1", 2), ("2-3", 2)]
    assert job.texts == expected(4)


def test_answers_that_lack_images_are_asked_for_again(job: Job) -> None:
    sizes = []

    def forget_one(task: Task, batch: Batch) -> BatchResult:
        sizes.append(len(batch.items))
        return answered(task, batch, *([1] if task.attempt < 3 else []))

    job.fleet.solve = forget_one
    job.run(job.batches(3))

    assert job.fleet.sent == [("0-2", 1), ("0-2", 2), ("0-2", 3)]
    assert sizes == [3, 1, 1], "only what lacks an answer travels again"
    assert job.texts == expected(3)


def test_an_image_that_is_left_out_again_and_again_is_a_workers_error(job: Job) -> None:
    job.fleet.solve = lambda task, batch: answered(task, batch, 1)

    job.run(job.batches(3))

    assert len(job.fleet.sent) == 3
    errors = {line.id: line.error for line in job.lines}
    assert errors == {
        0: None,
        1: AnswerError("worker_error", "worker cpu-1@here left this image out of its answers"),
        2: None,
    }


def test_a_batch_that_a_worker_refuses_is_its_error(job: Job) -> None:
    def refuse(task: Task, batch: Batch) -> BatchResult:
        if batch.items[0].id:
            return answered(task, batch)
        return BatchResult(task.batch_id, 1, "w", status="refused", reason="expected a JSON object, got int")

    job.fleet.solve = refuse
    job.run(job.batches(2, 2))

    said = "refused the batch: expected a JSON object, got int"
    error = AnswerError("worker_error", f"worker w {said}")
    assert {line.id: line.error for line in job.lines} == {0: error, 1: error, 2: None, 3: None}
    assert job.said == [f"worker w refused batch {NUMBER}:0-1: expected a JSON object, got int"]


def test_a_batch_that_ended_several_workers_is_cut_in_two_down_to_the_image(job: Job) -> None:
    def end(task: Task, batch: Batch) -> BatchResult:
        if all(item.id != 5 for item in batch.items):
            return answered(task, batch)
        if len(batch.items) > 1:
            return BatchResult(task.batch_id, task.attempt, "cpu-1@here", status="split")
        error = AnswerError("quarantined", "this image ended 3 workers; it was set aside")
        return BatchResult(task.batch_id, task.attempt, "cpu-1@here", (Answer(5, error=error),))

    job.fleet.solve = end
    job.run(job.batches(8))

    assert job.fleet.sent == [
        ("0-7", 1),
        ("0-3", 1),
        ("4-7", 1),
        ("4-5", 1),
        ("6-7", 1),
        ("4-4", 1),
        ("5-5", 1),
    ]
    assert {line.id for line in job.lines if line.error is not None} == {5}
    assert job.texts == {**expected(8), 5: None}
    assert job.said[0] == f"batch {NUMBER}:0-7 ended several workers; it is cut in two"


def test_a_late_result_of_a_batch_that_was_cut_in_two_is_left_out(job: Job) -> None:
    whole: list[BatchResult] = []

    def end(task: Task, batch: Batch) -> BatchResult:
        if len(batch.items) > 2:
            whole.append(answered(task, batch))
            return BatchResult(task.batch_id, task.attempt, "w", status="split")
        job.fleet.say(whole[0])
        return answered(task, batch)

    job.fleet.solve = end
    job.run(job.batches(4))

    assert job.texts == expected(4)


def lose_once(job: Job) -> None:
    """A worker that is killed over its first batch, message and all."""

    def lose(task: Task, batch: Batch) -> BatchResult | None:
        return None if task.attempt == 1 and task.batch_id.endswith(":0-1") else answered(task, batch)

    job.fleet.solve = lose


def test_a_batch_that_is_nowhere_is_sent_again_once_it_is_overdue(job: Job) -> None:
    lose_once(job)

    job.run(job.batches(2, 2))

    assert job.fleet.sent == [("0-1", 1), ("2-3", 1), ("0-1", 2)]
    assert job.said == [f"batch {NUMBER}:0-1 went missing; sending it again"]
    assert 1150 < job.fleet.now < 1160, "after the visibility timeout of 150 s"
    assert job.texts == expected(4)


def test_a_batch_that_is_still_on_its_way_is_not_sent_again(job: Job) -> None:
    lose_once(job)
    job.fleet.unacked.add(f"{NUMBER}:0-1")

    def look() -> None:
        if job.fleet.now > 1500:
            raise Interrupted("enough")

    job.check = look
    with pytest.raises(Interrupted, match="enough"):
        job.run(job.batches(2, 2))

    assert job.fleet.sent == [("0-1", 1), ("2-3", 1)]
    assert set(job.texts) == {2, 3}


def test_a_batch_that_waits_for_a_busy_worker_is_not_sent_again(job: Job) -> None:
    # A thousand seconds in which the worker takes nothing from the queue.
    job.fleet.on_wait = [lambda: None] * 2000

    job.run(job.batches(2))

    assert job.fleet.sent == [("0-1", 1)]
    assert job.fleet.now > 2000


def test_a_broker_that_is_away_for_a_while_is_waited_for(job: Job) -> None:
    def go_away() -> None:
        job.fleet.away_until = job.fleet.now + 50

    job.fleet.on_wait = [go_away]
    job.run(job.batches(*[2] * 6))

    assert job.texts == expected(12)
    assert set(job.said) == {"the broker does not answer (Connection refused); trying again"}


def test_a_broker_that_stays_away_interrupts_the_job(job: Job) -> None:
    def go_away() -> None:
        job.fleet.away_until = float("inf")

    job.fleet.on_wait = [lambda: None, go_away]
    with pytest.raises(Interrupted) as caught:
        job.run(job.batches(*[2] * 6))

    assert str(caught.value) == "the broker is lost: Connection refused"
    assert 1060 < job.fleet.now < 1065, "after the patience of 60 s"


def test_a_message_that_cannot_be_sent_is_tried_again(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    send, failures = job.fleet.send, [OperationalError("full"), OperationalError("full")]

    def fail(task: Task, level: int) -> None:
        if failures:
            raise failures.pop()
        send(task, level)

    monkeypatch.setattr(job.fleet, "send", fail)
    job.run(job.batches(2, 2))

    assert job.fleet.sent == [("0-1", 1), ("2-3", 1)]
    assert job.texts == expected(4)


def test_while_the_broker_is_away_a_dead_embedded_worker_is_noticed(job: Job) -> None:
    job.fleet.away_until = float("inf")

    def dead() -> None:
        raise Interrupted("the local worker ended")

    job.check = dead
    with pytest.raises(Interrupted, match="the local worker ended"):
        job.run(job.batches(2))
    assert job.fleet.now == 1000.0


def test_a_cancelled_job_stops_and_takes_its_bytes_along(job: Job) -> None:
    def cancel() -> None:
        job.fleet.facts["state"] = "cancelled"

    job.fleet.on_wait = [lambda: None, cancel]
    job.fleet.solve = lambda task, batch: None
    with pytest.raises(Interrupted) as caught:
        job.run(job.batches(2, 2, 2))

    assert str(caught.value) == "the job was cancelled"
    assert job.fleet.blobs == {}
    assert job.fleet.facts["state"] == "cancelled"


def test_a_job_that_redis_forgot_is_opened_and_sent_again(job: Job) -> None:
    def flush() -> None:
        job.fleet.facts = None
        job.fleet.blobs.clear()
        job.fleet.waiting.clear()
        job.fleet.stream.clear()

    job.fleet.on_wait = [flush]
    job.run(job.batches(2, 2))

    assert job.fleet.sent == [("0-1", 1), ("2-3", 1), ("0-1", 2), ("2-3", 2)]
    assert job.said == ["Redis has forgotten this job (flushed, or restarted empty); sending it again"]
    assert job.texts == expected(4)
    assert job.fleet.facts["state"] == "done"


def test_a_full_disk_stops_the_job_where_it_can_go_on(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Journal, lines: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(Interrupted) as caught:
        job.run(job.batches(2))

    assert str(caught.value) == "results.jsonl cannot be written: No space left on device"


def test_a_full_redis_gives_answers_before_it_takes_batches(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, refusals = job.fleet.put_batch, []

    def full(batch: Batch, ttl_s: int) -> None:
        if len(job.fleet.blobs) >= 2:
            refusals.append(batch.id)
            job.fleet.work()  # the worker goes on meanwhile
            raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'")
        put(batch, ttl_s)

    monkeypatch.setattr(job.fleet, "put_batch", full)
    job.run(job.batches(*[2] * 6))

    assert refusals
    assert job.texts == expected(12)


def test_a_full_redis_costs_no_lacking_answer(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    send = job.fleet.send
    refusals: list[Task] = []

    def full(task: Task, level: int) -> None:
        if task.attempt > 1 and len(refusals) < 10:
            refusals.append(task)
            raise OperationalError("full")
        send(task, level)

    monkeypatch.setattr(job.fleet, "send", full)
    job.fleet.solve = lambda task, batch: answered(task, batch, *([1] if task.attempt == 1 else []))

    job.run(job.batches(3))

    assert len(refusals) == 10
    assert job.texts == expected(3)
