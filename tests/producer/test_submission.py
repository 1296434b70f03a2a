"""The sending loop when all goes well: its window, its journal, and what it leaves to a second run."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from producer.errors import Interrupted
from producer.manifest import BatchRange, ManifestImage
from producer.results import Journal, ResultLine
from worker.contract import Answer, AnswerError, BatchResult, ContractError, JobOptions

Job = Any  # of conftest.py, which cannot be imported


def expected(images: int) -> dict[int, str]:
    return {number: f"image {number}" for number in range(images)}


def test_every_image_gets_its_answer_once(job: Job) -> None:
    loop = job.run(job.batches(3, 2, 4))

    assert job.texts == expected(9)
    assert job.fleet.sent == [("0-2", 1), ("3-4", 1), ("5-8", 1)]
    assert job.fleet.facts["state"] == "done"
    assert (job.fleet.blobs, job.fleet.stream) == ({}, [])
    assert [line.id for line in job.seen] == [line.id for line in job.lines]
    assert list(loop.workers) == ["cpu-1@here"]
    assert job.said == []


def test_a_line_says_who_answered_and_at_which_attempt(job: Job) -> None:
    job.run(job.batches(1))

    assert job.lines == [ResultLine(0, "0.png", "image 0", 0.5, worker="cpu-1@here", attempt=1)]


def test_an_empty_job_is_done_at_once(job: Job) -> None:
    job.run([])

    assert job.fleet.facts["state"] == "done"
    assert job.first_sends == 0


def test_the_window_is_bounded_in_batches(job: Job) -> None:
    batches = job.batches(*[2] * 20)
    most = 0

    def watch(waiting: int) -> int:
        nonlocal most
        most = max(most, waiting)
        return 0

    job.fleet.pick = watch
    job.run(batches)

    assert most == 4, "two for the one worker, and two more"
    assert job.texts == expected(40)


def test_the_window_is_bounded_in_bytes(job: Job) -> None:
    batches = job.batches(*[2] * 10)
    most = 0

    def watch(waiting: int) -> int:
        nonlocal most
        most = max(most, sum(len(item.data) for blob in job.fleet.blobs.values() for item in blob.items))
        return 0

    job.fleet.pick = watch
    # A quarter more than two batches and two copies of the second have: 1.25 * (14 + 3 * 16) is less.
    job.run(batches, max_in_flight_bytes=78)

    assert most == batches[0].size + batches[-1].size == 30


def test_a_batch_larger_than_the_window_is_sent_alone(job: Job) -> None:
    job.run(job.batches(1, 9, 1), max_in_flight_bytes=10)

    assert job.texts == expected(11)


@pytest.mark.parametrize("seed", range(10))
def test_answers_may_come_in_any_order(seed: int, job: Job) -> None:
    dice = random.Random(seed)
    job.fleet.pick = dice.randrange

    job.run(job.batches(*[dice.randint(1, 5) for _ in range(12)]))

    assert job.texts == expected(job.terms.images)


def test_answers_that_come_together_are_synced_to_the_disk_once(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[BatchResult] = []
    synced: list[int] = []

    def answer_four_together(task: Any, batch: Any) -> BatchResult | None:
        held.append(BatchResult(task.batch_id, 1, "w", (Answer(batch.items[0].id, task.batch_id, 0.5),)))
        if len(held) == 4:
            for result in held:
                job.fleet.say(result)
        return None

    monkeypatch.setattr("producer.results.os.fsync", lambda _: synced.append(len(job.lines)))
    job.fleet.solve = answer_four_together
    job.run(job.batches(1, 1, 1, 1))

    assert sorted(job.texts) == [0, 1, 2, 3]
    assert synced == [4]


def test_a_second_result_of_a_batch_changes_nothing(job: Job) -> None:
    def answer_twice(task: Any, batch: Any) -> BatchResult:
        answers = tuple(Answer(item.id, "first", 0.5) for item in batch.items)
        job.fleet.say(BatchResult(task.batch_id, task.attempt, "w", answers))
        return BatchResult(task.batch_id, 2, "v", tuple(replace(a, text="second") for a in answers))

    job.fleet.solve = answer_twice
    job.run(job.batches(2, 2))

    assert job.texts == dict.fromkeys(range(4), "first")


def test_answers_that_nobody_asked_for_are_left_out(job: Job) -> None:
    def answer_more(task: Any, batch: Any) -> BatchResult:
        stranger = BatchResult("another:0-0", 1, "w", (Answer(99, "x", 1.0),))
        job.fleet.say(stranger)
        job.fleet.say(ContractError("the message is of wire version 2"))
        answers = (Answer(98, "x", 1.0), *(Answer(item.id, "y", 1.0) for item in batch.items))
        return BatchResult(task.batch_id, task.attempt, "w", answers)

    job.fleet.solve = answer_more
    job.run(job.batches(2))

    assert job.texts == {0: "y", 1: "y"}
    assert job.said == ["an answer was left out: the message is of wire version 2"]


def test_what_cannot_be_read_is_answered_without_a_worker(job: Job) -> None:
    (batch,) = job.batches(4)
    (job.folder / "imgs" / "0.png").unlink()
    (job.folder / "imgs" / "1.png").write_bytes(b"")
    (job.folder / "imgs" / "2.png").write_bytes(bytes(2000))

    job.run([batch], options=JobOptions(max_image_bytes=1000))

    errors = {line.id: line.error for line in job.lines}
    assert errors == {
        0: AnswerError("vanished", "the file was listed, but is no longer there"),
        1: AnswerError("empty_file", "the file has no bytes"),
        2: AnswerError("too_many_bytes", "the file has more than 1,000 bytes, the limit"),
        3: None,
    }
    assert [(line.worker, line.attempt) for line in job.lines if line.error] == [(None, 0)] * 3


def test_a_batch_of_which_nothing_can_be_read_is_not_sent(job: Job) -> None:
    (batch,) = job.batches(2)
    for image in batch.images:
        (job.folder / "imgs" / image.file).unlink()

    job.run([batch])

    assert job.fleet.sent == []
    assert [line.error.code for line in job.lines] == ["vanished", "vanished"]


def test_what_the_scan_knew_is_answered_without_reading(job: Job) -> None:
    error = AnswerError("symlink_outside", "the link leads out")
    batch = BatchRange("20260401-101500-3fa9c1", (ManifestImage(0, "x.png", 0, error),))

    job.run([batch])

    assert job.lines == [ResultLine(0, "x.png", error=error)]
    assert job.first_sends == 0


def test_time_runs_from_the_first_sending_to_the_last_answer(job: Job) -> None:
    loop = job.run(job.batches(1, 1, 1))

    assert job.first_sends == 1
    assert loop.timing.first_sent == 1000.0
    assert loop.timing.seconds == 1.5, "three answers, half a second each"


def test_a_second_run_sends_only_what_lacks_an_answer(job: Job) -> None:
    batches = job.batches(2, 2, 2)
    with Journal(job.folder / "results.jsonl") as journal:
        journal.append([ResultLine(n, f"{n}.png", "before", 0.5) for n in (0, 1, 2)])

    job.run(batches)

    assert job.fleet.sent == [("2-3", 1), ("4-5", 1)]
    assert job.texts == {0: "before", 1: "before", 2: "before", 3: "image 3", 4: "image 4", 5: "image 5"}


def test_a_second_run_first_takes_what_was_answered_meanwhile(job: Job) -> None:
    batches = job.batches(2, 2, 2)
    early = tuple(Answer(n, "meanwhile", 0.5) for n in (2, 3))
    job.fleet.say(BatchResult(batches[1].id, 7, "cpu-9@gone", early))
    job.fleet.say(ContractError("not JSON"))
    job.fleet.say(BatchResult(batches[2].id, 1, "cpu-9@gone", (Answer(4, "meanwhile", 0.5),)))

    job.run(batches)

    assert job.fleet.sent == [("0-1", 1), ("4-5", 1)]
    assert [job.texts[n] for n in range(6)] == ["image 0", "image 1", *["meanwhile"] * 3, "image 5"]
    line = next(line for line in job.lines if line.id == 2)
    assert line == ResultLine(2, "2.png", "meanwhile", 0.5, worker="cpu-9@gone", attempt=7)
    assert job.said == ["an answer was left out: not JSON"]


def test_redis_is_told_how_far_the_job_is(job: Job) -> None:
    job.run(job.batches(*[1] * 8))

    facts = job.fleet.facts
    assert (facts["images"], facts["model"]) == ("8", "crnn@0123456789abcdef")
    assert int(facts["answered"]) > 0
    assert int(facts["updated"]) >= 1000


def test_what_is_outstanding_is_renewed_in_time(job: Job) -> None:
    job.fleet.solve = lambda task, batch: None
    job.fleet.unacked.add("20260401-101500-3fa9c1:0-0")
    job.check = lambda: _end_after(job, 2000.0)

    with pytest.raises(Interrupted):
        job.run(job.batches(1), job_ttl_s=600)

    assert len(job.fleet.renewed) >= 15, "every minute of a thousand seconds, with a life of ten minutes"
    assert set(map(tuple, job.fleet.renewed)) == {("0-0",)}


def _end_after(job: Job, time: float) -> None:
    if job.fleet.now > time:
        raise Interrupted("enough")
