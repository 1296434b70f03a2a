"""What the two processes of a worker do around its task: choose a queue, load a model, announce, withdraw."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from model_zoo.errors import ModelNotFound
from worker import tasks
from worker.contract import WorkerInfo
from worker.settings import Settings


def test_the_parent_consumes_the_queue_of_its_model_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_WORKER_NAME", "to be replaced")
    monkeypatch.setenv("CAPTCHAFLEET_WORKER_INSTANCE", "and so is this")
    monkeypatch.delenv("CAPTCHAFLEET_MODEL", raising=False)
    conf: dict[str, Any] = {}

    tasks.choose_queue("cpu-1@here", conf)

    name = f"captchafleet.v2.{tasks.served_card(Settings()).fingerprint}"
    assert [queue.name for queue in conf["task_queues"]] == [name]
    assert conf["task_default_queue"] == name
    assert os.environ["CAPTCHAFLEET_WORKER_NAME"] == "cpu-1@here"
    assert len(os.environ["CAPTCHAFLEET_WORKER_INSTANCE"]) == 32


@dataclass
class FakeSolver:
    """A solver with a card, on a device."""

    device: str = "cpu"

    @property
    def card(self) -> Any:
        return tasks.served_card(Settings())


def test_a_child_announces_itself_once_its_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    announced: list[WorkerInfo] = []
    monkeypatch.setenv("CAPTCHAFLEET_WORKER_NAME", "cpu-2@here")
    monkeypatch.setenv("CAPTCHAFLEET_WORKER_INSTANCE", "5f3a")
    for name in ("settings", "solver", "store", "lexicons", "name"):
        monkeypatch.setattr(tasks._Child, name, None, raising=False)
    monkeypatch.setattr(tasks, "load", lambda settings: FakeSolver())
    monkeypatch.setattr(
        tasks, "connect", lambda url: SimpleNamespace(announce=announced.append, lexicon=None)
    )

    tasks.load_model()

    (info,) = announced
    card = FakeSolver().card
    assert (info.name, info.instance) == ("cpu-2@here", "5f3a")
    assert (info.model, info.fingerprint) == (card.name, card.fingerprint)
    assert (info.device, info.visibility_timeout_s, info.version) == ("cpu", 150.0, 2)
    assert info.card["charset"] == card.charset


class EndedError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """A process whose end is an EndedError; collects the signals that it sends."""
    killed: list[tuple[int, int]] = []

    def end(code: int) -> None:
        raise EndedError(code)

    for name in ("settings", "solver", "store", "lexicons", "name"):
        monkeypatch.setattr(tasks._Child, name, None, raising=False)
    for name in ("NAME", "INSTANCE"):
        monkeypatch.setenv(f"CAPTCHAFLEET_WORKER_{name}", "x")
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    monkeypatch.setattr(os, "_exit", end)
    return killed


TROUBLES = [
    (ModelNotFound("model 'x' is not there"), "model 'x' is not there"),
    (RuntimeError("CUDA error"), "CUDA error"),
    (OSError(5, "Input/output error"), "[Errno 5] Input/output error"),
]


@pytest.mark.parametrize(("trouble", "said"), TROUBLES, ids=[said for _, said in TROUBLES])
def test_a_child_without_a_model_ends_the_whole_worker(
    trouble: Exception,
    said: str,
    ended: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def load(settings: Settings) -> None:
        raise trouble

    monkeypatch.setattr(tasks, "load", load)

    with pytest.raises(EndedError, match="1"):
        tasks.load_model()
    assert ended == [(os.getppid(), signal.SIGQUIT)]
    assert capsys.readouterr().err == f"Error: {said}\n"


def test_a_child_announces_itself_to_a_redis_that_comes_back(
    ended: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [RedisConnectionError("Connection refused")] * 3
    announced: list[WorkerInfo] = []

    def announce(info: WorkerInfo) -> None:
        if failures:
            raise failures.pop()
        announced.append(info)

    clock = SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda seconds: None)
    monkeypatch.setattr(tasks, "time", clock)
    monkeypatch.setattr(tasks, "load", lambda settings: FakeSolver())
    monkeypatch.setattr(tasks, "connect", lambda url: SimpleNamespace(announce=announce, lexicon=None))

    tasks.load_model()

    assert len(announced) == 1
    said = "the worker could not be announced, trying again: Connection refused"
    assert [message for message in caplog.messages if message == said] == [said] * 3


def test_a_child_that_cannot_announce_itself_ends_the_whole_worker(
    ended: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = SimpleNamespace(seconds=0.0)

    def announce(info: WorkerInfo) -> None:
        raise RedisConnectionError("Connection refused")

    def sleep(seconds: float) -> None:
        now.seconds += seconds

    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: now.seconds, sleep=sleep))
    monkeypatch.setattr(tasks, "load", lambda settings: FakeSolver())
    monkeypatch.setattr(tasks, "connect", lambda url: SimpleNamespace(announce=announce, lexicon=None))

    with pytest.raises(EndedError):
        tasks.load_model()
    assert 60 <= now.seconds <= 62
    assert capsys.readouterr().err == "Error: Connection refused\n"


def test_a_parent_without_a_model_ends_before_it_consumes(
    ended: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_MODEL", "crnn-9")
    conf: dict[str, Any] = {}

    with pytest.raises(EndedError, match="2"):
        tasks.choose_queue("cpu-1@here", conf)
    assert conf == {}
    assert capsys.readouterr().err.startswith("Error: model 'crnn-9' is not in ")


def test_a_worker_that_ends_takes_its_announcement_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kept:
        calls: tuple[str, ...] = ()

        def __init__(self, store: object, name: str, instance: str) -> None:
            assert (name, instance) == ("cpu-1@here", "5f3a")

        def start(self) -> None:
            Kept.calls += ("start",)

        def stop(self) -> None:
            Kept.calls += ("stop",)

    monkeypatch.setenv("CAPTCHAFLEET_WORKER_NAME", "cpu-1@here")
    monkeypatch.setenv("CAPTCHAFLEET_WORKER_INSTANCE", "5f3a")
    monkeypatch.setattr(tasks._Parent, "presence", None)
    monkeypatch.setattr(tasks, "Presence", Kept)

    tasks.stop_presence()
    assert Kept.calls == (), "it never served"
    tasks.start_presence()
    tasks.stop_presence()
    assert Kept.calls == ("start", "stop")
