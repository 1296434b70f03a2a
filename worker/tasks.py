"""The one task, and what happens around it in the worker's two processes.

The parent (Celery's consumer) chooses the queue and renews the announcement. The child loads the model once,
announces the worker and solves batches. Importing this module imports no torch: the parent never needs it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from celery.exceptions import Reject
from celery.signals import (
    celeryd_init,
    worker_process_init,
    worker_ready,
    worker_shutdown,
)
from kombu import Queue
from redis.exceptions import RedisError

from worker.celery_app import app
from worker.contract import (
    TASK_NAME,
    Answer,
    AnswerError,
    Batch,
    BatchResult,
    ContractError,
    Task,
    WorkerInfo,
    decode_blob,
    decode_options,
    decode_task,
    queue_name,
)
from worker.memory import freeze_start, keep_freed
from worker.presence import Presence
from worker.settings import Settings, SettingsError
from worker.solving import (
    ConstraintError,
    DeviceLost,
    LexiconMissing,
    Lexicons,
    ZooError,
    card_facts,
    job_constraints,
    load,
    served_card,
    solve_batch,
)
from worker.store import StartedBatch, Store, connect

if TYPE_CHECKING:
    from model_zoo.solver import Solver

log = logging.getLogger(__name__)

# After this many starts without an end, the batch itself is taken to be what ends the workers.
MAX_STARTS = 3
# How long a child tries to announce itself to a Redis that is away; Celery waits 120 s for a child.
_ANNOUNCE_S = 60.0
_NAME_VARIABLE = "CAPTCHAFLEET_WORKER_NAME"
_INSTANCE_VARIABLE = "CAPTCHAFLEET_WORKER_INSTANCE"


class _Child:
    """What the pool's process holds: it has one task at a time, and one model for its whole life."""

    settings: Settings
    solver: Solver
    store: Store
    lexicons: Lexicons
    name: str


class _Parent:
    presence: Presence | None = None


@celeryd_init.connect
def choose_queue(sender: str, conf: MutableMapping[str, Any], **_: object) -> None:
    """In the parent, before anything starts: consume the queue of the served model, and no other."""
    try:
        card = served_card(Settings.from_env())
    except (ZooError, SettingsError, OSError) as error:
        # Celery would go on without a queue of ours: it logs what a signal's receiver raises.
        _end_with(error)
        os._exit(2)
    conf["task_queues"] = [Queue(queue_name(card.fingerprint))]
    conf["task_default_queue"] = queue_name(card.fingerprint)
    # The child is a fresh process and learns from here who it is.
    os.environ[_NAME_VARIABLE] = sender
    os.environ[_INSTANCE_VARIABLE] = uuid.uuid4().hex


@worker_ready.connect
def start_presence(**_: object) -> None:
    """In the parent: keep the announcement alive."""
    store = connect(Settings.from_env().broker_url)
    _Parent.presence = Presence(store, os.environ[_NAME_VARIABLE], os.environ[_INSTANCE_VARIABLE])
    _Parent.presence.start()


@worker_shutdown.connect
def stop_presence(**_: object) -> None:
    """In the parent: take the announcement back."""
    if _Parent.presence is not None:
        _Parent.presence.stop()


@worker_process_init.connect
def load_model(**_: object) -> None:
    """In the child: load the model, then announce the worker; without a model the whole worker ends."""
    try:
        keep_freed()
        _Child.settings = Settings.from_env()
        _Child.solver = load(_Child.settings)
        _Child.store = connect(_Child.settings.broker_url)
        _Child.lexicons = Lexicons(_Child.store.lexicon)
        _Child.name = os.environ[_NAME_VARIABLE]
        freeze_start()
        _announce(_announcement())
    except Exception as error:
        # Celery would go on without, and answer batches with errors that another worker could read.
        log.debug("the worker cannot serve", exc_info=True)
        _end_with(error)
        os.kill(os.getppid(), signal.SIGQUIT)  # which, unlike SIGTERM, Celery does not end with exit code 0
        os._exit(1)
    log.info("serving %s on %s", _Child.solver.card.name, _Child.solver.device)


def _end_with(error: Exception) -> None:
    print(f"Error: {str(error) or type(error).__name__}", file=sys.stderr, flush=True)


def _announce(info: WorkerInfo) -> None:
    deadline = time.monotonic() + _ANNOUNCE_S
    while True:
        try:
            _Child.store.announce(info)
        except RedisError as error:
            if time.monotonic() > deadline:
                raise
            log.warning("the worker could not be announced, trying again: %s", error)
            time.sleep(1)
        else:
            return


@app.task(name=TASK_NAME, bind=False)
def solve(**arguments: object) -> None:
    """Read one batch: begin, solve, commit. Acknowledged when this returns."""
    try:
        task = decode_task(arguments)
    except ContractError as error:
        log.error("message refused: %s", error)
        return
    started: StartedBatch | None = None
    try:
        started = _Child.store.begin(task)
        result = _result(task, started)
        if result is not None:
            _hand_in(task, result)
    except RedisError as error:
        # Not the batch's own fault: back on the queue, and the start does not count against it.
        log.warning("batch %s goes back on the queue: %s", task.batch_id, error)
        if started is not None:
            with suppress(RedisError):  # what cannot be counted back costs one of three starts
                _Child.store.unbegin(task)
        raise Reject(str(error), requeue=True) from error
    except DeviceLost as error:
        # The next child starts with a device that works; the message goes back because this one is gone.
        log.error("%s", error)
        os._exit(1)
    except Exception as error:
        # A bug of ours; acknowledged, it would cost a visibility timeout. The count of starts bounds this.
        log.exception("batch %s failed and goes back on the queue", task.batch_id)
        raise Reject(str(error), requeue=True) from error


def _result(task: Task, started: StartedBatch) -> BatchResult | None:
    if started.over:
        _Child.store.drop_batches([task.batch_id])
        return None
    result = BatchResult(task.batch_id, task.attempt, _Child.name)
    if started.options is None or started.blob is None:
        return replace(result, status="missing")
    try:
        options, batch = decode_options(started.options), decode_blob(started.blob)
        if started.starts > MAX_STARTS:
            return _give_up(result, batch)
        constraints = job_constraints(task.job_id, options, _Child.lexicons)
        answers = solve_batch(batch, options, constraints, _Child.solver, _Child.settings.micro_batch)
    except LexiconMissing as error:
        # Not the batch's own fault: it comes again with the lexicon, and this start does not count.
        log.warning("batch %s cannot be read yet: %s", task.batch_id, error)
        _Child.store.unbegin(task)
        return replace(result, status="missing", reason=str(error))
    except (ContractError, ConstraintError) as error:
        log.error("batch %s refused: %s", task.batch_id, error)
        return replace(result, status="refused", reason=str(error))
    return replace(result, answers=answers)


def _give_up(result: BatchResult, batch: Batch) -> BatchResult:
    if len(batch.items) > 1:
        return replace(result, status="split")
    reason = AnswerError("quarantined", f"this image ended {MAX_STARTS} workers; it was set aside")
    return replace(result, answers=tuple(Answer(item.id, error=reason) for item in batch.items))


def _hand_in(task: Task, result: BatchResult) -> None:
    if result.status == "missing":
        _Child.store.report_missing(task.job_id, result)
    elif not _Child.store.commit(task.job_id, result):
        log.info("batch %s was answered before, or its job is over; nothing changes", task.batch_id)


def _announcement() -> WorkerInfo:
    card = _Child.solver.card
    return WorkerInfo(
        name=_Child.name,
        model=card.name,
        fingerprint=card.fingerprint,
        card=card_facts(card),
        device=str(_Child.solver.device),
        host=socket.gethostname(),
        visibility_timeout_s=_Child.settings.visibility_timeout_s,
        instance=os.environ[_INSTANCE_VARIABLE],
        can_ignore_case=True,
    )
