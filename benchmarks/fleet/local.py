"""`Fleet`: a private Redis with real workers and real producers on this machine, all gone at the end.

    with Fleet(folder) as fleet:
        fleet.start_pretended(8, rate=1000)         # workers whose forward pass is a sleep; see fleet.pretend
        job = fleet.submit(images, "--labels", "none")          # `producer submit`, until it ends
        print(job.seconds, job.report["images"], job.cpu_s)

        fleet.stop_workers()
        fleet.start_workers(1, "--model", "nano")               # `worker start`: the real thing
        running = fleet.start_submit(images)                    # `producer submit`, in the background
        fleet.cpu(), fleet.workers, fleet.redis_pid             # for whoever measures from outside

Whatever happens within the block, Ctrl-C and exceptions included, no process is left; on Linux they end even
if this process is killed.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from fleet import pretend
from fleet.jobs import Job, Running
from fleet.processes import CpuSeconds, cpu_seconds, descendants, environment, kill, spawn
from worker.store import Store, connect

START_S = 300.0  # torch takes long to import where many do it at once


class FleetError(Exception):
    """Something of the fleet did not start, or ended; the message names its log."""


@dataclass(frozen=True)
class Worker:
    """A worker that serves.

    Attributes:
        process: its main process, Celery's consumer.
        name: as it announced itself.
        log: what it printed.
    """

    process: subprocess.Popen[bytes]
    name: str
    log: Path

    @property
    def pid(self) -> int:
        """Of its main process."""
        return self.process.pid

    @property
    def children(self) -> list[int]:
        """What its main process started: the one that holds the model, and Python's helpers."""
        return descendants(self.pid)


class Fleet:
    """A private Redis server, and what is started on it.

    Args:
        folder: takes the logs and the run folders; made if it is not there.
        tcp: have Redis listen on a free port of the loopback; else on a Unix socket in a folder of its own.
        redis_arguments: more of them, e.g. ("--appendonly", "yes"). Nothing is persisted by default.

    Attributes:
        url: of the broker.
        redis_pid: the server's process.
        workers: those that serve, in the order in which they were started.

    Raises:
        FleetError: on entering, where no `redis-server` is on PATH, or it does not start.
    """

    def __init__(self, folder: Path, *, tcp: bool = False, redis_arguments: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.url = ""
        self.redis_pid = 0
        self.workers: list[Worker] = []
        self._tcp = tcp
        self._redis_arguments = redis_arguments
        self._processes: list[subprocess.Popen[bytes]] = []
        self._started = 0
        # Not below `folder`: the path of a Unix socket must stay under 100 bytes.
        self._private = ""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._private = tempfile.mkdtemp(prefix="fleet-")
        try:
            self._start_redis()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process that was started here; what the folder holds stays."""
        # The last ones first: a worker whose Redis is gone would only write that into its log.
        kill(reversed(self._processes))
        self._processes, self.workers = [], []
        shutil.rmtree(self._private, ignore_errors=True)

    @property
    def store(self) -> Store:
        """A new connection to the server, in the words of the wire; `.client` is redis-py's."""
        return connect(self.url)

    # Workers.

    def start_pretended(self, count: int, rate: float, model: str | None = None) -> list[Worker]:
        """Start workers that serve a model without running it, and wait until they serve.

        Args:
            count: how many.
            rate: images a second of each one's device; see `set_rate`.
            model: a name or path for the zoo, whose fingerprint they announce; None for the default.
        """
        self.set_rate(rate)
        env = {pretend.RATE_VARIABLE: str(self._rate_file)}
        if model is not None:
            env["CAPTCHAFLEET_MODEL"] = model
        command = (sys.executable, "-P", "-m", "fleet.pretend", "-A", "worker.celery_app", "worker")
        options = ("--loglevel", "info", "--without-gossip", "--without-mingle")  # as `worker start` has them
        return self._start(count, lambda name: [*command, "-n", name, *options], env)

    def set_rate(self, rate: float) -> None:
        """Images a second of every pretended device, from its next batch on."""
        whole = self._rate_file.with_suffix(".new")
        whole.write_text(f"{rate:g}", encoding="ascii")
        whole.replace(self._rate_file)

    def start_workers(self, count: int, *arguments: str, **env: str) -> list[Worker]:
        """Start real workers, and wait until they serve.

        Args:
            count: how many.
            arguments: of `worker start`, e.g. "--model", "nano"; `--device cpu` unless they name another.
            env: more variables, e.g. OMP_NUM_THREADS="1".
        """
        device = () if "--device" in arguments else ("--device", "cpu")
        command = [sys.executable, "-P", "-m", "worker.cli", "start", *device, *arguments]
        return self._start(count, lambda name: command, env)

    def stop_workers(self, leave: int = 0) -> None:
        """End the workers but for the first `leave`, at once; no job should be running."""
        going, self.workers = self.workers[leave:], self.workers[:leave]
        kill(worker.process for worker in going)
        self._processes = [process for process in self._processes if process.returncode is None]
        store = self.store
        for worker in going:
            store.withdraw(worker.name)

    def _start(self, count: int, command: Callable[[str], list[str]], env: dict[str, str]) -> list[Worker]:
        new: list[tuple[subprocess.Popen[bytes], Path]] = []
        for _ in range(count):
            log = self._path("worker", ".log")
            name = f"worker{self._started}@{socket.gethostname()}"
            process = spawn(command(name), log, environment(CAPTCHAFLEET_BROKER=self.url, **env), self.folder)
            self._processes.append(process)
            new.append((process, log))
        store, known, deadline = (
            self.store,
            {worker.name for worker in self.workers},
            time.monotonic() + START_S,
        )
        while len(names := self._announced(store) - known) < count:
            for process, log in new:
                _check(process, log, "a worker")
            if time.monotonic() > deadline:
                raise FleetError(
                    f"{len(names)} of {count} workers serve after {START_S:g} s; see {new[0][1]}"
                )
            time.sleep(0.05)
        # The name of a real worker ends in its process id; see worker.cli.
        started = [
            Worker(process, next(name for name in names if _is_of(name, process.pid, log)), log)
            for process, log in new
        ]
        self.workers += started
        return started

    def _announced(self, store: Store) -> set[str]:
        return {info.name for info in store.workers()}

    # Producers.

    def submit(self, images: Path, *arguments: str, **env: str) -> Job:
        """Run `producer submit` on a folder until it ends, whatever its exit code.

        Args:
            images: the folder.
            arguments: more of them; the broker and the run folder are given.
            env: more variables.
        """
        return self.start_submit(images, *arguments, **env).wait()

    def start_submit(self, images: Path, *arguments: str, **env: str) -> Running:
        """Start `producer submit` and return at once."""
        run, log = self._path("run", ""), self._path("producer", ".log")
        command = [sys.executable, "-P", "-m", "producer.cli", "submit", str(images), "--run-dir", str(run)]
        process = spawn(
            [*command, *arguments], log, environment(CAPTCHAFLEET_BROKER=self.url, **env), self.folder
        )
        self._processes.append(process)
        return Running(process, run, log)

    # What it costs.

    def cpu(self) -> CpuSeconds:
        """Processor time so far, of those that are there; take two and subtract."""
        return CpuSeconds(
            redis=cpu_seconds(self.redis_pid),
            parents=sum(cpu_seconds(worker.pid) for worker in self.workers),
            children=sum(cpu_seconds(pid) for worker in self.workers for pid in worker.children),
        )

    def redis_info(self) -> dict[str, Any]:
        """Redis's INFO, e.g. `total_net_input_bytes` and `used_memory_peak`."""
        info: dict[str, Any] = self.store.client.info()
        return info

    # Inside.

    @property
    def _rate_file(self) -> Path:
        return Path(self._private) / "rate"

    def _path(self, what: str, suffix: str) -> Path:
        self._started += 1
        return (self.folder / f"{what}-{self._started}{suffix}").resolve()

    def _start_redis(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise FleetError("no redis-server on PATH; install your system's package of it")
        if self._tcp:
            port = _free_port()
            where = ("--port", str(port), "--bind", "127.0.0.1")
            self.url = f"redis://127.0.0.1:{port}/0"
        else:
            where = ("--port", "0", "--unixsocket", f"{self._private}/redis.sock")
            self.url = f"redis+socket://{self._private}/redis.sock"
        nothing_kept = ("--save", "", "--appendonly", "no", "--dir", self._private)
        log = self._path("redis", ".log")
        process = spawn([program, *where, *nothing_kept, *self._redis_arguments], log, environment())
        self._processes.append(process)
        self.redis_pid = process.pid
        deadline = time.monotonic() + START_S
        while True:
            _check(process, log, "redis-server")
            with suppress(redis.ConnectionError):
                self.store.client.ping()
                return
            if time.monotonic() > deadline:
                raise FleetError(f"redis-server does not answer after {START_S:g} s; see {log}")
            time.sleep(0.02)


def _is_of(name: str, pid: int, log: Path) -> bool:
    node = name.partition("@")[0]
    return node.endswith(f"-{pid}") or node == log.stem.replace("-", "")


def _check(process: subprocess.Popen[bytes], log: Path, what: str) -> None:
    if process.poll() is not None:
        last = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise FleetError(f"{what} ended with {process.returncode}; {log} ends with: {' | '.join(last)}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
