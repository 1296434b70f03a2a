"""Batches on a real Redis: begun, answered by one commit, read from the stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import redis
from redis.exceptions import OutOfMemoryError
from stored_job import BATCH, FACTS, JOB, MISSING, OPTIONS, RESULT, STREAM, TASK, send

from worker import scripts
from worker.contract import (
    Answer,
    Batch,
    BatchResult,
    ContractError,
    ImageItem,
    Task,
    decode_blob,
    decode_options,
    job_key,
)
from worker.store import StartedBatch, Store, connect

pytestmark = pytest.mark.redis


def test_a_worker_finds_the_batch_and_how_to_read_it(store: Store) -> None:
    send(store)

    started = store.begin(TASK)

    assert (started.starts, started.over) == (1, False)
    assert decode_options(started.options or b"") == OPTIONS
    assert decode_blob(started.blob or b"") == BATCH


def test_starts_are_counted_by_batch(store: Store) -> None:
    send(store)
    other = Task(JOB, f"{JOB}:2-2", 1, OPTIONS.digest())
    store.put_batch(Batch(other.batch_id, JOB, (ImageItem(2, b"x"),)), 600)

    assert [store.begin(task).starts for task in (TASK, TASK, other, TASK)] == [1, 2, 1, 3]


def test_a_start_can_be_taken_back(store: Store) -> None:
    send(store)
    store.begin(TASK)

    store.unbegin(TASK)

    assert store.begin(TASK).starts == 1


def test_a_start_that_was_not_counted_cannot_be_taken_back(store: Store, client: redis.Redis) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600, None)
    for _ in range(3):
        assert store.begin(TASK).starts == 0, "the bytes are missing"
        store.unbegin(TASK)
    assert client.exists(job_key(JOB, "starts")) == 0

    store.put_batch(BATCH, 600)
    assert store.begin(TASK).starts == 1


def test_a_batch_whose_bytes_or_options_are_gone_is_not_begun(store: Store, client: redis.Redis) -> None:
    nothing = StartedBatch(0, False, None, None)
    store.open_job(JOB, OPTIONS, FACTS, 600, None)
    assert store.begin(TASK) == nothing

    store.put_batch(BATCH, 600)
    client.delete(job_key(JOB, f"options:{OPTIONS.digest()}"))
    assert store.begin(TASK) == nothing

    store.open_job(JOB, OPTIONS, FACTS, 600, None)
    assert store.begin(TASK).starts == 1


def test_a_restarted_redis_learns_its_scripts_again(store: Store, client: redis.Redis) -> None:
    send(store)
    client.script_flush()

    assert store.begin(TASK).starts == 1
    assert store.commit(JOB, RESULT)


def test_a_commit_while_a_batch_is_begun_takes_the_start_with_it(store: Store, client: redis.Redis) -> None:
    send(store)
    # What another worker's commit does, between our two commands of one round trip.
    commit = "redis.call('DEL', KEYS[3]); redis.call('HDEL', KEYS[4], ARGV[1])"
    both = f"local function begin() {scripts.BEGIN} end local begun = begin() {commit} return begun"
    store._begin.sha = str(client.script_load(both))

    started = store.begin(TASK)

    assert (started.starts, started.over, started.blob) == (1, False, None)
    assert client.exists(job_key(JOB, "starts")) == 0


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


def test_a_commit_ends_the_count_of_starts(store: Store, client: redis.Redis) -> None:
    send(store)
    store.begin(TASK)

    store.commit(JOB, RESULT)

    assert client.exists(job_key(JOB, "starts")) == 0


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
        store.finish_job(JOB, OPTIONS, {})
    elif over == "cancelled":
        store.cancel_job(JOB)
        store.put_batch(BATCH, 600)
    else:
        client.delete(job_key(JOB))

    assert not store.commit(JOB, RESULT)
    store.report_missing(JOB, MISSING)

    assert client.exists(STREAM, *client.keys("*:blob:*")) == 0


def test_bytes_that_are_gone_are_reported_after_the_answer_if_there_is_one(store: Store) -> None:
    send(store)

    store.commit(JOB, RESULT)
    store.report_missing(JOB, MISSING)

    assert [result for _, result in store.read_results(JOB, "0")] == [RESULT, MISSING]


def test_results_are_read_from_where_the_reader_was(store: Store) -> None:
    store.open_job(JOB, OPTIONS, FACTS, 600, None)
    results = [BatchResult(f"{JOB}:{n}-{n}", 1, "w", (Answer(n, "a", 1.0),)) for n in range(5)]
    for number, result in enumerate(results):
        store.put_batch(Batch(result.batch_id, JOB, (ImageItem(number, b"x"),)), 600)
        store.commit(JOB, result)

    first = store.read_results(JOB, "0", count=2)
    rest = store.read_results(JOB, first[-1][0])

    assert [result for _, result in first + rest] == results
    assert store.read_results(JOB, rest[-1][0]) == []
    assert store.read_results(JOB, rest[-1][0], block_ms=1) == []


def test_a_damaged_result_stands_in_its_place_as_an_error(store: Store, client: redis.Redis) -> None:
    send(store)
    client.xadd(STREAM, {"result": b'{"version": 3}'})
    store.commit(JOB, RESULT)

    (_, damaged), (_, good) = store.read_results(JOB, "0")

    assert isinstance(damaged, ContractError)
    assert "of wire version 3, this program speaks version 2" in str(damaged)
    assert good == RESULT


def test_what_stands_in_the_journal_leaves_the_stream(store: Store, client: redis.Redis) -> None:
    send(store)
    store.commit(JOB, RESULT)
    store.forget_results(JOB, [])
    assert client.xlen(STREAM) == 1

    store.forget_results(JOB, [entry for entry, _ in store.read_results(JOB, "0")])

    assert client.xlen(STREAM) == 0


def test_bytes_that_nobody_wants_are_dropped(store: Store, client: redis.Redis) -> None:
    send(store)

    store.drop_batches([])
    store.drop_batches([BATCH.id, f"{JOB}:gone"])

    assert client.keys("*:blob:*") == []


@pytest.fixture
def full(client: redis.Redis) -> Iterator[Callable[[], None]]:
    """Makes Redis full, until the test ends."""
    yield lambda: client.config_set("maxmemory", "1")
    client.config_set("maxmemory", "0")


def test_a_full_redis_takes_no_batch_but_lets_go_of_those_it_has(
    full: Callable[[], None], store: Store, client: redis.Redis
) -> None:
    send(store)
    full()
    with pytest.raises(OutOfMemoryError):
        store.put_batch(BATCH, 600)

    assert store.begin(TASK).starts == 1
    assert store.commit(JOB, RESULT)
    assert store.touch_job(JOB, OPTIONS, FACTS, 600)

    assert [result for _, result in store.read_results(JOB, "0")] == [RESULT]
    assert client.keys("*:blob:*") == []


def test_cancelling_in_a_full_redis_drops_the_bytes_first(
    full: Callable[[], None], store: Store, client: redis.Redis
) -> None:
    send(store)
    full()

    # That makes room for the word "cancelled"; only here there is never any.
    with pytest.raises(OutOfMemoryError):
        store.cancel_job(JOB)

    assert client.keys("*:blob:*") == []
