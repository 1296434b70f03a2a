"""The lexicon of a job on a real Redis: put with the job, renewed with it, gone with it."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from stored_job import BATCH, FACTS, JOB, OPTIONS, TASK

from worker.contract import encode, job_key
from worker.store import Store

pytestmark = pytest.mark.redis

KEY = job_key(JOB, "lexicon")
STORED = b"\x78\x9c"


def test_a_job_without_a_lexicon_has_none(store: Store, client: redis.Redis) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600, None)

    assert store.lexicon(JOB) is None
    assert not client.exists(KEY)


def test_a_lexicon_is_there_once_its_job_is_known(store: Store, client: redis.Redis) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600, STORED)

    assert store.lexicon(JOB) == STORED
    assert 590 < client.ttl(KEY) <= 600
    assert store.lexicon("another") is None


def test_a_lexicon_that_was_lost_is_put_again(store: Store, client: redis.Redis) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600, STORED)
    client.delete(KEY)

    store.put_lexicon(JOB, STORED, 500)

    assert store.lexicon(JOB) == STORED
    assert 490 < client.ttl(KEY) <= 500


def test_a_lexicon_is_renewed_with_its_job(store: Store, client: redis.Redis) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600, STORED)

    assert store.touch_job(JOB, OPTIONS, FACTS, 5000)

    assert client.ttl(KEY) > 4000


@pytest.mark.parametrize("end", ["finish", "cancel"])
def test_a_lexicon_goes_with_its_job(end: str, store: Store, client: redis.Redis) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600, STORED)

    if end == "finish":
        store.finish_job(JOB, OPTIONS, FACTS)
    else:
        store.cancel_job(JOB)

    assert not client.exists(KEY)


def test_a_batch_is_begun_without_the_lexicon(store: Store, client: redis.Redis) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600, b"x" * 10**6)
    store.client.set(f"captchafleet:v2:blob:{TASK.batch_id}", b"blob")

    started = store.begin(TASK)

    assert (started.options, started.blob) == (encode(OPTIONS).encode(), b"blob")


def test_what_a_producer_puts_while_its_job_is_cancelled_goes_too(
    store: Store, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600, STORED)
    hset = client.hset

    def put_first(*arguments: Any) -> Any:
        store.put_lexicon(JOB, STORED, 600)
        store.put_batch(BATCH, 600)
        return hset(*arguments)

    monkeypatch.setattr(client, "hset", put_first)
    store.cancel_job(JOB)

    assert store.lexicon(JOB) is None
    assert client.keys("*:blob:*") == []
