"""The embedded default: what it starts is private, and gone once its producer is gone, however that ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
from pathlib import Path

import psutil
import pytest
from processes import (
    environment,
    producer,
    report_of,
    results_of,
    start_producer,
    wait_for,
    write_captchas,
)

from worker.embedded import Embedded, EmbeddedError


def descendants(pid: int) -> list[psutil.Process]:
    """All processes below `pid`, the supervisor's own session included."""
    return psutil.Process(pid).children(recursive=True)


def marked(mark: str) -> list[psutil.Process]:
    """All processes that were started, by whomever, with this mark in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.environ().get("MARK") == mark:
                found.append(process)
    return found


def sockets_of(processes: list[psutil.Process]) -> list[int]:
    """TCP ports on which these processes listen."""
    return [
        connection.laddr.port
        for process in processes
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Enough captchas for a job that is still under way when the test looks."""
    folder = tmp_path / "images"
    write_captchas(folder, 400)
    return folder


def test_submit_without_a_broker_starts_one_reads_everything_and_leaves_nothing_behind(
    captchas: Path, tmp_path: Path
) -> None:
    # A folder of the user's that is called like a package of ours must not get in the way.
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "__init__.py").touch()
    done = producer("submit", captchas, "--run-dir", "run", "--json", cwd=tmp_path, MARK=str(tmp_path))

    assert done.code == 0, done.err
    assert json.loads(done.out) == report_of(tmp_path / "run")
    assert report_of(tmp_path / "run")["answered"] == 40
    assert marked(str(tmp_path)) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_server_and_worker_die_with_the_producer_and_the_job_goes_on_afterwards(
    images: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = start_producer("submit", images, "--run-dir", "run", "--batch-size", "16", cwd=tmp_path)
    journal = tmp_path / "run" / "results.jsonl"
    wait_for("the first answers", lambda: journal.exists() and journal.stat().st_size > 0)
    family = descendants(process.pid)
    names = [" ".join(member.cmdline()) for member in family]
    folder = next(Path(name.split("unixsocket:")[-1]).parent for name in names if "redis.sock" in name)

    process.send_signal(number)
    code = process.wait(timeout=60)

    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    wait_for("the end of the private folder", lambda: not folder.exists(), 5)
    assert code == {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 4}[number]
    answered = len(journal.read_bytes().splitlines())
    assert 0 < answered < 400

    done = producer("resume", "run", cwd=tmp_path)

    assert done.code == 0, done.err
    lines = results_of(tmp_path / "run")
    assert sorted(line["id"] for line in lines) == list(range(400))
    assert report_of(tmp_path / "run")["images"] == 400


def test_the_private_server_is_behind_a_0700_folder_and_has_no_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    with Embedded([], tmp_path / "log") as embedded:
        socket = Path(embedded.broker_url.removeprefix("redis+socket://"))
        supervisor = next(p for p in descendants(os.getpid()) if "worker.embedded" in p.cmdline())
        family = wait_for("its children", lambda: len(supervisor.children()) == 2 and supervisor.children())

        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert sockets_of(family) == []


def test_a_killed_supervisor_takes_its_server_and_worker_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    with Embedded([], tmp_path / "log") as embedded:
        supervisor = next(p for p in descendants(os.getpid()) if "worker.embedded" in p.cmdline())
        family = wait_for("its children", lambda: len(supervisor.children()) == 2 and supervisor.children())

        supervisor.kill()

        _, alive = psutil.wait_procs(family, timeout=10)
        assert alive == []
        with pytest.raises(EmbeddedError):
            embedded.check()


def test_without_a_server_on_path_the_one_in_the_wheel_serves(captchas: Path, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()

    done = producer("submit", captchas, "--run-dir", "run", "--quiet", cwd=tmp_path, PATH=str(empty))

    assert done.code == 0, done.err
    assert (
        "Valkey" in (tmp_path / "run" / "worker.log").read_text()
        or "valkey" in (tmp_path / "run" / "worker.log").read_text()
    )


def test_an_unknown_model_is_refused_with_the_names_that_are_there(captchas: Path, tmp_path: Path) -> None:
    done = producer("submit", captchas, "--model", "crnn-9", "--run-dir", "run", "--quiet", cwd=tmp_path)

    assert done.code == 2
    assert done.err == (
        "Error: model 'crnn-9' is not in model_zoo/weights; available: crnn-small, "
        "generic, kaptcha, kaptcha-zero, nano; a model of your own: give the path of its card, like "
        "zoo/mine.json, or name its folder in CAPTCHAFLEET_ZOO\n"
    )
    assert not (tmp_path / "run").exists()
