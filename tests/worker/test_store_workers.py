"""Announcements of workers on a real Redis, and a Redis that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError

from worker.broker import BrokerURLError
from worker.contract import WORKERS_KEY, WorkerInfo, worker_key
from worker.store import ANNOUNCEMENT_TTL_S, Store, connect

CARD = {"charset": "ab", "time_steps": 50}
FIRST = WorkerInfo("cpu-1@here", "crnn", "0" * 16, CARD)
SECOND = WorkerInfo("cpu-2@here", "crnn", "0" * 16, CARD)


@pytest.mark.redis
def test_an_announced_worker_is_found_for_thirty_seconds(store: Store, client: redis.Redis) -> None:
    store.announce(SECOND)
    store.announce(FIRST)

    assert store.workers() == [FIRST, SECOND]
    assert store.announced(FIRST.name) == FIRST
    assert 0 < client.ttl(worker_key(FIRST.name)) <= ANNOUNCEMENT_TTL_S == 30


@pytest.mark.redis
def test_a_worker_that_went_without_a_word_is_forgotten(store: Store, client: redis.Redis) -> None:
    store.announce(FIRST)
    store.announce(SECOND)

    client.delete(worker_key(FIRST.name))

    assert store.workers() == [SECOND]
    assert client.smembers(WORKERS_KEY) == {SECOND.name.encode()}


@pytest.mark.redis
def test_a_withdrawn_worker_leaves_nothing(store: Store, client: redis.Redis) -> None:
    store.announce(FIRST)

    store.withdraw(FIRST.name)

    assert store.workers() == []
    assert store.announced(FIRST.name) is None
    assert client.keys("*") == []


@pytest.mark.redis
def test_an_announcement_that_cannot_be_read_is_passed_over(store: Store, client: redis.Redis) -> None:
    store.announce(FIRST)
    store.announce(SECOND)

    client.set(worker_key(FIRST.name), '{"version": 3}')

    assert store.workers() == [SECOND]


def test_a_url_that_the_client_does_not_take_is_refused() -> None:
    with pytest.raises(BrokerURLError) as caught:
        connect("redis://user:hunter2@host/0?colour=red")
    assert str(caught.value).startswith("broker 'redis://user:***@host/0?colour=red' cannot be used: ")
    with pytest.raises(BrokerURLError, match="Invalid value for 'socket_timeout' in connection URL"):
        connect("redis://host/0?socket_timeout=soon")


def test_connecting_sends_nothing(tmp_path: Path) -> None:
    store = connect(f"redis+socket://{tmp_path}/nobody.sock")

    with pytest.raises(RedisConnectionError):
        store.client.ping()
    with pytest.raises(RedisConnectionError):
        store.workers()
