"""Jobs on a real Redis: known, renewed, cancelled, finished; and nothing of them stays for ever."""

from __future__ import annotations

import pytest
import redis
from stored_job import BATCH, FACTS, JOB, MISSING, OPTIONS, RESULT, STREAM, TASK, send

from worker.contract import (
    JOBS_KEY,
    Batch,
    ImageItem,
    job_key,
)
from worker.store import Store

pytestmark = pytest.mark.redis


def immortal(client: redis.Redis) -> list[str]:
    """The keys that would stay if everybody went away now."""
    return sorted(key.decode() for key in client.keys("*") if client.ttl(key) < 0)


def test_an_open_job_is_known_with_its_facts(store: Store) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600, None)

    assert store.job(JOB) == {**FACTS, "state": "running"}
    assert store.jobs() == [JOB]
    assert store.job("another") is None


def test_jobs_are_listed_oldest_first_and_forgotten_once_they_expire(
    store: Store, client: redis.Redis
) -> None:
    for job in ("20260403-1", "20260401-1", "20260402-1"):
        store.open_job(job, OPTIONS, FACTS, 600, None)

    client.delete(job_key("20260402-1"))

    assert store.jobs() == ["20260401-1", "20260403-1"]
    assert client.smembers(JOBS_KEY) == {b"20260401-1", b"20260403-1"}


def test_a_resumed_job_counts_its_starts_afresh(store: Store) -> None:
    send(store)
    store.begin(TASK)
    store.begin(TASK)

    store.open_job(JOB, OPTIONS, FACTS, 600, None)

    assert store.begin(TASK).starts == 1


def test_a_job_that_is_over_or_unknown_is_over_to_its_workers(store: Store) -> None:
    assert store.begin(TASK).over, "never there"

    send(store)
    store.cancel_job(JOB)
    assert store.begin(TASK).over, "cancelled"

    store.open_job(JOB, OPTIONS, FACTS, 600, None)
    assert not store.begin(TASK).over, "resumed"

    store.finish_job(JOB, OPTIONS, {"answered": "9"})
    assert store.begin(TASK).over, "done"


def test_cancelling_drops_the_bytes_of_one_job_and_keeps_its_answers(
    store: Store, client: redis.Redis
) -> None:
    send(store)
    store.commit(JOB, RESULT)
    store.put_batch(Batch(f"{JOB}:2-2", JOB, (ImageItem(2, b"x"),)), 600)
    store.put_batch(Batch(f"{JOB}0:0-0", f"{JOB}0", (ImageItem(0, b"x"),)), 600)

    store.cancel_job(JOB)

    assert client.keys("*:blob:*") == [f"captchafleet:v2:blob:{JOB}0:0-0".encode()]
    assert client.xlen(STREAM) == 1
    assert store.job(JOB) == {**FACTS, "state": "cancelled"}


def test_a_finished_job_leaves_its_name_for_a_day(store: Store, client: redis.Redis) -> None:
    send(store)
    store.begin(TASK)
    store.commit(JOB, RESULT)

    store.finish_job(JOB, OPTIONS, {"answered": "9"})

    assert store.job(JOB) == {**FACTS, "answered": "9", "state": "done"}
    assert sorted(client.keys("*")) == sorted([job_key(JOB).encode(), JOBS_KEY.encode()])
    assert 86_000 < client.ttl(job_key(JOB)) <= 86_400


def test_everything_of_a_job_goes_with_it(store: Store, client: redis.Redis) -> None:
    send(store)
    store.begin(TASK)
    store.report_missing(JOB, MISSING)
    assert immortal(client) == [JOBS_KEY]

    store.commit(JOB, RESULT)
    assert immortal(client) == [JOBS_KEY]


def test_a_message_of_an_unknown_job_leaves_nothing(store: Store, client: redis.Redis) -> None:
    store.begin(TASK)
    store.commit(JOB, RESULT)
    store.report_missing(JOB, MISSING)

    assert client.keys("*") == []


def test_a_producers_word_renews_all_of_its_job(store: Store, client: redis.Redis) -> None:
    send(store)
    store.begin(TASK)
    store.report_missing(JOB, MISSING)

    assert store.touch_job(JOB, OPTIONS, {"answered": "1"}, 5000)
    store.renew_batches([BATCH.id, f"{JOB}:gone"], 5000)
    store.renew_batches([], 5000)

    assert store.job(JOB) == {**FACTS, "answered": "1", "state": "running"}
    assert [key for key in client.keys("*") if 0 <= client.ttl(key) <= 4000] == []
    assert immortal(client) == [JOBS_KEY]


def test_a_forgotten_job_stays_forgotten_when_it_is_renewed(store: Store, client: redis.Redis) -> None:
    assert not store.touch_job(JOB, OPTIONS, FACTS, 600)

    assert client.keys("*") == []
