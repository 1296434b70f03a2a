"""The Redis side of the wire: blobs, one commit a batch, the results stream, jobs and announcements.

Producer and worker both go through here, so that every key and every script stands once.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import redis
from redis.exceptions import NoScriptError

from worker import scripts
from worker.broker import BrokerURLError, redact, redis_py_url
from worker.contract import (
    JOBS_KEY,
    WORKERS_KEY,
    Batch,
    BatchResult,
    ContractError,
    JobOptions,
    Task,
    WorkerInfo,
    blob_key,
    decode_result,
    decode_worker,
    encode,
    encode_blob,
    job_key,
    worker_key,
)

ANNOUNCEMENT_TTL_S = 30
# Longer than any BLOCK below, shorter than the patience of a user in front of a half-open connection.
SOCKET_TIMEOUT_S = 10.0
_REMEMBER_DONE_S = 86_400
_JOB_PARTS = ("", "results", "starts", "lexicon")


@dataclass(frozen=True)
class StartedBatch:
    """What a worker finds when it begins a batch.

    Attributes:
        starts: how often the batch was begun, this time included; 0 where there is nothing to begin.
        over: the job is done, cancelled, or no longer there.
        options: JSON of how to read it; None where they are gone.
        blob: the images; None where they are gone.
    """

    starts: int
    over: bool
    options: bytes | None
    blob: bytes | None


class Store:
    """One connection to Redis, in the words of this system.

    Raises (every method): redis.exceptions.RedisError where Redis cannot be reached or refuses.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._begin = client.register_script(scripts.BEGIN)
        self._unbegin = client.register_script(scripts.UNBEGIN)
        self._commit = client.register_script(scripts.COMMIT)
        self._missing = client.register_script(scripts.REPORT_MISSING)
        self._touch = client.register_script(scripts.TOUCH)

    # Jobs (the producer's side).

    def open_job(
        self, job_id: str, options: JobOptions, facts: dict[str, str], ttl_s: int, lexicon: bytes | None
    ) -> None:
        """Make the job known, or known again: its state, its options under their hash, its lexicon if any.

        Starts are counted afresh: what a cancelled or stopped run began says nothing of the images.
        """
        with self.client.pipeline() as pipe:
            pipe.hset(job_key(job_id), mapping={**dict[Any, Any](facts), "state": "running"})
            pipe.expire(job_key(job_id), ttl_s)
            pipe.set(job_key(job_id, f"options:{options.digest()}"), encode(options), ex=ttl_s)
            if lexicon is not None:
                pipe.set(job_key(job_id, "lexicon"), lexicon, ex=ttl_s)
            pipe.sadd(JOBS_KEY, job_id)
            pipe.delete(job_key(job_id, "starts"))
            pipe.execute()

    def touch_job(self, job_id: str, options: JobOptions, facts: dict[str, str], ttl_s: int) -> bool:
        """Renew a job's life and facts; False where Redis no longer knows it."""
        keys = [job_key(job_id, part) for part in _JOB_PARTS]
        keys.append(job_key(job_id, f"options:{options.digest()}"))
        flat = [word for pair in facts.items() for word in pair]
        return bool(self._touch(keys=keys, args=[ttl_s, *flat]))

    def job(self, job_id: str) -> dict[str, str] | None:
        """The facts of a job; None where there is none of this id."""
        facts = cast(dict[bytes, bytes], self.client.hgetall(job_key(job_id)))
        return {key.decode(): value.decode() for key, value in facts.items()} or None

    def jobs(self) -> list[str]:
        """The ids of the jobs that Redis knows, oldest first; forgets those that expired."""
        ids = sorted(name.decode() for name in cast(set[bytes], self.client.smembers(JOBS_KEY)))
        alive = [job_id for job_id in ids if self.client.exists(job_key(job_id))]
        if gone := set(ids) - set(alive):
            self.client.srem(JOBS_KEY, *gone)
        return alive

    def finish_job(self, job_id: str, options: JobOptions, facts: dict[str, str]) -> None:
        """Remove all that a finished job needed; its last facts are remembered for a day."""
        keys = [job_key(job_id, part) for part in _JOB_PARTS if part]
        with self.client.pipeline() as pipe:
            pipe.hset(job_key(job_id), mapping={**dict[Any, Any](facts), "state": "done"})
            pipe.expire(job_key(job_id), _REMEMBER_DONE_S)
            pipe.delete(*keys, job_key(job_id, f"options:{options.digest()}"))
            pipe.execute()

    def cancel_job(self, job_id: str) -> None:
        """Stop a job: its producer ends, workers drop its batches, their bytes go now; answers stay."""
        # First the bytes: in a full Redis nothing could be written before.
        self._drop_bytes(job_id)
        self.client.hset(job_key(job_id), "state", "cancelled")
        # And again what its producer put in between.
        self._drop_bytes(job_id)

    def _drop_bytes(self, job_id: str) -> None:
        self.client.unlink(job_key(job_id, "lexicon"))
        for key in self.client.scan_iter(match=blob_key(f"{job_id}:*"), count=1000):
            self.client.unlink(key)

    # The lexicon of a job: too large to be fetched with every batch.

    def put_lexicon(self, job_id: str, lexicon: bytes, ttl_s: int) -> None:
        """Store a job's lexicon once more, as `encode_lexicon` makes it."""
        self.client.set(job_key(job_id, "lexicon"), lexicon, ex=ttl_s)

    def lexicon(self, job_id: str) -> bytes | None:
        """A job's lexicon as it was stored; None where there is none."""
        return cast(bytes | None, self.client.get(job_key(job_id, "lexicon")))

    # Batches.

    def put_batch(self, batch: Batch, ttl_s: int) -> None:
        """Store a batch's bytes under its id, which opens it for one commit."""
        self.client.set(blob_key(batch.id), encode_blob(batch), ex=ttl_s)

    def renew_batches(self, batch_ids: Iterable[str], ttl_s: int) -> None:
        """Renew the life of the bytes of batches that are outstanding."""
        with self.client.pipeline(transaction=False) as pipe:
            for batch_id in batch_ids:
                pipe.expire(blob_key(batch_id), ttl_s)
            pipe.execute()

    def drop_batches(self, batch_ids: Iterable[str]) -> None:
        """Remove the bytes of batches that nobody will want."""
        if keys := [blob_key(batch_id) for batch_id in batch_ids]:
            self.client.unlink(*keys)

    def begin(self, task: Task) -> StartedBatch:
        """Count a start of the batch and fetch all that it needs, in one round trip."""
        keys = [
            job_key(task.job_id),
            job_key(task.job_id, f"options:{task.options}"),
            blob_key(task.batch_id),
            job_key(task.job_id, "starts"),
        ]
        try:
            (starts, options), blob = self._begin_and_fetch(keys, task.batch_id)
        except NoScriptError:  # a Redis that was restarted
            self.client.script_load(scripts.BEGIN)
            (starts, options), blob = self._begin_and_fetch(keys, task.batch_id)
        begun = int(starts) > 0
        return StartedBatch(max(int(starts), 0), int(starts) < 0, options, blob if begun else None)

    def _begin_and_fetch(self, keys: list[str], batch_id: str) -> Any:
        # The bytes do not go through Lua, where each batch cost Redis four times as much. No MULTI: a full
        # Redis would refuse it. A commit by another worker in between takes the start with it.
        with self.client.pipeline(transaction=False) as pipe:
            pipe.evalsha(self._begin.sha, len(keys), *keys, batch_id)
            pipe.get(blob_key(batch_id))
            return pipe.execute()

    def unbegin(self, task: Task) -> None:
        """Take back a start that ended for a reason that is not the batch's own."""
        self._unbegin(keys=[job_key(task.job_id, "starts")], args=[task.batch_id])

    def commit(self, job_id: str, result: BatchResult) -> bool:
        """Hand in a batch's answers, atomically; False where another commit came first or the job is over."""
        keys = [job_key(job_id), job_key(job_id, "starts"), job_key(job_id, "results")]
        keys.append(blob_key(result.batch_id))
        return int(self._commit(keys=keys, args=[result.batch_id, encode(result)])) == 1

    def report_missing(self, job_id: str, result: BatchResult) -> None:
        """Tell the producer that a batch's bytes are not there."""
        self._missing(keys=[job_key(job_id), job_key(job_id, "results")], args=[encode(result)])

    def read_results(
        self, job_id: str, after: str, block_ms: int | None = None, count: int = 64
    ) -> list[tuple[str, BatchResult | ContractError]]:
        """Results after a stream id (`0` for all), each with its own id; waits up to `block_ms`."""
        answer = self.client.xread({job_key(job_id, "results"): after}, count=count, block=block_ms)
        read: list[tuple[str, BatchResult | ContractError]] = []
        for _, entries in cast(list[Any], answer or []):
            for entry_id, fields in entries:
                try:
                    read.append((entry_id.decode(), decode_result(fields[b"result"])))
                except ContractError as error:
                    read.append((entry_id.decode(), error))
        return read

    def forget_results(self, job_id: str, entry_ids: list[str]) -> None:
        """Remove results that stand in the journal."""
        if entry_ids:
            self.client.xdel(job_key(job_id, "results"), *entry_ids)

    # Workers.

    def announce(self, info: WorkerInfo) -> None:
        """Say for the next 30 s that this worker is there."""
        with self.client.pipeline() as pipe:
            pipe.set(worker_key(info.name), encode(info), ex=ANNOUNCEMENT_TTL_S)
            pipe.sadd(WORKERS_KEY, info.name)
            pipe.execute()

    def announced(self, name: str) -> WorkerInfo | None:
        """What a worker announced; None where it did not, or no longer."""
        text = cast(bytes | None, self.client.get(worker_key(name)))
        return None if text is None else decode_worker(text)

    def withdraw(self, name: str) -> None:
        """Take back an announcement."""
        with self.client.pipeline() as pipe:
            pipe.delete(worker_key(name))
            pipe.srem(WORKERS_KEY, name)
            pipe.execute()

    def workers(self) -> list[WorkerInfo]:
        """The workers that are there, by name; forgets those that went without a word.

        An announcement that we cannot read is another version's, and is passed over.
        """
        names = sorted(name.decode() for name in cast(set[bytes], self.client.smembers(WORKERS_KEY)))
        if not names:
            return []
        texts = cast(list[bytes | None], self.client.mget([worker_key(name) for name in names]))
        if gone := [name for name, text in zip(names, texts, strict=True) if text is None]:
            self.client.srem(WORKERS_KEY, *gone)
        infos = []
        for text in texts:
            with suppress(ContractError):
                infos.append(decode_worker(text or b""))
        return infos


def connect(broker_url: str) -> Store:
    """A store at this broker; nothing is sent until it is used.

    Raises:
        BrokerURLError: a URL with parts that Redis's client does not take.
    """
    try:
        client = redis.Redis.from_url(
            redis_py_url(broker_url),
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=5.0,
            health_check_interval=10,
            # Replies have another shape under protocol 3, which newer clients may choose by themselves.
            protocol=2,
        )
        # Opens nothing yet, but takes every part of the URL.
        client.connection_pool.make_connection()
    except (ValueError, TypeError) as error:
        raise BrokerURLError(f"broker {redact(broker_url)!r} cannot be used: {error}") from error
    return Store(client)
