"""The producer's hold on the queue: sends a batch's message, and knows where each message stands.

Reads kombu's own structures in Redis (a list a queue and priority, a hash of what is unacknowledged), because
no API of Celery's answers the one question that reconciliation asks: is this message still on its way?
"""

from __future__ import annotations

import json
from typing import Any

from kombu.transport.redis import PRIORITY_STEPS, Channel
from redis import Redis

from worker.celery_app import UNACKED_KEY, make_app
from worker.contract import TASK_NAME, Task, queue_name, task_arguments
from worker.settings import Settings


class BatchQueue:
    """The queue of one model.

    Args:
        broker_url: Redis, with its password if it has one.
        fingerprint: of the model.
    """

    def __init__(self, broker_url: str, fingerprint: str) -> None:
        self._app = make_app(Settings(broker_url=broker_url))
        self.name = queue_name(fingerprint)

    def send(self, task: Task) -> None:
        """Send the message of a batch whose bytes are stored.

        Raises:
            kombu.exceptions.OperationalError: the broker does not take it; it may be queued all the same.
        """
        # The message's id names batch and attempt, so that it can be recognised while it waits.
        self._app.send_task(
            TASK_NAME,
            kwargs=task_arguments(task),
            queue=self.name,
            task_id=f"{task.batch_id}#{task.attempt}",
            ignore_result=True,
        )

    def close(self) -> None:
        """Close the connections to the broker."""
        self._app.close()

    def on_its_way(self, client: Redis) -> set[str]:
        """The ids of the batches whose message is queued, or with a worker and unacknowledged."""
        with client.pipeline(transaction=True) as pipe:
            for step in PRIORITY_STEPS:
                pipe.lrange(f"{self.name}{Channel.sep}{step}" if step else self.name, 0, -1)
            pipe.hvals(UNACKED_KEY)
            *queues, unacked = pipe.execute()
        messages = [json.loads(raw) for queue in queues for raw in queue]
        messages += [json.loads(raw)[0] for raw in unacked]
        return {_task_id(message).rpartition("#")[0] for message in messages}


def queue_length(client: Redis, fingerprint: str) -> int:
    """How many batches wait for a worker of this model."""
    name = queue_name(fingerprint)
    keys = [f"{name}{Channel.sep}{step}" if step else name for step in PRIORITY_STEPS]
    with client.pipeline() as pipe:
        for key in keys:
            pipe.llen(key)
        return int(sum(pipe.execute()))


def _task_id(message: dict[str, Any]) -> str:
    return str(message.get("headers", {}).get("id", ""))
