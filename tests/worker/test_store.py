"""The Redis side of the wire, on a real Redis: one commit a batch, and nothing that stays for ever."""

from __future__ import annotations

import threading

import pytest
import redis

from worker.contract import (
    JOBS_KEY,
    Answer,
    Batch,
    BatchResult,
    ContractError,
    ImageItem,
    JobOptions,
    Task,
    decode_blob,
    job_key,
)
from worker.store import Store, connect

pytestmark = pytest.mark.redis

JOB = "20260401-101500-3fa9c1"
BATCH = Batch(f"{JOB}:0-1", JOB, (ImageItem(0, b"one"), ImageItem(1, b"two")))
OPTIONS = JobOptions(length="5")
TASK = Task(JOB, BATCH.id, 1, OPTIONS.digest())
RESULT = BatchResult(BATCH.id, 1, "cpu-1@here", (Answer(0, "a", 0.5), Answer(1, "b", 0.25)))
MISSING = BatchResult(BATCH.id, 1, "cpu-1@here", status="missing")
FACTS = {"images": "2", "answered": "0"}
STREAM = job_key(JOB, "results")


def send(store: Store) -> None:
    """What a producer does: a job, and a batch of it."""
    store.open_job(JOB, OPTIONS, FACTS, 600)
    store.put_batch(BATCH, 600)


def immortal(client: redis.Redis) -> list[str]:
    """The keys that would stay if everybody went away now."""
    return sorted(key.decode() for key in client.keys("*") if client.ttl(key) < 0)


def test_an_open_job_is_known_with_its_facts(store: Store) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600)

    assert store.job(JOB) == {**FACTS, "state": "running"}
    assert store.jobs() == [JOB]
    assert store.job("another") is None


def test_jobs_are_listed_oldest_first_and_forgotten_once_they_expire(
    store: Store, client: redis.Redis
) -> None:
    for job in ("20260403-1", "20260401-1", "20260402-1"):
        store.open_job(job, OPTIONS, FACTS, 600)

    client.delete(job_key("20260402-1"))

    assert store.jobs() == ["20260401-1", "20260403-1"]
    assert client.smembers(JOBS_KEY) == {b"20260401-1", b"20260403-1"}


def test_a_worker_finds_the_batch_and_how_to_read_it(store: Store) -> None:
    send(store)

    started = store.begin(TASK)

    assert (started.starts, started.cancelled, started.options) == (1, False, OPTIONS)
    assert started.blob is not None
    assert decode_blob(started.blob) == BATCH


def test_starts_are_counted_by_batch(store: Store) -> None:
    send(store)
    other = Task(JOB, f"{JOB}:2-3", 1, OPTIONS.digest())

    assert [store.begin(task).starts for task in (TASK, TASK, other, TASK)] == [1, 2, 1, 3]


def test_a_start_can_be_taken_back(store: Store) -> None:
    send(store)
    store.begin(TASK)

    store.unbegin(TASK)

    assert store.begin(TASK).starts == 1


def test_a_batch_whose_bytes_or_options_are_gone_is_begun_without(store: Store, client: redis.Redis) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600)
    assert store.begin(TASK).blob is None

    store.put_batch(BATCH, 600)
    client.delete(job_key(JOB, f"options:{OPTIONS.digest()}"))
    assert store.begin(TASK).options is None


def test_a_job_that_is_over_or_unknown_is_cancelled_to_its_workers(store: Store) -> None:
    assert store.begin(TASK).cancelled, "never there"

    send(store)
    store.cancel_job(JOB)
    assert store.begin(TASK).cancelled, "cancelled"

    store.open_job(JOB, OPTIONS, FACTS, 600)
    assert not store.begin(TASK).cancelled, "resumed"

    store.finish_job(JOB, OPTIONS)
    assert store.begin(TASK).cancelled, "done"


def test_the_first_commit_wins(store: Store, client: redis.Redis) -> None:
    send(store)
    second = BatchResult(BATCH.id, 2, "cpu-2@there", (Answer(0, "x", 0.5), Answer(1, "y", 0.5)))

    assert store.commit(JOB, RESULT)
    assert not store.commit(JOB, second)

    assert [result for _, result in store.read_results(JOB, "0")] == [RESULT]
    assert client.keys("*:blob:*") == []


def test_of_many_commits_at_once_one_wins(store: Store, socket_url: str) -> None:
    send(store)
    results = [BatchResult(BATCH.id, n, f"cpu-{n}@here", RESULT.answers) for n in range(8)]
    won: list[BatchResult] = []
    start = threading.Barrier(len(results))

    def hand_in(result: BatchResult) -> None:
        own = connect(socket_url)
        start.wait()
        if own.commit(JOB, result):
            won.append(result)
        own.client.close()

    threads = [threading.Thread(target=hand_in, args=[result]) for result in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [result for _, result in store.read_results(JOB, "0")] == won
    assert len(won) == 1


def test_a_batch_that_is_sent_again_takes_one_more_commit(store: Store) -> None:
    send(store)
    store.commit(JOB, RESULT)

    store.put_batch(BATCH, 600)

    assert store.commit(JOB, RESULT)
    assert not store.commit(JOB, RESULT)


@pytest.mark.parametrize("over", ["finished", "cancelled", "unknown"])
def test_a_job_that_is_over_takes_no_answers_and_keeps_no_bytes(
    over: str, store: Store, client: redis.Redis
) -> None:
    send(store)
    if over == "finished":
        store.finish_job(JOB, OPTIONS)
    elif over == "cancelled":
        store.cancel_job(JOB)
        store.put_batch(BATCH, 600)
    else:
        client.delete(job_key(JOB))

    assert not store.commit(JOB, RESULT)
    store.report_missing(JOB, MISSING)

    assert client.exists(STREAM, *client.keys("*:blob:*")) == 0


def test_bytes_that_are_gone_are_reported_unless_the_batch_is_answered(store: Store) -> None:
    send(store)

    store.report_missing(JOB, MISSING)
    store.commit(JOB, RESULT)
    store.report_missing(JOB, MISSING)

    assert [result for _, result in store.read_results(JOB, "0")] == [MISSING, RESULT]


def test_results_are_read_from_where_the_reader_was(store: Store) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600)
    results = [BatchResult(f"{JOB}:{n}-{n}", 1, "w", (Answer(n, "a", 1.0),)) for n in range(5)]
    for result in results:
        store.commit(JOB, result)

    first = store.read_results(JOB, "0", count=2)
    rest = store.read_results(JOB, first[-1][0])

    assert [result for _, result in first + rest] == results
    assert store.read_results(JOB, rest[-1][0]) == []
    assert store.read_results(JOB, rest[-1][0], block_ms=1) == []


def test_a_damaged_result_stands_in_its_place_as_an_error(store: Store, client: redis.Redis) -> None:
    send(store)
    client.xadd(STREAM, {"result": b'{"version": 2}'})
    store.commit(JOB, RESULT)

    (_, damaged), (_, good) = store.read_results(JOB, "0")

    assert isinstance(damaged, ContractError)
    assert "of wire version 2, this program speaks version 1" in str(damaged)
    assert good == RESULT


def test_what_stands_in_the_journal_leaves_the_stream(store: Store, client: redis.Redis) -> None:
    send(store)
    store.commit(JOB, RESULT)
    store.forget_results(JOB, [])
    assert client.xlen(STREAM) == 1

    store.forget_results(JOB, [entry for entry, _ in store.read_results(JOB, "0")])

    assert client.xlen(STREAM) == 0


def test_cancelling_drops_the_bytes_of_one_job_and_keeps_its_answers(
    store: Store, client: redis.Redis
) -> None:
    send(store)
    store.commit(JOB, RESULT)
    store.put_batch(Batch(f"{JOB}:2-2", JOB, (ImageItem(2, b"x"),)), 600)
    store.put_batch(Batch(f"{JOB}0:0-0", f"{JOB}0", (ImageItem(0, b"x"),)), 600)

    store.cancel_job(JOB)

    assert client.keys("*:blob:*") == [f"captchafleet:v1:blob:{JOB}0:0-0".encode()]
    assert client.xlen(STREAM) == 1
    assert store.job(JOB) == {**FACTS, "state": "cancelled"}


def test_a_finished_job_leaves_its_name_for_a_day(store: Store, client: redis.Redis) -> None:
    send(store)
    store.begin(TASK)
    store.commit(JOB, RESULT)

    store.finish_job(JOB, OPTIONS)

    assert store.job(JOB) == {**FACTS, "state": "done"}
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

    assert 0 < client.pttl(job_key(JOB, "starts")) <= 1000


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


def test_bytes_that_nobody_wants_are_dropped(store: Store, client: redis.Redis) -> None:
    send(store)

    store.drop_batches([])
    store.drop_batches([BATCH.id, f"{JOB}:gone"])

    assert client.keys("*:blob:*") == []
