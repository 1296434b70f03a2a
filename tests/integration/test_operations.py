"""What an operator does to a running fleet: adds, stops, asks, cancels."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jobs import IMAGES, SLOW, pool_child, submit_on, submit_one_long_batch, verdict
from processes import (
    ROOT,
    Fleet,
    environment,
    producer,
    report_of,
    start_producer,
    wait_for,
)

from producer.queue import queue_length
from worker.celery_app import UNACKED_KEY
from worker.store import connect

pytestmark = pytest.mark.redis


def test_two_workers_share_a_job_and_both_are_named_in_the_report(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    first, second = fleet.start_worker(**SLOW), fleet.start_worker(**SLOW)

    done = producer(
        "submit", images, "--broker", fleet.url, "--run-dir", "run", "--batch-size", "20", cwd=tmp_path
    )

    assert done.code == 0, done.err
    served = {worker["name"]: worker["answered"] for worker in report_of(tmp_path / "run")["workers"]}
    assert set(served) == {first.name, second.name}
    assert sum(served.values()) == IMAGES
    assert min(served.values()) > 0


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 0), (signal.SIGINT, 1)],  # as every Celery worker
    ids=["SIGTERM", "Ctrl-C"],
)
def test_a_stopped_worker_finishes_its_batch_and_withdraws(
    fleet: Fleet, images: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    worker = fleet.start_worker(**SLOW)
    process = submit_on(fleet, images, tmp_path, "--wait", "1")

    assert worker.stop(number) == code

    assert connect(fleet.url).workers() == []
    assert connect(fleet.url).client.hlen(UNACKED_KEY) == 0
    assert process.wait(timeout=60) == 4
    assert "producer resume run" in (tmp_path / "producer.log").read_text()


def test_a_second_ctrl_c_puts_the_batch_in_hand_back_on_the_queue(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    # One batch that takes half a minute: every image under ten more names.
    for image in list(images.iterdir()):
        for number in range(10, 20):
            os.link(image, images / f"{image.stem}_{number}.png")
    worker = fleet.start_worker(**SLOW)
    client = connect(fleet.url).client
    fingerprint = connect(fleet.url).workers()[0].fingerprint
    process = submit_one_long_batch(fleet, images, tmp_path, "--wait", "300")

    worker.process.send_signal(signal.SIGINT)
    time.sleep(1)
    worker.process.send_signal(signal.SIGINT)

    wait_for("the batch's return to the queue", lambda: queue_length(client, fingerprint) == 1, 20)
    assert worker.process.wait(timeout=20) == 1
    assert client.hlen(UNACKED_KEY) == 0
    process.kill()
    process.wait()


def test_a_cancelled_job_stops_its_producer_and_can_be_resumed(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    fleet.start_worker(**SLOW)
    process = submit_on(fleet, images, tmp_path)
    job = connect(fleet.url).jobs()[0]

    assert producer("cancel", job, "--broker", fleet.url, cwd=tmp_path).code == 0

    assert process.wait(timeout=60) == 4
    assert "the job was cancelled" in (tmp_path / "producer.log").read_text()
    assert connect(fleet.url).client.keys("captchafleet:v2:blob:*") == []
    assert producer("resume", "run", "--broker", fleet.url, cwd=tmp_path).code == 0
    assert verdict(tmp_path / "run") == (0, 0, 0)


def test_a_worker_answers_a_ping_while_it_is_busy(fleet: Fleet, images: Path, tmp_path: Path) -> None:
    worker = fleet.start_worker(**SLOW)
    pool_child(worker.process.pid).suspend()
    process = start_producer("submit", images, "--broker", fleet.url, "--run-dir", "run", cwd=tmp_path)
    wait_for("a batch in hand", lambda: connect(fleet.url).client.hlen(UNACKED_KEY) == 1)

    ping = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "worker.celery_app", "inspect", "ping", "-d", worker.name],
        env=environment(CAPTCHAFLEET_BROKER=fleet.url),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    process.kill()
    process.wait()
    assert ping.returncode == 0, ping.stderr
    assert "pong" in ping.stdout


def test_a_worker_started_by_hand_serves_like_any_other(fleet: Fleet, captchas: Path, tmp_path: Path) -> None:
    log = (tmp_path / "by-hand.log").open("wb")
    by_hand = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "worker.celery_app", "worker", "-n", "by-hand@here"],
        env=environment(CAPTCHAFLEET_BROKER=fleet.url, CAPTCHAFLEET_DEVICE="cpu"),
        cwd=tmp_path,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        done = producer("submit", captchas, "--broker", fleet.url, "--run-dir", "run", cwd=tmp_path)
    finally:
        os.killpg(by_hand.pid, signal.SIGKILL)
        by_hand.wait()
        log.close()

    assert done.code == 0, done.err
    assert [worker["name"] for worker in report_of(tmp_path / "run")["workers"]] == ["by-hand@here"]
