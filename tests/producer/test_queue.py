"""The queue on a real Redis: what a message looks like there, and where reconciliation finds it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import cast

import pytest
import redis
from kombu.exceptions import OperationalError
from processes import free_port, redis_process

from producer.queue import BatchQueue, level_keys, queue_length
from worker.celery_app import UNACKED_KEY, make_app
from worker.contract import JobOptions, Task, task_arguments
from worker.settings import Settings
from worker.store import connect

pytestmark = pytest.mark.redis

FINGERPRINT = "0123456789abcdef"
NAME = f"captchafleet.v2.{FINGERPRINT}"
JOB = "20260401-101500-3fa9c1"
OPTIONS = JobOptions().digest()


def task(first: int, attempt: int = 1) -> Task:
    return Task(JOB, f"{JOB}:{first}-{first + 9}", attempt, OPTIONS)


@pytest.fixture(scope="module")
def broker(redis_server: str) -> Iterator[str]:
    with redis_process(redis_server) as url:
        yield url


@pytest.fixture
def client(broker: str) -> Iterator[redis.Redis]:
    """A connection to an empty Redis."""
    opened = connect(broker).client
    opened.flushall()
    yield opened
    opened.close()


@pytest.fixture
def queue(broker: str, client: redis.Redis) -> Iterator[BatchQueue]:
    opened = BatchQueue(broker, FINGERPRINT)
    yield opened
    opened.close()


def test_a_message_names_its_batch_and_carries_no_image(queue: BatchQueue, client: redis.Redis) -> None:
    queue.send(task(0))

    (raw,) = client.lrange(NAME, 0, -1)
    message = json.loads(raw)
    _, arguments, _ = json.loads(base64.b64decode(message["body"]))
    assert arguments == task_arguments(task(0))
    assert message["content-type"] == "application/json"
    assert message["headers"]["task"] == "captchafleet.solve"
    assert message["headers"]["id"] == f"{JOB}:0-9#1"
    assert message["headers"]["ignore_result"] is True
    # Celery's envelope, base64 included; measured 1.5 KB with this host's name in it.
    assert len(raw) < 4096


def test_a_queued_message_is_on_its_way(queue: BatchQueue, client: redis.Redis) -> None:
    assert queue.on_its_way(client) == set()

    queue.send(task(0))
    queue.send(task(10, attempt=3))

    assert queue.on_its_way(client) == {f"{JOB}:0-9", f"{JOB}:10-19"}
    assert queue_length(client, FINGERPRINT) == 2


def test_a_message_with_a_worker_is_on_its_way_until_it_is_acknowledged(
    queue: BatchQueue, client: redis.Redis, broker: str
) -> None:
    queue.send(task(0))
    app = make_app(Settings(broker_url=broker))

    with app.connection_for_read() as connection:
        message = connection.channel().basic_get(NAME)
        assert queue_length(client, FINGERPRINT) == 0
        assert client.hlen(UNACKED_KEY) == 1
        assert queue.on_its_way(client) == {f"{JOB}:0-9"}

        message.ack()
        assert queue.on_its_way(client) == set()
    app.close()


def test_a_message_of_another_priority_is_found(queue: BatchQueue, client: redis.Redis) -> None:
    queue.send(task(0))
    client.rename(NAME, f"{NAME}\x06\x169")

    assert queue.on_its_way(client) == {f"{JOB}:0-9"}
    assert queue_length(client, FINGERPRINT) == 1


def waiting(client: redis.Redis) -> list[list[str]]:
    """What waits on each level, the next to be taken first."""
    levels = [cast(list[bytes], client.lrange(key, 0, -1)) for key in level_keys(NAME)]
    return [[json.loads(raw)["headers"]["id"] for raw in reversed(level)] for level in levels]


def test_messages_are_taken_level_by_level_and_in_order_there(
    queue: BatchQueue, client: redis.Redis, broker: str
) -> None:
    for first, level in ((0, 3), (10, 1), (20, 2), (30, 1), (40, 0)):
        queue.send(task(first), level)
    app = make_app(Settings(broker_url=broker))

    with app.connection_for_read() as connection:
        channel = connection.channel()
        taken = [channel.basic_get(NAME).headers["id"] for _ in range(5)]

    app.close()
    assert taken == [f"{JOB}:{images}#1" for images in ("40-49", "10-19", "30-39", "20-29", "0-9")]


def test_a_message_that_comes_back_waits_on_its_level_again(
    queue: BatchQueue, client: redis.Redis, broker: str
) -> None:
    for first in (0, 10, 20):
        queue.send(task(first), 2)
    before = waiting(client)
    app = make_app(Settings(broker_url=broker))

    with app.connection_for_read() as connection:
        channel = connection.channel()
        channel.basic_get(NAME).requeue()
        back = [sorted(level) for level in waiting(client)]
        # As after the visibility timeout of a worker that died.
        message = channel.basic_get(NAME)
        channel.qos.restore_by_tag(message.delivery_tag)

    app.close()
    assert before == [[], [], [f"{JOB}:{images}#1" for images in ("0-9", "10-19", "20-29")], []]
    assert back == [sorted(level) for level in before]
    assert [sorted(level) for level in waiting(client)] == back


def test_a_job_moves_its_oldest_message_one_level_up(queue: BatchQueue, client: redis.Redis) -> None:
    other = "20260401-101500-ffffff"
    queue.send(Task(other, f"{other}:0-9", 1, OPTIONS), 2)
    for first in (0, 10):
        queue.send(task(first), 2)
    others, ours = f"{other}:0-9#1", [f"{JOB}:0-9#1", f"{JOB}:10-19#1"]

    assert queue.climb(client, JOB)
    assert waiting(client) == [[], [ours[0]], [others, ours[1]], []]
    assert queue.climb(client, JOB), "still not taken: to the top"
    assert waiting(client) == [[ours[0]], [], [others, ours[1]], []]
    assert not queue.climb(client, JOB), "what waits at the top is the next"
    assert waiting(client) == [[ours[0]], [], [others, ours[1]], []]
    assert queue.on_its_way(client) == {f"{other}:0-9", f"{JOB}:0-9", f"{JOB}:10-19"}


def test_a_job_of_which_a_worker_holds_a_batch_needs_no_help(
    queue: BatchQueue, client: redis.Redis, broker: str
) -> None:
    for first in (0, 10):
        queue.send(task(first), 2)
    app = make_app(Settings(broker_url=broker))

    with app.connection_for_read() as connection:
        message = connection.channel().basic_get(NAME)
        assert not queue.climb(client, JOB)
        message.ack()
        assert queue.climb(client, JOB)

    app.close()
    assert waiting(client) == [[], [f"{JOB}:10-19#1"], [], []]


def test_a_message_that_a_worker_takes_meanwhile_is_not_moved(
    queue: BatchQueue, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.send(task(0), 2)
    seen = queue._read(client)
    client.flushall()
    monkeypatch.setattr(queue, "_read", lambda client: seen)

    assert not queue.climb(client, JOB)
    assert client.keys() == []


def test_where_nothing_waits_nothing_moves(queue: BatchQueue, client: redis.Redis) -> None:
    assert not queue.climb(client, JOB)
    assert client.keys() == []


def test_messages_of_others_are_no_batches_of_ours(queue: BatchQueue, client: redis.Redis) -> None:
    client.rpush(NAME, json.dumps({"body": "", "headers": {}}), json.dumps({"body": ""}))

    assert f"{JOB}:0-9" not in queue.on_its_way(client)


def test_every_model_has_a_queue_of_its_own(queue: BatchQueue, client: redis.Redis, broker: str) -> None:
    other = BatchQueue(broker, "f" * 16)
    other.send(task(0))
    other.close()

    assert queue.on_its_way(client) == set()
    assert queue_length(client, FINGERPRINT) == 0
    assert queue_length(client, "f" * 16) == 1


def test_a_broker_that_is_gone_is_an_operational_error() -> None:
    gone = BatchQueue(f"redis://127.0.0.1:{free_port()}/0", FINGERPRINT)

    with pytest.raises(OperationalError):
        gone.send(task(0))
    gone.close()
