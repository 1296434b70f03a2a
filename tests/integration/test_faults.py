"""What breaks while a job runs: its answers are neither lost nor doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jobs import IMAGES, QUICK, SLOW, pool_child, submit_on, submit_one_long_batch, verdict
from processes import (
    Fleet,
    environment,
    producer,
    redis_process,
    report_of,
    results_of,
    start_producer,
    wait_for,
    write_captchas,
)

from producer.queue import level_keys, queue_length
from worker.celery_app import UNACKED_KEY
from worker.contract import queue_name
from worker.store import connect

pytestmark = pytest.mark.redis


def test_a_killed_child_loses_nothing(fleet: Fleet, images: Path, tmp_path: Path) -> None:
    worker = fleet.start_worker(**QUICK)
    process = submit_one_long_batch(fleet, images, tmp_path)

    pool_child(worker.process.pid).kill()

    assert process.wait(timeout=90) == 0
    assert verdict(tmp_path / "run") == (0, 0, 0)
    assert "WorkerLostError" in worker.log.read_text()


def test_a_killed_worker_loses_nothing_and_the_other_one_goes_on(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    victim = fleet.start_worker(**QUICK)
    survivor = fleet.start_worker(**QUICK)
    process = submit_on(fleet, images, tmp_path)
    # Stopped with a batch in hand, so that somebody must find out that it is gone.
    pool_child(victim.process.pid).suspend()
    wait_for("batches in both hands", lambda: connect(fleet.url).client.hlen(UNACKED_KEY) == 2)

    victim.stop(signal.SIGKILL)

    assert connect(fleet.url).client.hlen(UNACKED_KEY) >= 1
    assert process.wait(timeout=90) == 0
    assert verdict(tmp_path / "run") == (0, 0, 0)
    assert survivor.name in {worker["name"] for worker in report_of(tmp_path / "run")["workers"]}


def test_a_killed_producer_resumes_with_what_has_no_answer(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    fleet.start_worker(**SLOW)
    process = submit_on(fleet, images, tmp_path)

    process.kill()
    process.wait()

    before = results_of(tmp_path / "run")
    assert 0 < len(before) < IMAGES
    done = producer("resume", "run", "--broker", fleet.url, cwd=tmp_path)
    assert done.code == 0, done.err
    assert verdict(tmp_path / "run") == (0, 0, 0)
    assert results_of(tmp_path / "run")[: len(before)] == before
    assert connect(fleet.url).client.keys("captchafleet:v2:blob:*") == []


def test_a_message_that_went_missing_is_sent_again(fleet: Fleet, images: Path, tmp_path: Path) -> None:
    worker = fleet.start_worker(**QUICK)
    # The child stands still, so that messages wait where this test can take them away.
    child = pool_child(worker.process.pid)
    child.suspend()
    process = start_producer("submit", images, "--broker", fleet.url, "--run-dir", "run", cwd=tmp_path)
    client = connect(fleet.url).client
    fingerprint = connect(fleet.url).workers()[0].fingerprint
    wait_for("waiting messages", lambda: queue_length(client, fingerprint) >= 2)
    client.delete(*level_keys(queue_name(fingerprint)))
    child.resume()

    assert process.wait(timeout=90) == 0
    assert verdict(tmp_path / "run") == (0, 0, 0)
    assert "went missing; sending it again" in (tmp_path / "producer.log").read_text()


def test_a_flushed_redis_is_told_apart_and_the_job_ends_well(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    fleet.start_worker(**QUICK)
    process = submit_on(fleet, images, tmp_path)

    connect(fleet.url).client.flushall()

    assert process.wait(timeout=90) == 0
    assert verdict(tmp_path / "run") == (0, 0, 0)
    assert "Redis has forgotten this job" in (tmp_path / "producer.log").read_text()


def test_a_batch_that_hangs_is_ended_by_the_time_limit_and_read_again(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    worker = fleet.start_worker(
        **{**SLOW, "CAPTCHAFLEET_TASK_TIME_LIMIT": "15", "CAPTCHAFLEET_VISIBILITY_TIMEOUT": "16"}
    )
    process = submit_one_long_batch(fleet, images, tmp_path)

    pool_child(worker.process.pid).suspend()

    assert process.wait(timeout=120) == 0
    assert verdict(tmp_path / "run") == (0, 0, 0)
    assert "Hard time limit (15.0s) exceeded" in worker.log.read_text()


def test_a_full_redis_is_waited_for_and_the_job_ends_well(
    redis_server: str, images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    with redis_process(redis_server, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as url:
        fleet = Fleet(url, folder)
        try:
            fleet.start_worker(**SLOW)
            store = connect(url)
            process = submit_on(fleet, images, tmp_path)
            store.client.config_set("maxmemory", 1)
            wait_for(
                "the producer's word", lambda: "does not answer" in (tmp_path / "producer.log").read_text()
            )
            before = len(results_of(tmp_path / "run"))
            store.client.config_set("maxmemory", "100mb")
            code = process.wait(timeout=90)
        finally:
            fleet.stop()

    assert before < IMAGES
    assert code == 0
    assert verdict(tmp_path / "run") == (0, 0, 0)


def test_a_full_disk_ends_a_job_resumably(captchas: Path, shared_fleet: Fleet, tmp_path: Path) -> None:
    # No file may grow past 12 KB: the manifest of 40 images fits, their answers and the report do not.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (12000, 12000)); "
    done = subprocess.run(
        [sys.executable, "-c", limit + "from producer.cli import main; main()",
         "submit", captchas, "--broker", shared_fleet.url, "--run-dir", "run", "--n-best", "10"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert "producer resume run" in done.stderr
    assert producer("resume", "run", "--broker", shared_fleet.url, cwd=tmp_path).code == 0
    assert verdict(tmp_path / "run", 40) == (0, 0, 0)


def test_labels_that_vanish_while_a_job_runs_cost_nothing(fleet: Fleet, images: Path, tmp_path: Path) -> None:
    fleet.start_worker(**SLOW)
    table = tmp_path / "labels.csv"
    table.write_text("".join(f"{path.name},{path.stem}\n" for path in images.iterdir()))
    process = submit_on(fleet, images, tmp_path, "--labels", str(table))

    table.unlink()

    assert process.wait(timeout=90) == 0
    assert report_of(tmp_path / "run")["exact_match"]["n"] == IMAGES


def test_a_batch_that_ended_three_workers_is_split_until_its_image_is_quarantined(
    fleet: Fleet, tmp_path: Path
) -> None:
    write_captchas(tmp_path / "images", 4)
    worker = fleet.start_worker(**SLOW)
    store = connect(fleet.url)
    child = pool_child(worker.process.pid)
    child.suspend()
    process = start_producer(
        "submit", "images", "--broker", fleet.url, "--run-dir", "run", "--batch-size", "4", cwd=tmp_path
    )
    job = wait_for("the job", lambda: next(iter(store.jobs()), None))
    # As if these ranges had been begun three times without an end; the last of them is one image alone.
    for batch in ("0-3", "0-1", "1-1"):
        store.client.hset(f"captchafleet:v2:job:{job}:starts", f"{job}:{batch}", 3)
    child.resume()

    assert process.wait(timeout=90) == 1

    codes = {line["id"]: line["error"] and line["error"]["code"] for line in results_of(tmp_path / "run")}
    assert codes == {0: None, 1: "quarantined", 2: None, 3: None}
    assert verdict(tmp_path / "run", 4) == (0, 0, 0)
