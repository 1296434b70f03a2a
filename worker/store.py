"""The Redis side of the wire: blobs, one commit a batch, the results stream, jobs and announcements.

Producer and worker both go through here, so that every key and every script stands once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import redis

from worker.broker import redis_py_url
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
    decode_options,
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
_JOB_PARTS = ("", "results", "committed", "starts")

# First write wins: the batch's answers enter the stream exactly once, together with the end of its blob.
# A job that is over (done, cancelled, expired) takes no answers, so that nothing is left behind.
_COMMIT = """
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then
  redis.call('DEL', KEYS[4])
  return -1
end
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[3], '*', 'result', ARGV[3])
redis.call('DEL', KEYS[4])
local ttl = redis.call('PTTL', KEYS[1])
if ttl > 0 then
  redis.call('PEXPIRE', KEYS[2], ttl)
  redis.call('PEXPIRE', KEYS[3], ttl)
end
return 1
"""

# A worker that finds no bytes says so in the stream, unless the batch was committed or the job is gone.
_REPORT_MISSING = """
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end
redis.call('XADD', KEYS[3], '*', 'result', ARGV[2])
local ttl = redis.call('PTTL', KEYS[1])
if ttl > 0 then redis.call('PEXPIRE', KEYS[3], ttl) end
return 1
"""

_TOUCH = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
return 1
"""


@dataclass(frozen=True)
class StartedBatch:
    """What a worker finds when it begins a batch.

    Attributes:
        starts: how often the batch was begun, this time included.
        cancelled: the job is cancelled, or no longer there.
        options: how to read it; None where the job's options are gone.
        blob: the images; None where they are gone.
    """

    starts: int
    cancelled: bool
    options: JobOptions | None
    blob: bytes | None


class Store:
    """One connection to Redis, in the words of this system.

    Raises (every method): redis.exceptions.RedisError where Redis cannot be reached or refuses.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._commit = client.register_script(_COMMIT)
        self._missing = client.register_script(_REPORT_MISSING)
        self._touch = client.register_script(_TOUCH)

    # Jobs (the producer's side).

    def open_job(self, job_id: str, options: JobOptions, facts: dict[str, str], ttl_s: int) -> None:
        """Make the job known, or known again: its state, its options under their hash."""
        with self.client.pipeline() as pipe:
            pipe.hset(job_key(job_id), mapping={**dict[Any, Any](facts), "state": "running"})
            pipe.expire(job_key(job_id), ttl_s)
            pipe.set(job_key(job_id, f"options:{options.digest()}"), encode(options), ex=ttl_s)
            pipe.sadd(JOBS_KEY, job_id)
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

    def finish_job(self, job_id: str, options: JobOptions) -> None:
        """Remove all that a finished job needed; that it is done is remembered for a day."""
        keys = [job_key(job_id, part) for part in _JOB_PARTS if part]
        with self.client.pipeline() as pipe:
            pipe.hset(job_key(job_id), "state", "done")
            pipe.expire(job_key(job_id), _REMEMBER_DONE_S)
            pipe.delete(*keys, job_key(job_id, f"options:{options.digest()}"))
            pipe.execute()

    def cancel_job(self, job_id: str) -> None:
        """Stop a job: its producer ends, workers drop its batches, their bytes go now; answers stay."""
        self.client.hset(job_key(job_id), "state", "cancelled")
        for key in self.client.scan_iter(match=blob_key(f"{job_id}:*"), count=1000):
            self.client.unlink(key)

    # Batches.

    def put_batch(self, batch: Batch, ttl_s: int) -> None:
        """Store a batch's bytes under its id, which opens it for one commit."""
        with self.client.pipeline() as pipe:
            pipe.set(blob_key(batch.id), encode_blob(batch), ex=ttl_s)
            pipe.hdel(job_key(batch.job_id, "committed"), batch.id)
            pipe.execute()

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
        with self.client.pipeline() as pipe:
            pipe.hincrby(job_key(task.job_id, "starts"), task.batch_id, 1)
            pipe.hget(job_key(task.job_id), "state")
            pipe.get(job_key(task.job_id, f"options:{task.options}"))
            pipe.get(blob_key(task.batch_id))
            pipe.ttl(job_key(task.job_id))
            starts, state, options, blob, ttl_s = pipe.execute()
        # The counter must not outlive its job, nor stay for a job that never was.
        self.client.expire(job_key(task.job_id, "starts"), max(ttl_s, 1))
        return StartedBatch(
            starts=int(starts),
            cancelled=state != b"running",
            options=None if options is None else decode_options(options),
            blob=blob,
        )

    def unbegin(self, task: Task) -> None:
        """Take back a start that ended for a reason that is not the batch's own."""
        self.client.hincrby(job_key(task.job_id, "starts"), task.batch_id, -1)

    def commit(self, job_id: str, result: BatchResult) -> bool:
        """Hand in a batch's answers, atomically; False where another commit came first or the job is gone."""
        keys = [job_key(job_id), job_key(job_id, "committed"), job_key(job_id, "results")]
        keys.append(blob_key(result.batch_id))
        return int(self._commit(keys=keys, args=[result.batch_id, result.attempt, encode(result)])) == 1

    def report_missing(self, job_id: str, result: BatchResult) -> None:
        """Tell the producer that a batch's bytes are not there."""
        keys = [job_key(job_id), job_key(job_id, "committed"), job_key(job_id, "results")]
        self._missing(keys=keys, args=[result.batch_id, encode(result)])

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
        """The workers that are there, by name; forgets those that went without a word."""
        names = sorted(name.decode() for name in cast(set[bytes], self.client.smembers(WORKERS_KEY)))
        if not names:
            return []
        texts = cast(list[bytes | None], self.client.mget([worker_key(name) for name in names]))
        if gone := [name for name, text in zip(names, texts, strict=True) if text is None]:
            self.client.srem(WORKERS_KEY, *gone)
        return [decode_worker(text) for text in texts if text is not None]


def connect(broker_url: str) -> Store:
    """A store at this broker; nothing is sent until it is used."""
    client = redis.Redis.from_url(
        redis_py_url(broker_url),
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=5.0,
        health_check_interval=10,
        # Replies have another shape under protocol 3, which newer clients may choose by themselves.
        protocol=2,
    )
    return Store(client)
