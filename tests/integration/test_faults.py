"""What breaks while a job runs: its answers are neither lost nor doubled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from processes import (
    ROOT,
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

from worker.celery_app import UNACKED_KEY
from worker.store import connect

pytestmark = pytest.mark.redis

# A time limit above any batch here, also on a busy machine, and a timeout that a test can wait for.
QUICK = {"CAPTCHAFLEET_TASK_TIME_LIMIT": "20", "CAPTCHAFLEET_VISIBILITY_TIMEOUT": "21"}


# Three hundred captchas, each under four names: seconds of work, so that a test strikes in the middle.
IMAGES = 1200


@pytest.fixture(scope="session")
def pool_of_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every test's own images are links to."""
    folder = tmp_path_factory.mktemp("pool") / "images"
    for name in write_captchas(folder, IMAGES // 4):
        for number in range(1, 4):
            os.link(folder / name, folder / name.replace(".png", f"_{number}.png"))
    return folder


@pytest.fixture
def images(pool_of_images: Path, tmp_path: Path) -> Path:
    """A folder of IMAGES captchas of this test's own."""
    folder = tmp_path / "images"
    shutil.copytree(pool_of_images, folder, copy_function=os.link)
    return folder


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
    wait_for("a batch in hand", lambda: connect(fleet.url).client.hlen(UNACKED_KEY) == 1)
    time.sleep(1)
    return process


def verdict(run: Path, images: int = IMAGES) -> tuple[int, int, int]:
    """How many images were lost, answered twice, and answered though nobody asked."""
    ids = [line["id"] for line in results_of(run)]
    return images - len(set(ids)), len(ids) - len(set(ids)), len(set(ids) - set(range(images)))


def pool_child(worker_pid: int) -> psutil.Process:
    """The process of a worker that holds the model."""
    children = psutil.Process(worker_pid).children(recursive=True)
    return max(children, key=lambda child: child.memory_info().rss)


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


def test_two_workers_share_a_job_and_both_are_named_in_the_report(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    first, second = fleet.start_worker(), fleet.start_worker()

    done = producer(
        "submit", images, "--broker", fleet.url, "--run-dir", "run", "--batch-size", "20", cwd=tmp_path
    )

    assert done.code == 0, done.err
    served = {worker["name"]: worker["answered"] for worker in report_of(tmp_path / "run")["workers"]}
    assert set(served) == {first.name, second.name}
    assert sum(served.values()) == IMAGES
    assert min(served.values()) > 0


def test_a_killed_producer_resumes_with_what_has_no_answer(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    fleet.start_worker()
    process = submit_on(fleet, images, tmp_path)

    process.kill()
    process.wait()

    before = results_of(tmp_path / "run")
    assert 0 < len(before) < IMAGES
    done = producer("resume", "run", "--broker", fleet.url, cwd=tmp_path)
    assert done.code == 0, done.err
    assert verdict(tmp_path / "run") == (0, 0, 0)
    assert results_of(tmp_path / "run")[: len(before)] == before
    assert connect(fleet.url).client.keys("captchafleet:v1:blob:*") == []


def test_a_message_that_went_missing_is_sent_again(fleet: Fleet, images: Path, tmp_path: Path) -> None:
    worker = fleet.start_worker(**QUICK)
    # The child stands still, so that messages wait where this test can take them away.
    child = pool_child(worker.process.pid)
    child.suspend()
    process = start_producer("submit", images, "--broker", fleet.url, "--run-dir", "run", cwd=tmp_path)
    client = connect(fleet.url).client
    queue = "captchafleet.v1." + connect(fleet.url).workers()[0].fingerprint
    wait_for("waiting messages", lambda: client.llen(queue) >= 2)
    client.delete(queue)
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
    worker = fleet.start_worker(CAPTCHAFLEET_TASK_TIME_LIMIT="15", CAPTCHAFLEET_VISIBILITY_TIMEOUT="16")
    process = submit_one_long_batch(fleet, images, tmp_path)

    pool_child(worker.process.pid).suspend()

    assert process.wait(timeout=120) == 0
    assert verdict(tmp_path / "run") == (0, 0, 0)
    assert "Hard time limit (15.0s) exceeded" in worker.log.read_text()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 0), (signal.SIGINT, 1)],  # as every Celery worker
    ids=["SIGTERM", "Ctrl-C"],
)
def test_a_stopped_worker_finishes_its_batch_and_withdraws(
    fleet: Fleet, images: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    worker = fleet.start_worker()
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
    worker = fleet.start_worker()
    client = connect(fleet.url).client
    queue = "captchafleet.v1." + connect(fleet.url).workers()[0].fingerprint
    process = submit_one_long_batch(fleet, images, tmp_path, "--wait", "300")

    worker.process.send_signal(signal.SIGINT)
    time.sleep(1)
    worker.process.send_signal(signal.SIGINT)

    wait_for("the batch's return to the queue", lambda: client.llen(queue) == 1, 20)
    assert worker.process.wait(timeout=20) == 1
    assert client.hlen(UNACKED_KEY) == 0
    process.kill()
    process.wait()


def test_a_full_redis_is_waited_for_and_the_job_ends_well(
    redis_server: str, images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    with redis_process(redis_server, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as url:
        fleet = Fleet(url, folder)
        try:
            fleet.start_worker()
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
    fleet.start_worker()
    table = tmp_path / "labels.csv"
    table.write_text("".join(f"{path.name},{path.stem}\n" for path in images.iterdir()))
    process = submit_on(fleet, images, tmp_path, "--labels", str(table))

    table.unlink()

    assert process.wait(timeout=90) == 0
    assert report_of(tmp_path / "run")["exact_match"]["n"] == IMAGES


def test_a_cancelled_job_stops_its_producer_and_can_be_resumed(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    fleet.start_worker()
    process = submit_on(fleet, images, tmp_path)
    job = connect(fleet.url).jobs()[0]

    assert producer("cancel", job, "--broker", fleet.url, cwd=tmp_path).code == 0

    assert process.wait(timeout=60) == 4
    assert "the job was cancelled" in (tmp_path / "producer.log").read_text()
    assert connect(fleet.url).client.keys("captchafleet:v1:blob:*") == []
    assert producer("resume", "run", "--broker", fleet.url, cwd=tmp_path).code == 0
    assert verdict(tmp_path / "run") == (0, 0, 0)


def test_a_worker_answers_a_ping_while_it_is_busy(fleet: Fleet, images: Path, tmp_path: Path) -> None:
    worker = fleet.start_worker()
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


def test_a_batch_that_ended_three_workers_is_split_until_its_image_is_quarantined(
    fleet: Fleet, tmp_path: Path
) -> None:
    write_captchas(tmp_path / "images", 4)
    worker = fleet.start_worker()
    store = connect(fleet.url)
    child = pool_child(worker.process.pid)
    child.suspend()
    process = start_producer(
        "submit", "images", "--broker", fleet.url, "--run-dir", "run", "--batch-size", "4", cwd=tmp_path
    )
    job = wait_for("the job", lambda: next(iter(store.jobs()), None))
    # As if these ranges had been begun three times without an end; the last of them is one image alone.
    for batch in ("0-3", "0-1", "1-1"):
        store.client.hset(f"captchafleet:v1:job:{job}:starts", f"{job}:{batch}", 3)
    child.resume()

    assert process.wait(timeout=90) == 1

    codes = {line["id"]: line["error"] and line["error"]["code"] for line in results_of(tmp_path / "run")}
    assert codes == {0: None, 1: "quarantined", 2: None, 3: None}
    assert verdict(tmp_path / "run", 4) == (0, 0, 0)
