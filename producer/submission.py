"""Sends a job's batches and takes their answers, with a bounded window between the two.

One thread, one loop: send while there is room, read the results stream, write the journal, forget what stands
in it. What went missing is found by looking (`_reconcile`), because no setting of Celery over Redis makes
delivery certain; docs/architecture.md has the reasons.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from producer.errors import Interrupted
from producer.fleet import serving
from producer.image_files import read_image_files
from producer.manifest import BatchRange, ManifestImage
from producer.pace import Pace
from producer.queue import BatchQueue
from producer.results import Journal, ResultLine, line_of
from producer.terms import JobTerms, Outstanding, Timing, Watcher, lines_of
from worker.contract import AnswerError, Batch, BatchResult, ContractError, ImageItem, Task, WorkerInfo
from worker.store import Store

Outcome = TypeVar("Outcome")

_HOUSEKEEPING_EVERY_S = 2.0
_READ_BLOCK_MS = 500
# A worker whose answers lack images, again and again, is broken; the images must not circle for ever.
_MAX_INCOMPLETE = 3


class Submission:
    """One run of the loop; `workers` and `timing` tell afterwards who answered and how long it took."""

    def __init__(
        self, terms: JobTerms, store: Store, queue: BatchQueue, journal: Journal, watcher: Watcher
    ) -> None:
        self.timing = Timing()
        self.workers: dict[str, WorkerInfo] = {}
        self._terms, self._pace = terms, Pace(terms)
        self._store = store
        self._queue = queue
        self._journal = journal
        self._watcher = watcher
        self._outstanding: dict[str, Outstanding] = {}
        self._early: dict[int, ResultLine] = {}
        self._drained = self._is_narrow = False
        self._last_entry = "0"
        self._present: set[str] = set()
        self._last_served = time.monotonic()
        self._next_housekeeping = 0.0
        self._next_renewal = time.monotonic() + terms.job_ttl_s / 10

    def run(self, batches: Iterable[BatchRange], on_first_send: Callable[[], None]) -> None:
        """Send every batch that lacks an answer, and return once all have theirs.

        Raises:
            Interrupted: stopped before the end; the journal holds what was answered.
        """
        self._patiently(self._open)
        self._patiently(self._drain)
        self._drained = True
        for batch in self._pace.joined(batches):
            pending = self._journal_early(batch)
            if not pending:
                continue
            while not self._has_room(batch):
                self._patiently(self._pump, _READ_BLOCK_MS)
            if self.timing.first_sent is None:
                on_first_send()
                self.timing.first_sent = time.monotonic()
            self._patiently(self._send, batch, 1)
            self._patiently(self._pump, None)
        while self._outstanding:
            self._patiently(self._pump, _READ_BLOCK_MS)
        self._patiently(self._store.finish_job, self._terms.job_id, self._terms.options, self._facts())

    def _open(self) -> None:
        terms = self._terms
        self._store.open_job(terms.job_id, terms.options, self._facts(), terms.job_ttl_s, terms.lexicon)

    def _drain(self) -> None:
        """Take what workers answered to an earlier run of this job: at most a window's worth."""
        while entries := self._store.read_results(self._terms.job_id, self._last_entry):
            for _, result in entries:
                if isinstance(result, ContractError):
                    self._watcher.say(f"an answer was left out: {result}")
                    continue
                for answer in result.answers:
                    line = line_of(answer, "", result.worker, result.attempt)
                    self._early.setdefault(answer.id, line)
            self._last_entry = entries[-1][0]

    def _journal_early(self, batch: BatchRange) -> list[ManifestImage]:
        """Journal what needs no sending; returns the images that still lack an answer."""
        lines = []
        for image in batch.images:
            if image.error is not None:
                lines.append(ResultLine(image.id, image.file, error=image.error))
            elif early := self._early.pop(image.id, None):
                lines.append(replace(early, file=image.file))
        self._write(lines)
        return self._pending(batch)

    # Sending.

    def _has_room(self, batch: BatchRange) -> bool:
        sizes = [entry.size for entry in self._outstanding.values()]
        has_room = self._terms.has_room(sizes, batch.size, len(self._present))
        if not has_room and len(sizes) < len(self._present) and not self._is_narrow:
            self._is_narrow = True  # said once: it holds for the whole job
            self._watcher.say(self._terms.narrow(len(sizes), batch.size, len(self._present)))
        return has_room

    def _send(self, batch: BatchRange, attempt: int, incomplete: int = 0) -> None:
        items, lines = [], []
        pending, limit = self._pending(batch), self._terms.options.max_image_bytes
        contents = read_image_files(self._terms.root, [image.file for image in pending], limit)
        for image, data in zip(pending, contents, strict=True):
            if isinstance(data, AnswerError):
                lines.append(ResultLine(image.id, image.file, error=data))
            else:
                items.append(ImageItem(image.id, data))
        self._write(lines)
        if not items:
            self._outstanding.pop(batch.id, None)
            return
        # Noted before it is sent: if the broker fails in between, reconciliation finds it.
        size, terms = sum(len(item.data) for item in items), self._terms
        self._outstanding[batch.id] = Outstanding(batch, size, attempt, time.monotonic(), incomplete)
        self._store.put_batch(Batch(batch.id, terms.job_id, tuple(items)), terms.job_ttl_s)
        task = Task(terms.job_id, batch.id, attempt, terms.options.digest())
        self._queue.send(task, terms.level_of(batch))

    def _send_again(self, entry: Outstanding, counted: bool = False) -> None:
        self._send(entry.batch, entry.attempt + 1, entry.incomplete)
        # Not before: a step that Redis refuses is done again, and would count each time.
        if counted and (sent := self._outstanding.get(entry.batch.id)):
            sent.incomplete += 1

    # Answers.

    def _pump(self, block_ms: int | None) -> None:
        entries = self._store.read_results(self._terms.job_id, self._last_entry, block_ms)
        # All at once, because the disk takes longer to sync a batch's lines than we to write them.
        self._write(lines_of((result for _, result in entries), self._outstanding))
        for entry_id, result in entries:
            if isinstance(result, ContractError):
                self._watcher.say(f"an answer was left out: {result}")
            else:
                self._take(result)
            self._last_entry = entry_id
        self._store.forget_results(self._terms.job_id, [entry_id for entry_id, _ in entries])
        if time.monotonic() >= self._next_housekeeping:
            self._keep_house()

    def _take(self, result: BatchResult) -> None:
        entry = self._outstanding.get(result.batch_id)
        if entry is None:
            # A second run of a batch that is answered or split; its images have, or will get, their answers.
            return
        if result.status == "missing":
            self._send_missing(entry, result)
        elif result.status == "split":
            self._watcher.say(f"batch {result.batch_id} ended several workers; it is cut in two")
            halves = entry.batch.halves()
            # Both are noted, as long overdue, before either is sent: the broker may fail in between.
            self._outstanding.update({half.id: Outstanding(half, 0, 0, float("-inf")) for half in halves})
            del self._outstanding[result.batch_id]
            for half in halves:
                self._send(half, 1)
        elif result.status == "refused":
            self._watcher.say(f"worker {result.worker} refused batch {result.batch_id}: {result.reason}")
            self._give_up(entry, f"worker {result.worker} refused the batch: {result.reason}")
        else:
            self._settle(entry, result)

    def _settle(self, entry: Outstanding, result: BatchResult) -> None:
        if not self._pending(entry.batch):
            del self._outstanding[result.batch_id]
        elif entry.incomplete + 1 < _MAX_INCOMPLETE:
            self._send_again(entry, counted=True)
        else:
            self._give_up(entry, f"worker {result.worker} left this image out of its answers")

    def _send_missing(self, entry: Outstanding, result: BatchResult) -> None:
        """Send a batch again, and the lexicon if that is what the worker lacked."""
        if result.reason:
            if self._terms.lexicon is None or entry.incomplete + 1 >= _MAX_INCOMPLETE:
                return self._give_up(entry, f"worker {result.worker} cannot use the lexicon: {result.reason}")
            self._store.put_lexicon(self._terms.job_id, self._terms.lexicon, self._terms.job_ttl_s)
        gone = f"the bytes of batch {result.batch_id} were gone; sending them again"
        self._watcher.say(f"{result.reason}; sending it again" if result.reason else gone)
        return self._send_again(entry, counted=bool(result.reason))

    def _give_up(self, entry: Outstanding, reason: str) -> None:
        error = AnswerError("worker_error", reason[:500])
        lacking = self._pending(entry.batch)
        self._write([ResultLine(image.id, image.file, error=error) for image in lacking])
        del self._outstanding[entry.batch.id]

    def _pending(self, batch: BatchRange) -> list[ManifestImage]:
        return [image for image in batch.images if not self._journal.has(image.id)]

    def _write(self, lines: list[ResultLine]) -> None:
        try:
            new = self._journal.append(lines)
        except OSError as error:
            raise Interrupted(f"results.jsonl cannot be written: {error.strerror}") from error
        if new:
            self.timing.last_answered = time.monotonic()
            self._watcher.answered(new)

    # Every other second.

    def _keep_house(self) -> None:
        self._next_housekeeping = time.monotonic() + _HOUSEKEEPING_EVERY_S
        self._watcher.check()
        self._stay_known()
        self._look_for_workers()
        self._pace.note(time.monotonic(), self._journal.n_answered, len(self._present))
        self._reconcile()
        starving = self._present and self._outstanding and self.timing.needs_help(time.monotonic())
        if starving and self._queue.climb(self._store.client, self._terms.job_id):
            self._watcher.say("other jobs go first; a batch of this one was moved up, as every minute")
        if time.monotonic() >= self._next_renewal:
            self._next_renewal = time.monotonic() + self._terms.job_ttl_s / 10
            self._store.renew_batches(self._outstanding, self._terms.job_ttl_s)

    def _stay_known(self) -> None:
        facts = self._store.job(self._terms.job_id)
        if facts is not None and facts.get("state") == "cancelled":
            self._store.drop_batches(self._outstanding)
            raise Interrupted("the job was cancelled")
        ttl_s = self._terms.job_ttl_s
        if not self._store.touch_job(self._terms.job_id, self._terms.options, self._facts(), ttl_s):
            self._watcher.say("Redis has forgotten this job (flushed, or restarted empty); sending it again")
            self._open()
            self._last_entry = "0"
            for entry in list(self._outstanding.values()):
                self._send_again(entry)

    def _look_for_workers(self) -> None:
        found = serving(self._store.workers(), self._terms.model)
        self.workers.update({info.name: info for info in found})
        present = {info.name for info in found}
        for name in sorted(self._present - present):
            timeout = self._terms.visibility_timeout_s
            self._watcher.say(f"worker {name} is gone; what it held comes back after {timeout:g} s")
        self._present = present
        now = time.monotonic()
        if found:
            self._last_served = now
        elif now - self._last_served > self._terms.wait_s:
            raise Interrupted(f"no worker has served {self._terms.model} for {self._terms.wait_s:g} s")
        elif self._outstanding:
            self._watcher.say(f"no worker serves {self._terms.model} at the moment; waiting for one")

    def _reconcile(self) -> None:
        """Send again what is overdue and neither queued, nor with a worker, nor answered."""
        overdue = time.monotonic() - self._terms.visibility_timeout_s
        late = [entry for entry in self._outstanding.values() if entry.sent_at < overdue]
        on_its_way = self._queue.on_its_way(self._store.client) if late else set()
        for entry in late:
            if entry.batch.id not in on_its_way:
                self._watcher.say(f"batch {entry.batch.id} went missing; sending it again")
                self._send_again(entry)

    def _facts(self) -> dict[str, str]:
        return self._terms.facts(self._journal.n_answered)

    def _patiently(self, step: Callable[..., Outcome], *arguments: object) -> Outcome:
        """Do a step, again and again while the broker is away or full; every step may be done twice."""
        away_since: float | None = None
        while True:
            try:
                outcome = step(*arguments)
            except (RedisError, OperationalError) as error:
                now = time.monotonic()
                away_since = away_since or now
                self._watcher.check()
                if now - away_since > self._terms.wait_s:
                    raise Interrupted(f"the broker is lost: {error}") from error
                self._watcher.say(f"the broker does not answer ({error}); trying again")
                # A full Redis takes no batch, but gives answers, and taking them makes room.
                if self._drained:
                    with suppress(RedisError, OperationalError):
                        self._pump(None)
                time.sleep(0.5)
            else:
                if away_since is not None:
                    # Workers could not be seen either; they get their time anew.
                    self._last_served = time.monotonic()
                return outcome
