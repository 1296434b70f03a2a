"""`producer status` and `cancel`: what a broker knows, in words and as JSON."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from producer import overview
from producer.errors import UsageError
from producer.overview import JobRow, Overview, QueueRow, WorkerRow, cancel, look, render, to_json
from worker.contract import WorkerInfo

NOW = 1_000_000
FINGERPRINT = "0123456789abcdef"
RUNNING = {
    "state": "running",
    "images": "5000",
    "answered": "1234",
    "model": f"crnn@{FINGERPRINT}",
    "updated": str(NOW - 2),
    "priority": "high",
}


class FakeStore:
    """A broker with some jobs and one worker."""

    def __init__(self, **jobs: dict[str, str]) -> None:
        self.facts = jobs
        self.client = object()
        self.cancelled: list[str] = []

    def jobs(self) -> list[str]:
        return sorted(self.facts)

    def job(self, job: str) -> dict[str, str] | None:
        return self.facts.get(job)

    def workers(self) -> list[WorkerInfo]:
        return [WorkerInfo("cpu-1@here", "crnn", FINGERPRINT, device="cpu")]

    def cancel_job(self, job: str) -> None:
        self.cancelled.append(job)


def broker(monkeypatch: pytest.MonkeyPatch, **jobs: dict[str, str]) -> FakeStore:
    """A broker with these jobs, 3 batches waiting for its worker."""
    store = FakeStore(**jobs)
    monkeypatch.setattr(overview, "open_store", lambda url: store)
    monkeypatch.setattr(overview, "queue_length", lambda client, fingerprint: 3)
    monkeypatch.setattr(overview, "time", SimpleNamespace(time=lambda: NOW + 0.5))
    return store


MODEL = f"crnn@{FINGERPRINT}"
WORKER = WorkerRow("cpu-1@here", MODEL, "cpu")
QUEUE = QueueRow(MODEL, 3)
STATES: list[tuple[dict[str, str], JobRow, str]] = [
    ({}, JobRow("job", "running", 5000, 1234, MODEL, 2, "high"), "its producer speaks"),
    ({"updated": str(NOW - 30)}, JobRow("job", "running", 5000, 1234, MODEL, 30, "high"), "just about"),
    ({"updated": str(NOW - 31)}, JobRow("job", "silent", 5000, 1234, MODEL, 31, "high"), "or no longer"),
    (
        {"state": "cancelled", "updated": str(NOW - 99)},
        JobRow("job", "cancelled", 5000, 1234, MODEL, 99, "high"),
        "a cancelled job is not silent",
    ),
    (
        {"state": "done", "updated": str(NOW - 99)},
        JobRow("job", "done", 5000, 1234, MODEL, 99, "high"),
        "nor is one done",
    ),
    ({"updated": str(NOW + 99)}, JobRow("job", "running", 5000, 1234, MODEL, 0, "high"), "clocks differ"),
]


@pytest.mark.parametrize(("facts", "row", "reason"), STATES, ids=[reason for *_, reason in STATES])
def test_a_job_is_in_a_state(
    facts: dict[str, str], row: JobRow, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker(monkeypatch, job={**RUNNING, **facts})

    assert look("redis://host") == Overview((WORKER,), (QUEUE,), (row,))


def test_a_job_of_an_older_producer_has_no_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    broker(monkeypatch, job={key: value for key, value in RUNNING.items() if key != "priority"})

    assert look("redis://host").jobs == (JobRow("job", "running", 5000, 1234, MODEL, 2),)


def test_one_job_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    broker(monkeypatch, one=RUNNING, two=RUNNING)

    assert [row.job for row in look("redis://host", "two").jobs] == ["two"]
    assert [row.job for row in look("redis://host").jobs] == ["one", "two"]


@pytest.mark.parametrize(
    ("jobs", "known"), [({}, "none"), ({"one": RUNNING, "two": RUNNING}, "one, two")], ids=["none", "two"]
)
def test_a_job_that_nobody_knows_is_refused_with_those_known(
    jobs: dict[str, Any], known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = broker(monkeypatch, **jobs)

    for ask in (look, cancel):
        with pytest.raises(UsageError) as caught:
            ask("redis://host", "three")
        assert str(caught.value) == f"the broker knows no job 'three'; known: {known}"
    assert store.cancelled == []


def test_a_job_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    store = broker(monkeypatch, job=RUNNING)

    cancel("redis://host", "job")

    assert store.cancelled == ["job"]


def test_a_job_that_is_done_cannot_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    store = broker(monkeypatch, job={**RUNNING, "state": "done"})

    with pytest.raises(UsageError) as caught:
        cancel("redis://host", "job")
    assert str(caught.value) == "job job is done already; there is nothing to cancel"
    assert store.cancelled == []


def test_an_overview_in_words() -> None:
    rows = (
        JobRow("20260401-1", "running", 5000, 1234, MODEL, 2),
        JobRow("20260402-1", "silent", 10, 0, MODEL, 45, "low"),
    )

    assert render(Overview((WORKER,), (QUEUE,), rows)) == (
        "Workers:\n"
        "  cpu-1@here  crnn@0123456789abcdef  cpu\n"
        "Queues:\n"
        "  crnn@0123456789abcdef  3 batches waiting\n"
        "Jobs:\n"
        "  20260401-1  running  1,234 of 5,000 done  crnn@0123456789abcdef\n"
        "  20260402-1  silent  0 of 10 done  crnn@0123456789abcdef  low priority"
        "  (its producer is silent for 45 s)"
    )


def test_an_empty_overview_in_words() -> None:
    assert render(Overview((), (), ())) == "Workers:\n  none\nQueues:\n  none\nJobs:\n  none"


def test_an_overview_as_json() -> None:
    row = JobRow("job", "running", 5000, 1234, MODEL, 2, "normal")

    assert json.loads(to_json(Overview((WORKER,), (QUEUE,), (row,)))) == {
        "workers": [{"name": "cpu-1@here", "model": MODEL, "device": "cpu"}],
        "queues": [{"model": MODEL, "waiting": 3}],
        "jobs": [
            {
                "job": "job",
                "state": "running",
                "images": 5000,
                "answered": 1234,
                "model": MODEL,
                "silent_s": 2,
                "priority": "normal",
            }
        ],
    }
