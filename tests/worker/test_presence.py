"""How a worker stays known: found, renewed, renewed again after Redis forgot, and taken back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from worker import presence
from worker.contract import WorkerInfo
from worker.presence import Presence

INFO = WorkerInfo("cpu-1@here", "crnn", "0" * 16, instance="5f3a")
PATIENCE_S = 20.0


class FakeStore:
    """A store of one announcement; `broken` calls fail first."""

    def __init__(self, info: WorkerInfo | None = None, broken: int = 0) -> None:
        self.info = info
        self.broken = broken
        self.looked = threading.Semaphore(0)
        self.renewed = threading.Semaphore(0)
        self.withdrawn: list[str] = []

    def _maybe_fail(self) -> None:
        if self.broken:
            self.broken -= 1
            raise RedisConnectionError("Connection refused")

    def announced(self, name: str) -> WorkerInfo | None:
        assert name == INFO.name
        self.looked.release()
        self._maybe_fail()
        return self.info

    def announce(self, info: WorkerInfo) -> None:
        self._maybe_fail()
        self.info = info
        self.renewed.release()

    def withdraw(self, name: str) -> None:
        self._maybe_fail()
        self.withdrawn.append(name)
        self.info = None


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(presence, "_LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(presence, "_RENEW_EVERY_S", 0.001)
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "presence"]


def started(store: FakeStore) -> Presence:
    """A presence at work."""
    kept = Presence(store, INFO.name, INFO.instance)  # type: ignore[arg-type]
    kept.start()
    return kept


def test_an_announcement_is_renewed_until_it_is_taken_back() -> None:
    store = FakeStore(INFO)
    kept = started(store)

    for _ in range(3):
        assert store.renewed.acquire(timeout=PATIENCE_S)
    kept.stop()

    assert store.withdrawn == [INFO.name]
    assert store.info is None


def test_nothing_is_announced_before_the_child_has_done_so() -> None:
    store = FakeStore()
    kept = started(store)

    for _ in range(3):
        assert store.looked.acquire(timeout=PATIENCE_S)
    assert not store.renewed.acquire(blocking=False)
    store.info = INFO
    assert store.renewed.acquire(timeout=PATIENCE_S)
    kept.stop()


def test_what_an_earlier_run_announced_under_the_same_name_is_not_renewed() -> None:
    store = FakeStore(replace(INFO, instance="before"))
    kept = started(store)

    for _ in range(3):
        assert store.looked.acquire(timeout=PATIENCE_S)
    kept.stop()

    assert not store.renewed.acquire(blocking=False)


def test_what_redis_forgot_is_announced_afresh() -> None:
    store = FakeStore(INFO)
    kept = started(store)
    assert store.renewed.acquire(timeout=PATIENCE_S)

    store.info = None
    while store.renewed.acquire(blocking=False):
        pass
    assert store.renewed.acquire(timeout=PATIENCE_S)
    assert store.renewed.acquire(timeout=PATIENCE_S)

    assert store.info == INFO
    kept.stop()


def test_an_absent_redis_is_worth_a_warning_and_another_try(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore(INFO, broken=2)
    kept = started(store)

    assert store.renewed.acquire(timeout=PATIENCE_S)
    kept.stop()

    assert caplog.messages[:2] == ["the announcement could not be renewed: Connection refused"] * 2


def test_a_redis_that_is_gone_at_the_end_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore()
    kept = started(store)
    assert store.looked.acquire(timeout=PATIENCE_S)
    caplog.set_level(logging.WARNING)

    store.broken = 10**9
    kept.stop()

    assert caplog.messages[-1] == (
        "the announcement could not be taken back, it ends by itself in 30 s: Connection refused"
    )
