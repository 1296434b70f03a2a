"""The sending loop and its workers: none, one that comes back, more than one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from producer import submission
from producer.errors import Interrupted

Job = Any  # of conftest.py, which cannot be imported


def expected(images: int) -> dict[int, str]:
    return {number: f"image {number}" for number in range(images)}


def test_without_any_worker_the_job_waits_then_stops(job: Job) -> None:
    job.fleet.present = False

    with pytest.raises(Interrupted) as caught:
        job.run(job.batches(2))

    assert str(caught.value) == "no worker has served crnn@0123456789abcdef for 60 s"
    assert set(job.said) == {"no worker serves crnn@0123456789abcdef at the moment; waiting for one"}


def test_a_worker_that_comes_back_in_time_goes_on(job: Job) -> None:
    job.fleet.present = False

    def come_back() -> None:
        job.fleet.present = True

    job.fleet.on_wait = [lambda: None] * 60 + [come_back]
    job.run(job.batches(2, 2))

    assert job.texts == expected(4)


def test_more_workers_widen_the_window(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = job.fleet.workers()
    monkeypatch.setattr(job.fleet, "workers", lambda: [one, replace(one, name="cpu-2@there")])
    monkeypatch.setattr(submission, "_HOUSEKEEPING_EVERY_S", 0.0)
    most: list[int] = []

    def watch(waiting: int) -> int:
        most.append(waiting)
        return 0

    job.fleet.pick = watch
    loop = job.run(job.batches(*[1] * 12))

    assert max(most) == 6, "two for each of the two workers, and two more"
    assert sorted(loop.workers) == ["cpu-1@here", "cpu-2@there"]


def test_a_window_too_narrow_for_the_workers_is_told_once(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = job.fleet.workers()
    workers = [replace(one, name=f"cpu-{number}@here") for number in range(3)]
    monkeypatch.setattr(job.fleet, "workers", lambda: workers)

    job.run(job.batches(*[1] * 12), max_in_flight_bytes=38)

    assert job.said == [
        "--max-in-flight-mb 3.62396e-05 has room for 2 batches of 0.0 MB, too few for 3 workers; "
        "1 would keep all of them busy, if Redis has that memory"
    ]


def test_the_window_that_is_advised_has_room_for_all(job: Job) -> None:
    size, workers = 2_300_000, 100
    narrow = replace(job.terms, max_in_flight_bytes=64 * 2**20)
    busy = [size] * (1 + 2 * workers)

    said = narrow.narrow(20, size, workers)

    assert said == (
        "--max-in-flight-mb 64 has room for 20 batches of 2.2 MB, too few for 100 workers; "
        "560 would keep all of them busy, if Redis has that memory"
    )
    assert not replace(narrow, max_in_flight_bytes=559 * 2**20).has_room(busy, size, workers)
    assert replace(narrow, max_in_flight_bytes=560 * 2**20).has_room(busy, size, workers)
