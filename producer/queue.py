"""The producer's hold on the queue: sends a batch's message, and knows where each message stands.

Reads kombu's own structures in Redis (a list a queue and priority, a hash of what is unacknowledged), because
no API of Celery's answers the one question that reconciliation asks: is this message still on its way?
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from kombu.transport.redis import PRIORITY_STEPS, Channel
from redis import Redis

from worker.celery_app import UNACKED_KEY, make_app
from worker.contract import TASK_NAME, Task, queue_name, task_arguments
from worker.settings import Settings

# At once or not at all, and not at all where a worker has just taken it. LREM comes first because a script
# that has written something is not stopped by a full Redis. As in kombu: in on the left, out on the right.
_MOVE_UP = """
if redis.call('LREM', KEYS[1], -1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
"""


class BatchQueue:
    """The queue of one model.

    Args:
        broker_url: Redis, with its password if it has one.
        fingerprint: of the model.
    """

    def __init__(self, broker_url: str, fingerprint: str) -> None:
        self._app = make_app(Settings(broker_url=broker_url))
        self.name = queue_name(fingerprint)

    def send(self, task: Task, level: int = 0) -> None:
        """Send the message of a batch whose bytes are stored.

        Args:
            task: what the worker is told.
            level: of `producer.levels`; a worker takes no message while one of a better level waits.

        Raises:
            kombu.exceptions.OperationalError: the broker does not take it; it may be queued all the same.
        """
        # The message's id names batch and attempt, so that it can be recognised while it waits.
        self._app.send_task(
            TASK_NAME,
            kwargs=task_arguments(task),
            queue=self.name,
            task_id=f"{task.batch_id}#{task.attempt}",
            # Of Redis's steps the lowest is taken first; RabbitMQ's are the other way round.
            priority=PRIORITY_STEPS[level],
            ignore_result=True,
        )

    def close(self) -> None:
        """Close the connections to the broker."""
        self._app.close()

    def on_its_way(self, client: Redis) -> set[str]:
        """The ids of the batches whose message is queued, or with a worker and unacknowledged."""
        levels, held = self._read(client)
        return held.union(*(_batch_ids(json.loads(raw) for raw in level) for level in levels))

    def climb(self, client: Redis, job_id: str) -> bool:
        """Move the message of a job that waited longest one level up; tells whether one was moved.

        None is where the job needs no help: a worker holds one of its batches, or one waits at the top.
        """
        levels, held = self._read(client)
        if _is_of(job_id, held):
            return False
        for number, level in enumerate(levels):
            for raw in reversed(level):  # the oldest is the last
                if _is_of(job_id, _batch_ids([json.loads(raw)])):
                    keys = level_keys(self.name)
                    return number > 0 and client.eval(_MOVE_UP, 2, keys[number], keys[number - 1], raw) == 1
        return False

    def _read(self, client: Redis) -> tuple[list[list[bytes]], set[str]]:
        """The messages that wait, level by level, and the ids of the batches that workers hold."""
        with client.pipeline(transaction=True) as pipe:
            for key in level_keys(self.name):
                pipe.lrange(key, 0, -1)
            pipe.hvals(UNACKED_KEY)
            *levels, unacked = pipe.execute()
        return levels, _batch_ids(json.loads(raw)[0] for raw in unacked)


def queue_length(client: Redis, fingerprint: str) -> int:
    """How many batches wait for a worker of this model."""
    with client.pipeline() as pipe:
        for key in level_keys(queue_name(fingerprint)):
            pipe.llen(key)
        return int(sum(pipe.execute()))


def level_keys(name: str) -> list[str]:
    """Where kombu keeps the messages of a queue: a list a level, in the order in which they are emptied."""
    return [f"{name}{Channel.sep}{step}" if step else name for step in PRIORITY_STEPS]


def _batch_ids(messages: Iterable[dict[str, Any]]) -> set[str]:
    ids = (str(message.get("headers", {}).get("id", "")) for message in messages)
    return {task_id.rpartition("#")[0] for task_id in ids}


def _is_of(job_id: str, batch_ids: set[str]) -> bool:
    return any(batch_id.startswith(f"{job_id}:") for batch_id in batch_ids)
