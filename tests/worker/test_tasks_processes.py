"""What the two processes of a worker do around its task: choose a queue, load a model, announce, withdraw."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from model_zoo.errors import ModelNotFound
from worker import tasks
from worker.contract import WorkerInfo
from worker.settings import Settings


def test_the_parent_consumes_the_queue_of_its_model_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_WORKER_NAME", "to be replaced")
    monkeypatch.delenv("CAPTCHAFLEET_MODEL", raising=False)
    conf: dict[str, Any] = {}

    tasks.choose_queue("cpu-1@here", conf)

    name = f"captchafleet.v1.{tasks.served_card(Settings()).fingerprint}"
    assert [queue.name for queue in conf["task_queues"]] == [name]
    assert conf["task_default_queue"] == name
    assert os.environ["CAPTCHAFLEET_WORKER_NAME"] == "cpu-1@here"


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
    for name in ("settings", "solver", "store", "name"):
        monkeypatch.setattr(tasks._Child, name, None, raising=False)
    monkeypatch.setattr(tasks, "load", lambda settings: FakeSolver())
    monkeypatch.setattr(tasks, "connect", lambda url: SimpleNamespace(announce=announced.append))

    tasks.load_model()

    (info,) = announced
    card = FakeSolver().card
    assert (info.name, info.model, info.fingerprint) == ("cpu-2@here", card.name, card.fingerprint)
    assert (info.device, info.visibility_timeout_s, info.version) == ("cpu", 150.0, 1)
    assert info.card["charset"] == card.charset


class _EndedError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    "trouble",
    [ModelNotFound("model 'x' is not there"), RuntimeError("CUDA"), OSError(5, "Input/output error")],
)
def test_a_child_without_a_model_ends_the_whole_worker(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    killed: list[tuple[int, int]] = []

    def load(settings: Settings) -> None:
        raise trouble

    def end(code: int) -> None:
        raise _EndedError(code)

    monkeypatch.setattr(tasks, "load", load)
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    monkeypatch.setattr(os, "_exit", end)

    with pytest.raises(_EndedError, match="1"):
        tasks.load_model()
    assert killed == [(os.getppid(), signal.SIGTERM)]
    assert capsys.readouterr().err == f"Error: {trouble}\n"


def test_a_worker_that_ends_takes_its_announcement_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kept:
        calls: tuple[str, ...] = ()

        def __init__(self, store: object, name: str) -> None:
            assert name == "cpu-1@here"

        def start(self) -> None:
            Kept.calls += ("start",)

        def stop(self) -> None:
            Kept.calls += ("stop",)

    monkeypatch.setenv("CAPTCHAFLEET_WORKER_NAME", "cpu-1@here")
    monkeypatch.setattr(tasks._Parent, "presence", None)
    monkeypatch.setattr(tasks, "Presence", Kept)

    tasks.stop_presence()
    assert Kept.calls == (), "it never served"
    tasks.start_presence()
    tasks.stop_presence()
    assert Kept.calls == ("start", "stop")
