"""Batches of the manifest are joined while workers are fast, and only as far as it does no harm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from producer.errors import Interrupted
from producer.manifest import BatchRange, ManifestImage
from producer.pace import Pace
from producer.terms import JobTerms
from worker.contract import JobOptions

Job = Any  # of conftest.py, which cannot be imported
JOB = "20260401-101500-3fa9c1"
MB = 2**20
TERMS = JobTerms(
    JOB, "/imgs", JobOptions(), "m@0", 0, 64 * MB, 60.0, 6000, 150.0, max_joined_bytes=8 * MB
)  # fmt: skip


def batches(count: int, first: int = 2048, images: int = 256, size: int = 8000) -> list[BatchRange]:
    """So many neighbours, each of so many images of so many bytes."""
    numbers = range(first, first + count * images)
    items = [ManifestImage(number, f"{number}.png", size) for number in numbers]
    return [BatchRange(JOB, tuple(items[at : at + images])) for at in range(0, len(items), images)]


def pace_of(rate: float, workers: int = 1, **terms: Any) -> Pace:
    """After two looks, two seconds apart."""
    pace = Pace(replace(TERMS, **terms))
    pace.note(10.0, 5000, workers)
    pace.note(12.0, 5000 + int(2 * rate), workers)
    return pace


def sizes(pace: Pace, cut: list[BatchRange]) -> list[int]:
    joined = list(pace.joined(cut))
    # Nothing is lost, doubled or moved.
    assert [image for batch in joined for image in batch.images] == [
        it for batch in cut for it in batch.images
    ]
    return [len(batch.images) for batch in joined]


@pytest.mark.parametrize(
    ("rate", "workers", "expected"),
    [
        pytest.param(600.0, 1, [256] * 8, id="a batch takes longer than that already"),
        pytest.param(3413.0, 1, [256] * 8, id="not two"),
        pytest.param(3414.0, 1, [512] * 4, id="two of them in 0.15 s"),
        pytest.param(5200.0, 1, [768, 768, 512], id="three, and what is left"),
        pytest.param(10_400.0, 2, [768, 768, 512], id="each of two workers as fast"),
        pytest.param(50_000.0, 1, [1024, 1024], id="as many as 8 MB hold"),
        pytest.param(50_000.0, 4, [512] * 4, id="as many as leave the window room for four workers"),
        pytest.param(50_000.0, 20, [256] * 8, id="a window that has no room as it is"),
    ],
)
def test_batches_are_what_a_worker_reads_in_a_moment(rate: float, workers: int, expected: list[int]) -> None:
    assert sizes(pace_of(rate, workers), batches(8)) == expected


def test_nothing_is_joined_before_anything_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(TERMS)
    assert sizes(pace, batches(4)) == [256] * 4
    pace.note(10.0, 100_000, 1)
    assert sizes(pace, batches(4)) == [256] * 4
    pace.note(10.0, 200_000, 1)  # no time went by
    assert sizes(pace, batches(4)) == [256] * 4
    assert list(pace.joined([])) == []


def test_the_first_images_of_a_job_are_not_joined() -> None:
    assert sizes(pace_of(50_000.0), batches(10, first=0)) == [256] * 8 + [512]


def test_a_job_without_workers_keeps_its_pace() -> None:
    pace = pace_of(5200.0)
    pace.note(14.0, 15_400, 0)
    assert sizes(pace, batches(3)) == [768]


def test_the_pace_is_that_of_the_last_look() -> None:
    pace = pace_of(5200.0)
    pace.note(14.0, 15_500, 1)
    assert sizes(pace, batches(3)) == [256] * 3


def test_a_batch_size_that_was_asked_for_stays() -> None:
    assert sizes(pace_of(50_000.0, max_joined_bytes=0), batches(4)) == [256] * 4


def test_a_joined_batch_is_sent_answered_and_journalled_as_one(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.pace.FIRST_IMAGES", 4)
    monkeypatch.setattr("producer.pace.JOINED_S", 2.0)  # a batch of two images in half a second, here
    monkeypatch.setattr("producer.submission._HOUSEKEEPING_EVERY_S", 0.0)

    job.run(job.batches(*[2] * 20), max_joined_bytes=50)

    assert job.texts == {number: f"image {number}" for number in range(40)}
    sent = [batch_id for batch_id, _ in job.fleet.sent]
    # An image has 7 or 8 bytes.
    assert sent[:5] == ["0-1", "2-3", "4-5", "6-7", "8-9"]
    assert sent[5:] == ["10-15", "16-21", "22-27", "28-33", "34-39"]
    assert job.said == []


def test_a_job_that_stopped_among_joined_batches_goes_on_image_by_image(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.pace.FIRST_IMAGES", 4)
    monkeypatch.setattr("producer.pace.JOINED_S", 2.0)
    monkeypatch.setattr("producer.submission._HOUSEKEEPING_EVERY_S", 0.0)
    cut = job.batches(*[2] * 20)

    def stop() -> None:
        if len(job.seen) >= 16:
            raise Interrupted("stopped here")

    job.check = stop
    with pytest.raises(Interrupted, match="stopped here"):
        job.run(cut, max_joined_bytes=50)
    assert "10-15" in [batch_id for batch_id, _ in job.fleet.sent]
    job.check = lambda: None

    job.run(cut)

    assert job.texts == {number: f"image {number}" for number in range(40)}
