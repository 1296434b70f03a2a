"""`worker start`: what it refuses and how, and the process that it becomes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from worker import cli, devices, store
from worker.cli import main, start

SECRET = "hunter2"
# Each with its arguments and its environment.
Programs = list[tuple[list[str], dict[str, str]]]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in os.environ if name.startswith("CAPTCHAFLEET_") and name != "CAPTCHAFLEET_ZOO"
    ]:
        monkeypatch.delenv(name)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A broker that answers; collects the URLs under which it was asked."""
    asked: list[str] = []

    def connect(url: str) -> Any:
        asked.append(url)
        return SimpleNamespace(client=SimpleNamespace(ping=lambda: True))

    monkeypatch.setattr(store, "connect", connect)
    return asked


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Programs:
    """What the command would have become: its arguments and environment."""
    programs: Programs = []

    def execve(path: str, command: list[str], env: dict[str, str]) -> None:
        assert path == sys.executable == command[0]
        programs.append((command, env))
        raise SystemExit  # the process is another one from here on

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setattr(devices, "_count_gpus", lambda: 0)
    return programs


def run(*arguments: str, **env: str) -> Result:
    """`worker start` with these arguments and variables."""
    return CliRunner().invoke(main, ["start", *arguments], env=env)


def test_the_command_becomes_a_celery_worker_of_its_device(broker: list[str], started: Programs) -> None:
    result = run(
        *("--broker", "redis://host:6380/2", "--micro-batch", "64"),
        *("--precision", "float32", "--runtime", "torch"),
    )

    assert result.exit_code == 0, result.output
    ((command, env),) = started
    assert broker == ["redis://host:6380/2"]
    assert command[1:7] == ["-P", "-m", "worker.node", "-A", "worker.celery_app", "worker"]
    assert command[command.index("-n") + 1] == f"cpu-{os.getpid()}@{socket.gethostname()}"
    assert command[command.index("--loglevel") + 1] == "info"
    assert {name: value for name, value in env.items() if name.startswith("CAPTCHAFLEET_")} == {
        "CAPTCHAFLEET_BROKER": "redis://host:6380/2",
        "CAPTCHAFLEET_DEVICE": "cpu",
        "CAPTCHAFLEET_MICRO_BATCH": "64",
        "CAPTCHAFLEET_PRECISION": "float32",
        "CAPTCHAFLEET_RUNTIME": "torch",
    }


def test_every_option_has_its_variable_and_shows_it(broker: list[str], started: Programs) -> None:
    options = [each for each in start.params if isinstance(each, click.Option)]
    expected = {
        each.opts[0]: f"CAPTCHAFLEET_{each.opts[0][2:].replace('-', '_').upper()}" for each in options
    }
    help_text = run("--help").output

    assert {each.opts[0]: each.envvar for each in options} == expected
    assert [
        name for name in expected.values() if f"env var: {name}" not in re.sub(r"\s+", " ", help_text)
    ] == []


def test_what_stands_in_the_environment_is_taken(broker: list[str], started: Programs) -> None:
    result = run(
        CAPTCHAFLEET_BROKER=f"redis://:{SECRET}@host",
        CAPTCHAFLEET_DEVICE="cpu",
        CAPTCHAFLEET_LOGLEVEL="debug",
        CAPTCHAFLEET_TASK_TIME_LIMIT="5",
    )

    assert result.exit_code == 0, result.output
    ((command, env),) = started
    assert broker == [f"redis://:{SECRET}@host"]
    assert command[command.index("--loglevel") + 1] == "debug"
    assert env["CAPTCHAFLEET_TASK_TIME_LIMIT"] == "5"
    assert SECRET not in " ".join(command)


def test_a_password_from_a_file_travels_in_the_environment(
    broker: list[str], started: Programs, tmp_path: Path
) -> None:
    path = tmp_path / "password"
    path.write_text(f"{SECRET}\r\n")

    result = run("--broker", "redis://host", "--broker-password-file", str(path))

    assert result.exit_code == 0, result.output
    ((command, env),) = started
    assert broker == [f"redis://:{SECRET}@host"]
    assert env["CAPTCHAFLEET_BROKER_PASSWORD_FILE"] == str(path)
    assert SECRET not in " ".join([*command, *env.values()])


REFUSED = [
    (
        ["--broker", f"redis://:{SECRET}@host"],
        "a password on the command line is seen by everyone on this machine; put it into "
        "CAPTCHAFLEET_BROKER_PASSWORD or give --broker-password-file",
        "a password on the command line",
    ),
    (
        ["--broker", "amqp://host"],
        "broker 'amqp://host' is no Redis URL; give redis://HOST:PORT/DB, rediss://... for TLS, "
        "or redis+socket:///PATH for a Unix socket",
        "a broker that is no Redis",
    ),
    (
        ["--device", "cuda:0"],
        "device cuda:0 is not on this machine; there is cpu",
        "a device that is missing",
    ),
    (
        ["--device", "tpu"],
        "device 'tpu' is none; give auto, cpu, all, cuda:0, or several like cuda:0,cuda:1",
        "a device that is none",
    ),
]


@pytest.mark.parametrize(("arguments", "message", "reason"), REFUSED, ids=[reason for *_, reason in REFUSED])
def test_what_cannot_be_served_is_refused_in_one_sentence(
    arguments: list[str],
    message: str,
    reason: str,
    broker: list[str],
    started: Programs,
) -> None:
    result = run(*arguments)

    assert (result.exit_code, result.stderr, result.stdout) == (2, f"Error: {message}\n", "")
    assert started == []


def test_a_broken_variable_is_refused_by_name(started: Programs) -> None:
    result = run(CAPTCHAFLEET_TASK_TIME_LIMIT="soon")

    assert (result.exit_code, result.stderr) == (
        2,
        "Error: CAPTCHAFLEET_TASK_TIME_LIMIT is 'soon', expected a number above 0\n",
    )


def test_an_unknown_model_is_refused_before_anything_starts(broker: list[str], started: Programs) -> None:
    result = run("--model", "crnn-9")

    assert result.exit_code == 2
    assert re.fullmatch(
        r"Error: model 'crnn-9' is not in .*; available: .*crnn-small.*; a model of your own: give the path "
        r"of its card, like zoo/mine\.json, or name its folder in CAPTCHAFLEET_ZOO\n",
        result.stderr,
    )
    assert broker == []


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None)

    result = run()

    assert (result.exit_code, result.stderr) == (
        2,
        "Error: a worker needs torch, which is not installed; run pip install 'captchafleet[worker]'\n",
    )


UNREACHABLE = [
    (RedisConnectionError("Connection refused"), "cannot be reached: Connection refused"),
    (AuthenticationError("invalid password"), "refuses the user or password: invalid password"),
]


@pytest.mark.parametrize(("error", "message"), UNREACHABLE, ids=["nobody there", "wrong password"])
def test_an_unreachable_broker_is_named_without_its_password(
    error: Exception,
    message: str,
    started: Programs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ping() -> None:
        raise error

    monkeypatch.setattr(store, "connect", lambda url: SimpleNamespace(client=SimpleNamespace(ping=ping)))

    result = run(CAPTCHAFLEET_BROKER=f"redis://user:{SECRET}@host:6379/0")

    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == f"Error: broker redis://user:***@host:6379/0 {message}\n"
    assert started == []


class FakeChild:
    """A worker process of one device; ends with `code`."""

    def __init__(self, command: list[str], code: int, **settings: Any) -> None:
        self.command = command
        self.code = code
        self.settings = settings
        self.signals: list[int] = []

    def send_signal(self, number: int) -> None:
        self.signals.append(number)

    def poll(self) -> int:
        return self.code


@pytest.mark.parametrize(("asked", "threads"), [(None, "4"), ("3", "3")], ids=["shared", "asked"])
def test_every_device_gets_a_process_a_share_of_the_cores_and_the_signals(
    broker: list[str], monkeypatch: pytest.MonkeyPatch, asked: str | None, threads: str
) -> None:
    children: list[FakeChild] = []
    handlers: dict[int, Any] = {}
    codes = iter([0, -15])

    def popen(command: list[str], **settings: Any) -> FakeChild:
        children.append(FakeChild(command, next(codes), **settings))
        return children[-1]

    monkeypatch.setattr(devices, "_count_gpus", lambda: 2)
    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(cli, "_cores", lambda: 9)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)

    result = run("--device", "all")

    assert result.exit_code == 15, "the worst end of all"
    assert [child.settings["env"]["CAPTCHAFLEET_DEVICE"] for child in children] == ["cuda:0", "cuda:1"]
    assert [child.settings["env"]["OMP_NUM_THREADS"] for child in children] == [threads, threads]
    names = [child.command[child.command.index("-n") + 1].partition("-")[0] for child in children]
    assert names == ["cuda0", "cuda1"]
    # A Ctrl-C in the terminal must reach them once, from us.
    assert all(child.settings["start_new_session"] for child in children)
    assert set(handlers) == {signal.SIGINT, signal.SIGTERM, signal.SIGQUIT}
    handlers[signal.SIGINT](signal.SIGINT, None)
    assert [child.signals for child in children] == [[signal.SIGINT], [signal.SIGINT]]


def test_help_has_an_example() -> None:
    assert "Example: worker start --broker redis://gpu-queue:6379/0 --device all" in run("--help").output
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0
