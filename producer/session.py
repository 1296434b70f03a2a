"""One go at a job whose manifest is written: find the model, send what has no answer, report on the whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

from redis.exceptions import RedisError

from model_zoo.lexicon import Lexicon
from model_zoo.words import DroppedWords
from producer.broker import Broker
from producer.display import Display
from producer.errors import BrokerUnreachable, Interrupted, ProducerError, UsageError
from producer.fleet import check_case, open_store, wait_for_model
from producer.labels import LabelSource
from producer.manifest import JobFacts, append_line, read_batches, read_facts
from producer.queue import BatchQueue
from producer.reading import Reading, check_feasible, resolve
from producer.report.summary import RunSummary
from producer.request import Transport
from producer.results import Journal
from producer.run_folder import RunFolder
from producer.submission import Submission
from producer.summary import summarise, write_reports
from producer.terms import JobTerms
from worker.broker import redact
from worker.contract import WorkerInfo, encode_lexicon
from worker.memory import freeze_start, keep_freed
from worker.store import Store

_SAY_WAITING_AFTER_S = 2.0
_LAST_WORDS_S = 3.0


@dataclass(frozen=True)
class JobFiles:
    """What was read from a user's files: what the images should read, and the words that an answer may be."""

    labels: LabelSource
    lexicon: Lexicon | None = None


@dataclass(frozen=True)
class Session:
    """One `submit` or `resume` of a job.

    Attributes:
        folder: of the job.
        broker: where it goes.
        transport: how.
        display: who looks on.
        files: what was read from the user's files.
        started: when the command began, by time.monotonic().
    """

    folder: RunFolder
    broker: Broker
    transport: Transport
    display: Display
    files: JobFiles
    started: float

    def carry_out(self) -> RunSummary:
        """Send, collect, report.

        Raises:
            UsageError, BrokerUnreachable: before anything is sent.
            Interrupted: afterwards; the reports are written all the same, and say that they are partial.
        """
        facts = read_facts(self.folder.manifest)
        self.display.note(f"job {facts.request.job}: {facts.images:,} images, run folder {self.folder.path}")
        store, workers = self._find_workers()
        served, request = workers[0], facts.request
        check_case(request.options, workers)
        reading = resolve(request.options, served.model, served.card, request.unconstrained)
        dropped = check_feasible(reading, self.files.lexicon, served.model, served.card)
        self._remember_model(facts, served, dropped)
        try:
            self._send(facts, reading, store, workers)
        except (Interrupted, KeyboardInterrupt):
            try:
                report(self.folder, self.files.labels)
            except ProducerError as error:
                # Why the job stopped is what the user must hear; this only comes on top.
                self.display.say(f"the partial report is missing: {error}")
            raise
        return report(self.folder, self.files.labels)

    def _find_workers(self) -> tuple[Store, list[WorkerInfo]]:
        what = "loading the model" if self.broker.embedded is not None else "looking for a worker"
        try:
            store = open_store(self.broker.url)
            while_waiting = self._while_waiting(time.monotonic())
            with self.display.busy(what):
                return store, wait_for_model(store, self.broker.model, self.broker.wait_s, while_waiting)
        except RedisError as error:
            lost = BrokerUnreachable(f"broker {redact(self.broker.url)} was lost: {error}")
            lost.__cause__ = error
        except BrokerUnreachable as error:
            lost = error
        # A private server that is gone went because its worker did; the worker's own words say why.
        self.broker.check_start(_LAST_WORDS_S)
        raise lost

    def _while_waiting(self, began: float) -> Callable[[list[WorkerInfo]], None]:
        def say(there: list[WorkerInfo]) -> None:
            self.broker.check_start()
            if self.broker.embedded is None and time.monotonic() - began > _SAY_WAITING_AFTER_S:
                served = ", ".join(sorted({info.model for info in there})) or "nothing"
                self.display.say(
                    f"no worker serves {self.broker.model or 'any model'} yet (served: {served}); "
                    f"waiting up to {self.broker.wait_s:g} s"
                )

        return say

    def _remember_model(self, facts: JobFacts, served: WorkerInfo, dropped: DroppedWords) -> None:
        if facts.model is None:
            lexicon = {} if self.files.lexicon is None else {"dropped_words": asdict(dropped)}
            append_line(
                self.folder.manifest,
                "model",
                name=served.model,
                fingerprint=served.fingerprint,
                card=served.card,
                **lexicon,
            )
        elif facts.model["fingerprint"] != served.fingerprint:
            raise UsageError(
                f"the job was begun with model {facts.model['name']}@{facts.model['fingerprint']}, now "
                f"{served.model}@{served.fingerprint} is served; bring back the first, or submit anew"
            )

    def _send(self, facts: JobFacts, reading: Reading, store: Store, workers: list[WorkerInfo]) -> None:
        terms = self._terms(facts, reading, workers[0])
        number = len(facts.sessions)
        met = {info.name: info.device for info in workers}

        def on_first_send() -> None:
            append_line(
                self.folder.manifest,
                "session",
                number=number,
                time=time.time(),
                startup_seconds=round(time.monotonic() - self.started, 3),
                workers=met,
            )

        self.display.check_with(self.broker.check_run)
        keep_freed()
        freeze_start()
        queue = BatchQueue(self.broker.url, workers[0].fingerprint)
        with (
            Journal(self.folder.results, facts.request.min_probability) as journal,
            self.display.progress(terms.images, journal.n_answered),
        ):
            loop = Submission(terms, store, queue, journal, self.display)
            try:
                loop.run(read_batches(self.folder.manifest, terms.job_id), on_first_send)
            finally:
                queue.close()
                if loop.timing.first_sent is not None:
                    met.update({name: info.device for name, info in loop.workers.items()})
                    seconds = round(loop.timing.seconds, 3)
                    # Without this line the job's seconds are unknown, and nothing else is lost.
                    with suppress(Interrupted):
                        append_line(
                            self.folder.manifest, "session_end", number=number, seconds=seconds, workers=met
                        )

    def _terms(self, facts: JobFacts, reading: Reading, served: WorkerInfo) -> JobTerms:
        words, limits = self.files.lexicon, facts.request.limits
        return JobTerms(
            job_id=facts.request.job,
            root=facts.request.directory,
            options=reading.options,
            model=f"{served.model}@{served.fingerprint}",
            images=facts.images or 0,
            max_in_flight_bytes=self.transport.max_in_flight_bytes,
            wait_s=self.transport.wait_s,
            job_ttl_s=self.transport.job_ttl_s,
            visibility_timeout_s=served.visibility_timeout_s,
            lexicon=None if words is None else encode_lexicon(words.text()),
            priority=facts.request.priority,
            # Who names a --batch-size gets batches of that size.
            max_joined_bytes=limits.max_bytes if limits.max_images is None else 0,
        )


def report(folder: RunFolder, labels: LabelSource) -> RunSummary:
    """Measure the run folder and write both reports into it.

    Raises:
        Interrupted: they cannot be written.
    """
    summary = summarise(folder, labels)
    store(folder, summary)
    return summary


def store(folder: RunFolder, summary: RunSummary) -> None:
    """Write both reports into the run folder.

    Raises:
        Interrupted: they cannot be written.
    """
    try:
        write_reports(folder, summary)
    except OSError as error:
        raise Interrupted(
            f"the report cannot be written: {error.strerror}; the answers are safe in {folder.results}: "
            f"mend that and run `producer report {folder.path}`"
        ) from error
