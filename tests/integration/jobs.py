"""Jobs that are long enough for a test to strike in their middle, and the verdict on them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
from processes import (
    Fleet,
    results_of,
    start_producer,
    wait_for,
)

from worker.contract import job_key
from worker.store import connect

# A worker as slow as it can be told to be, so that a test can strike in the middle on any machine.
SLOW = {"CAPTCHAFLEET_RUNTIME": "torch", "CAPTCHAFLEET_MICRO_BATCH": "1", "OMP_NUM_THREADS": "1"}
# A time limit above any batch here, also on a busy machine, and a timeout that a test can wait for.
QUICK = {**SLOW, "CAPTCHAFLEET_TASK_TIME_LIMIT": "20", "CAPTCHAFLEET_VISIBILITY_TIMEOUT": "21"}


# Three hundred captchas, each under four names: seconds of work, so that a test strikes in the middle.
IMAGES = 1200


def submit_on(fleet: Fleet, images: Path, cwd: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start a submission of small batches; returns once the first answers are journalled."""
    process = start_producer(
        "submit", images, "--broker", fleet.url, "--run-dir", "run", "--batch-size", "50", *more, cwd=cwd
    )  # fmt: skip
    journal = cwd / "run" / "results.jsonl"
    wait_for("the first answers", lambda: journal.exists() and journal.stat().st_size > 0)
    return process


def submit_one_long_batch(fleet: Fleet, images: Path, cwd: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start a submission of a single message; returns once a worker is in the middle of it."""
    process = start_producer(
        "submit", images, "--broker", fleet.url, "--run-dir", "run", "--batch-size", "65536",
        "--max-batch-mb", "256", *more, cwd=cwd,
    )  # fmt: skip
    client = connect(fleet.url).client
    wait_for("a batch that is begun", lambda: client.keys(job_key("*", "starts")))
    return process


def verdict(run: Path, images: int = IMAGES) -> tuple[int, int, int]:
    """How many images were lost, answered twice, and answered though nobody asked."""
    ids = [line["id"] for line in results_of(run)]
    return images - len(set(ids)), len(ids) - len(set(ids)), len(set(ids) - set(range(images)))


def pool_child(worker_pid: int) -> psutil.Process:
    """The process of a worker that holds the model."""
    children = psutil.Process(worker_pid).children(recursive=True)
    return max(children, key=lambda child: child.memory_info().rss)
