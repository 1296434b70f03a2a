"""What a broker knows: its workers, its jobs, how much waits. For `producer status` and `producer cancel`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from redis.exceptions import RedisError

from producer.errors import BrokerUnreachable, UsageError
from producer.fleet import open_store
from producer.queue import queue_length
from worker.broker import redact
from worker.store import Store


@dataclass(frozen=True)
class JobRow:
    """A job as its producer last described it.

    Attributes:
        job: its id.
        state: `running`, `silent` (its producer says nothing any more), `cancelled` or `done`.
        images: in its manifest.
        answered: with a line in its journal, a text or an error.
        model: NAME@FINGERPRINT.
        silent_s: seconds since its producer last said anything.
        priority: `high`, `normal` or `low`; None of a producer that is older than priorities.
    """

    job: str
    state: str
    images: int
    answered: int
    model: str
    silent_s: int
    priority: str | None = None


@dataclass(frozen=True)
class WorkerRow:
    """A worker that is there."""

    name: str
    model: str
    device: str


@dataclass(frozen=True)
class QueueRow:
    """How many batches wait for the workers of a model."""

    model: str
    waiting: int


@dataclass(frozen=True)
class Overview:
    """All that a broker knows, or one job of it."""

    workers: tuple[WorkerRow, ...]
    queues: tuple[QueueRow, ...]
    jobs: tuple[JobRow, ...]


# A producer speaks every other second; a stopped machine, a killed process do not.
_SILENT_AFTER_S = 30


def look(broker_url: str, job: str | None = None) -> Overview:
    """Ask a broker.

    Raises:
        BrokerUnreachable: it does not answer.
        UsageError: it knows no such job.
    """
    with _asking(broker_url) as store:
        return _look(store, job)


def _look(store: Store, job: str | None) -> Overview:
    known = store.jobs()
    if job is not None and job not in known:
        raise _unknown(job, known)
    rows = []
    for job_id in [job] if job is not None else known:
        if facts := store.job(job_id):
            silent = max(0, int(time.time()) - int(facts.get("updated", "0")))
            state = facts.get("state", "unknown")
            if state == "running" and silent > _SILENT_AFTER_S:
                state = "silent"
            images, answered = int(facts.get("images", 0)), int(facts.get("answered", 0))
            model, priority = facts.get("model", ""), facts.get("priority")
            rows.append(JobRow(job_id, state, images, answered, model, silent, priority))
    infos = store.workers()
    models = {info.fingerprint: f"{info.model}@{info.fingerprint}" for info in infos}
    workers = tuple(WorkerRow(info.name, models[info.fingerprint], info.device) for info in infos)
    queues = tuple(
        QueueRow(model, queue_length(store.client, fingerprint)) for fingerprint, model in models.items()
    )
    return Overview(workers, queues, tuple(rows))


def cancel(broker_url: str, job: str) -> None:
    """Stop a job. Raises UsageError where the broker knows none of this id, or it is over."""
    with _asking(broker_url) as store:
        facts = store.job(job)
        if facts is None:
            raise _unknown(job, store.jobs())
        if facts.get("state") == "done":
            raise UsageError(f"job {job} is done already; there is nothing to cancel")
        store.cancel_job(job)


def _unknown(job: str, known: list[str]) -> UsageError:
    return UsageError(f"the broker knows no job {job!r}; known: {', '.join(known) or 'none'}")


@contextmanager
def _asking(broker_url: str) -> Iterator[Store]:
    try:
        yield open_store(broker_url)
    except RedisError as error:
        raise BrokerUnreachable(f"broker {redact(broker_url)} was lost: {error}") from error


def to_json(overview: Overview) -> str:
    """The overview as JSON."""
    return json.dumps(asdict(overview), indent=2)


def render(overview: Overview) -> str:
    """The overview for a terminal."""
    lines = ["Workers:"]
    lines += [f"  {row.name}  {row.model}  {row.device}" for row in overview.workers] or ["  none"]
    lines.append("Queues:")
    lines += [f"  {row.model}  {row.waiting} batches waiting" for row in overview.queues] or ["  none"]
    lines.append("Jobs:")
    lines += [
        f"  {row.job}  {row.state}  {row.answered:,} of {row.images:,} done  {row.model}"
        + (f"  {row.priority} priority" if row.priority is not None else "")
        + (f"  (its producer is silent for {row.silent_s} s)" if row.state == "silent" else "")
        for row in overview.jobs
    ] or ["  none"]
    return "\n".join(lines)
