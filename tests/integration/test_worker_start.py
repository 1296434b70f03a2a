"""`worker start` as an operator meets it: what it refuses, and one process per device."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT, environment, free_port, producer, redis_process, wait_for

# Stands in for Celery, which needs a real device: says that it is up, and how often it was told to stop.
CHILD = """
import os, signal, sys, time
told = []
def say(*words):
    # Not print: a signal in the middle of it would meet itself in the handler.
    os.write(1, (" ".join([os.environ["CAPTCHAFLEET_DEVICE"], *words]) + "\\n").encode())
def stop(number, frame):
    told.append(number)
    say(signal.Signals(number).name, str(len(told)))
    if len(told) == 2:
        sys.exit(3)
signal.signal(signal.SIGINT, stop)
say("up")
while True:
    time.sleep(0.05)
"""

LAUNCHER = f"""
import os, sys
from worker import cli
cli._command = lambda device, loglevel: [sys.executable, "-c", {CHILD!r}]
cli._run(["cuda:0", "cuda:1"], dict(os.environ), "info")
"""


def start(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `worker start` to its end, which comes soon where it refuses."""
    return subprocess.run(
        [sys.executable, "-m", "worker.cli", "start", *arguments],
        env=environment(**env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_device_gets_a_process_of_its_own_and_every_signal_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream:
        launcher = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER], env=environment(), cwd=ROOT, stdout=stream, stderr=stream
        )
    wait_for("both children", lambda: log.read_text().count("up") == 2)

    launcher.send_signal(signal.SIGINT)
    wait_for("the first signal's arrival", lambda: log.read_text().count("SIGINT 1") == 2)
    launcher.send_signal(signal.SIGINT)

    assert launcher.wait(timeout=30) == 3
    assert sorted(log.read_text().splitlines()) == [
        f"cuda:{number} {said}" for number in (0, 1) for said in ("SIGINT 1", "SIGINT 2", "up")
    ]


def test_a_broker_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    port = free_port()

    done = start(
        "--device", "cpu", cwd=tmp_path, CAPTCHAFLEET_BROKER=f"redis://:hunter2@127.0.0.1:{port}/0"
    )  # fmt: skip

    assert done.returncode == 3
    assert done.stderr == (
        f"Error: broker redis://:***@127.0.0.1:{port}/0 cannot be reached: "
        f"Error 111 connecting to 127.0.0.1:{port}. Connection refused.\n"
    )


@pytest.mark.redis
def test_a_password_comes_by_file_or_environment_and_never_shows(
    redis_server: str, captchas: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    with redis_process(redis_server, "--requirepass", "hunter2") as url:
        refused = producer("submit", captchas, "--broker", url, "--wait", "0", cwd=tmp_path)
        let_in = producer(
            "submit", captchas, "--broker", url, "--broker-password-file", secret, "--wait", "0", cwd=tmp_path
        )
        by_environment = producer(
            "status", "--broker", url, cwd=tmp_path, CAPTCHAFLEET_BROKER_PASSWORD="hunter2"
        )

    assert refused.code == 3
    assert "refuses the user or password" in refused.err or "Authentication required" in refused.err
    assert let_in.code == 3
    assert "no worker served any model within 0 s; served: nothing" in let_in.err
    assert by_environment.code == 0
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != secret)
    assert b"hunter2" not in written + (refused.err + let_in.err + by_environment.out).encode()
