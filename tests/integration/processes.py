"""Real servers, real workers, real producers for tests: each a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from model_zoo.generators.folder import write_examples
from worker.store import connect

ROOT = Path(__file__).parent.parent.parent
START_S = 90.0


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any CAPTCHAFLEET_ setting but the zoo's, plus `more`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == "CAPTCHAFLEET_ZOO" or not name.startswith("CAPTCHAFLEET_")
    }
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **more}


def wait_for(what: str, condition: Callable[[], Any], timeout_s: float = START_S) -> Any:
    """The first true value of a condition; fails the test with `what` after the timeout."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {timeout_s:g} s")


@dataclass
class Finished:
    """A producer that has ended."""

    code: int
    out: str
    err: str


def producer(*arguments: str | Path, cwd: Path, timeout_s: float = 120, **env: str) -> Finished:
    """Run `producer` with these arguments until it ends."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "producer.cli", *map(str, arguments)],
        capture_output=True,
        cwd=cwd,
        env=environment(**env),
        timeout=timeout_s,
        check=False,
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace"))


def start_producer(*arguments: str | Path, cwd: Path, **env: str) -> subprocess.Popen[bytes]:
    """Start `producer` with these arguments; its output goes to cwd/producer.log."""
    with (cwd / "producer.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "producer.cli", *map(str, arguments)],
            cwd=cwd,
            env=environment(**env),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@dataclass
class Worker:
    """A `worker start` process; `name` is known once it has announced itself."""

    process: subprocess.Popen[bytes]
    log: Path
    name: str = ""

    def stop(self, number: int = signal.SIGKILL) -> int:
        """Send a signal to the worker's main process and wait for its end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        # What a killed main process leaves behind is its child, in the same process group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return code


@dataclass
class Fleet:
    """A broker, and the workers that a test starts on it."""

    url: str
    folder: Path
    workers: list[Worker] = field(default_factory=list)

    def start_worker(self, *arguments: str, wait: bool = True, **env: str) -> Worker:
        """Start a worker; waits until it serves, unless told not to."""
        known = {info.name for info in connect(self.url).workers()}
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "worker.cli", "start", "--device", "cpu", *arguments],
                env=environment(CAPTCHAFLEET_BROKER=self.url, **env),
                cwd=self.folder,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        worker = Worker(process, log)
        self.workers.append(worker)
        if wait:

            def announced() -> str | None:
                assert process.poll() is None, log.read_text()
                new = [i.name for i in connect(self.url).workers() if i.name not in known]
                return new[0] if new else None

            worker.name = wait_for("the worker's announcement", announced)
        return worker

    def stop(self) -> None:
        """End every worker."""
        for worker in self.workers:
            worker.stop()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def redis_process(program: str, *arguments: str) -> Iterator[str]:
    """A Redis server on a free loopback port; yields its URL."""
    port = free_port()
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        client = redis.Redis(port=port)

        def answers() -> bool:
            # Between two processes of tests the port may have gone to the other one's server.
            assert server.poll() is None, f"redis-server ended; is port {port} taken?"
            with contextlib.suppress(redis.ConnectionError):
                return bool(client.execute_command("PING"))
            return False

        if "--requirepass" not in arguments:
            wait_for("redis-server's start", answers, 10)
        client.close()
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


def write_captchas(folder: Path, count: int, seed: int = 900_001) -> list[str]:
    """Captchas of the default model's style, named after what they say; returns the file names."""
    return [path.name for path in write_examples(folder, style="kaptcha", count=count, seed=seed)]


def results_of(run: Path) -> list[dict[str, Any]]:
    """The lines of a run folder's journal."""
    return [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]


def report_of(run: Path) -> Mapping[str, Any]:
    """The report.json of a run folder."""
    report: Mapping[str, Any] = json.loads((run / "report.json").read_text())
    return report
