"""Several jobs at once: on which level a batch waits, and what a job does that others leave no worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kombu.transport.redis import PRIORITY_STEPS

from producer import job as jobs
from producer import session
from producer.broker import Broker
from producer.cli import main
from producer.levels import FIRST_IMAGES, LEVELS, PRIORITIES, level_of
from producer.manifest import BatchLimits, BatchRange, ManifestImage
from producer.terms import HELPED_EVERY_S, Timing
from worker.contract import BatchResult, WorkerInfo

Job = Any  # of conftest.py, which cannot be imported
JOB = "20260401-101500-3fa9c1"


def batch(first: int, last: int) -> BatchRange:
    return BatchRange(
        JOB, tuple(ManifestImage(number, f"{number}.png", 1) for number in range(first, last + 1))
    )


LAST_OF_THE_FIRST = FIRST_IMAGES - 1
LEVEL = [
    ("high", batch(0, 15), 0, "high, first images"),
    ("high", batch(FIRST_IMAGES, FIRST_IMAGES), 1, "high, the rest"),
    ("normal", batch(0, 15), 1, "normal, first images"),
    ("normal", batch(LAST_OF_THE_FIRST, LAST_OF_THE_FIRST), 1, "normal, the last of the first"),
    ("normal", batch(LAST_OF_THE_FIRST, FIRST_IMAGES), 2, "normal, a batch across the border"),
    ("normal", batch(10**9, 10**9 + 1), 2, "normal, the rest"),
    ("low", batch(0, 15), 2, "low, first images"),
    ("low", batch(FIRST_IMAGES, FIRST_IMAGES), 3, "low, the rest"),
]


@pytest.mark.parametrize(
    ("priority", "images", "level", "reason"), LEVEL, ids=[reason for *_, reason in LEVEL]
)
def test_a_batch_waits_on_a_level(priority: str, images: BatchRange, level: int, reason: str) -> None:
    assert level_of(priority, images) == level


def test_there_is_a_step_of_redis_for_every_level() -> None:
    assert len(PRIORITY_STEPS) == LEVELS
    assert list(PRIORITY_STEPS) == sorted(PRIORITY_STEPS)
    assert {level_of(it, batch(n, n)) for it in PRIORITIES for n in (0, FIRST_IMAGES)} == set(range(LEVELS))


def test_as_batches_are_cut_by_default_a_job_of_a_thousand_images_is_among_the_first() -> None:
    limits, ends, images = BatchLimits(), [], 0
    while images < 3000:
        images += limits.images_of(len(ends))
        ends.append(images)
    first = [end for end in ends if level_of("normal", batch(end - 1, end - 1)) == 1]

    assert first[-1] == 2000


def test_the_loop_sends_first_images_better_than_the_rest(job: Job) -> None:
    batches = job.batches(1000, 1000, 100, 100)

    job.run(batches)

    assert job.fleet.sent == [("0-999", 1), ("1000-1999", 1), ("2000-2099", 1), ("2100-2199", 1)]
    assert job.fleet.levels == [1, 1, 2, 2]
    assert job.fleet.facts["priority"] == "normal"


@pytest.mark.parametrize(("priority", "levels"), [("high", [0, 1]), ("low", [2, 3])])
def test_the_priority_of_a_job_shifts_both(priority: str, levels: list[int], job: Job) -> None:
    job.run(job.batches(FIRST_IMAGES, 1), priority=priority)

    assert job.fleet.levels == levels
    assert job.fleet.facts["priority"] == priority


def test_what_is_sent_again_or_cut_in_two_keeps_its_level(job: Job) -> None:
    def end_once(task: Any, sent: Any) -> BatchResult | None:
        if task.attempt == 1 and len(sent.items) > 1:
            return BatchResult(task.batch_id, task.attempt, "w", status="split")
        return answer(task, sent)

    answer, job.fleet.solve = job.fleet.solve, end_once
    job.run(job.batches(2, FIRST_IMAGES - 2, 2)[::2])

    last = FIRST_IMAGES
    assert job.fleet.sent == [
        ("0-1", 1), (f"{last}-{last + 1}", 1), ("0-0", 1), ("1-1", 1),
        (f"{last}-{last}", 1), (f"{last + 1}-{last + 1}", 1),
    ]  # fmt: skip
    assert job.fleet.levels == [1, 2, 1, 1, 2, 2]


def test_help_comes_to_a_job_without_an_answer_and_not_too_often() -> None:
    timing, every = Timing(), HELPED_EVERY_S

    assert not timing.needs_help(1e9), "nothing was sent"
    timing.first_sent = 100.0
    assert not timing.needs_help(100.0 + every - 1), "not yet"
    assert timing.needs_help(100.0 + every)
    assert not timing.needs_help(100.0 + every + 1), "it was helped just now"
    assert timing.needs_help(100.0 + 2 * every)
    timing.last_answered = 100.0 + 3 * every
    assert not timing.needs_help(100.0 + 4 * every - 1), "it was answered"
    assert timing.needs_help(100.0 + 4 * every)


def test_a_job_that_others_leave_no_worker_moves_a_batch_up_once_a_minute(job: Job) -> None:
    # The worker is there and takes the batches of others; so it looks from here.
    work, job.fleet.work = job.fleet.work, lambda: None

    def at_last() -> None:
        if job.fleet.now > 1150:
            work()

    job.fleet.work = at_last
    job.run(job.batches(2))

    assert [moment - 1000 for moment in job.fleet.climbed] == [60.0, 120.0]
    assert job.said == ["other jobs go first; a batch of this one was moved up, as every minute"] * 2


def test_a_job_whose_batch_is_being_read_says_nothing(job: Job) -> None:
    def at_last() -> None:
        if job.fleet.now > 1100:
            work()

    work, job.fleet.work, job.fleet.can_climb = job.fleet.work, at_last, False
    job.run(job.batches(2))

    assert len(job.fleet.climbed) == 1
    assert job.said == []


def test_where_no_worker_is_nothing_moves_up(job: Job) -> None:
    def come() -> None:
        job.fleet.present = job.fleet.now > 1150
        work()

    work, job.fleet.work, job.fleet.present = job.fleet.work, come, False
    job.run(job.batches(2), wait_s=1000.0)

    assert job.fleet.climbed == []


LINES: list[dict[str, Any]] = [
    {
        "type": "job", "version": 2, "job": JOB, "model": "crnn", "labels": "none",
        "options": {"decoder": "exact"}, "limits": {}, "notes": [], "priority": "low",
    },
    {"type": "image", "id": 0, "file": "0.png", "size": 1},
    {"type": "batch", "first": 0, "last": 0},
    {"type": "image", "id": FIRST_IMAGES, "file": "1.png", "size": 1},
    {"type": "batch", "first": FIRST_IMAGES, "last": FIRST_IMAGES},
    {"type": "end", "images": 2, "skipped": 0},
]  # fmt: skip


@pytest.mark.usefixtures("untouched")
def test_resume_goes_on_with_the_priority_of_the_job(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def open_broker(*_: object) -> Iterator[Broker]:
        yield Broker("redis://here", "crnn", 0.0)

    card = {"charset": "ab", "time_steps": 25}
    worker = WorkerInfo("cpu-1@here", "crnn", "0123456789abcdef", card, visibility_timeout_s=150.0)
    monkeypatch.setattr(job.fleet, "workers", lambda: [worker])
    monkeypatch.setattr(job.fleet, "close", lambda: None, raising=False)
    monkeypatch.setattr(jobs, "open_broker", open_broker)
    monkeypatch.setattr(session, "open_store", lambda url: job.fleet)
    monkeypatch.setattr(session, "BatchQueue", lambda url, fingerprint: job.fleet)
    for name in ("0.png", "1.png"):
        (tmp_path / "imgs" / name).write_bytes(b"a")
    run = tmp_path / "run"
    run.mkdir()
    lines = [{**LINES[0], "directory": str(tmp_path / "imgs")}, *LINES[1:]]
    (run / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    result = CliRunner().invoke(main, ["resume", str(run)])

    assert result.exit_code == 0, result.output
    assert job.fleet.levels == [2, 3]
