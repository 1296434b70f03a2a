"""A job with one batch, and what a producer does to get it into Redis."""

from __future__ import annotations

from worker.contract import (
    Answer,
    Batch,
    BatchResult,
    ImageItem,
    JobOptions,
    Task,
    job_key,
)
from worker.store import Store

JOB = "20260401-101500-3fa9c1"
BATCH = Batch(f"{JOB}:0-1", JOB, (ImageItem(0, b"one"), ImageItem(1, b"two")))
OPTIONS = JobOptions(length="5")
TASK = Task(JOB, BATCH.id, 1, OPTIONS.digest())
RESULT = BatchResult(BATCH.id, 1, "cpu-1@here", (Answer(0, "a", 0.5), Answer(1, "b", 0.25)))
MISSING = BatchResult(BATCH.id, 1, "cpu-1@here", status="missing")
FACTS = {"images": "2", "answered": "0"}
STREAM = job_key(JOB, "results")


def send(store: Store) -> None:
    """What a producer does: a job, and a batch of it."""
    store.open_job(JOB, OPTIONS, FACTS, 600, None)
    store.put_batch(BATCH, 600)
