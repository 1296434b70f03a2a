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
from collections.abc import MutableMapping
from contextlib import suppress
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
    decode_task,
    queue_name,
)
from worker.presence import Presence
from worker.settings import Settings
from worker.solving import ConstraintError, ZooError, card_facts, load, served_card, solve_batch
from worker.store import StartedBatch, Store, connect

if TYPE_CHECKING:
    from model_zoo.solver import Solver

log = logging.getLogger(__name__)

# After this many starts without an end, the batch itself is taken to be what ends the workers.
MAX_STARTS = 3
_NAME_VARIABLE = "CAPTCHAFLEET_WORKER_NAME"


class _Child:
    """What the pool's process holds: it has one task at a time, and one model for its whole life."""

    settings: Settings
    solver: Solver
    store: Store
    name: str


class _Parent:
    presence: Presence | None = None


@celeryd_init.connect
def choose_queue(sender: str, conf: MutableMapping[str, Any], **_: object) -> None:
    """In the parent, before anything starts: consume the queue of the served model, and no other."""
    card = served_card(Settings.from_env())
    conf["task_queues"] = [Queue(queue_name(card.fingerprint))]
    conf["task_default_queue"] = queue_name(card.fingerprint)
    # The child is a fresh process and learns its node's name from here.
    os.environ[_NAME_VARIABLE] = sender


@worker_ready.connect
def start_presence(**_: object) -> None:
    """In the parent: keep the announcement alive."""
    _Parent.presence = Presence(connect(Settings.from_env().broker_url), os.environ[_NAME_VARIABLE])
    _Parent.presence.start()


@worker_shutdown.connect
def stop_presence(**_: object) -> None:
    """In the parent: take the announcement back."""
    if _Parent.presence is not None:
        _Parent.presence.stop()


@worker_process_init.connect
def load_model(**_: object) -> None:
    """In the child: load the model, then announce the worker; without a model the whole worker ends."""
    settings = Settings.from_env()
    try:
        _Child.solver = load(settings)
    except (ZooError, RuntimeError, OSError) as error:
        # Celery would go on without: it logs what a signal's receiver raises, and the pool would try forever.
        print(f"Error: {error}", file=sys.stderr, flush=True)
        os.kill(os.getppid(), signal.SIGTERM)
        os._exit(1)
    _Child.settings = settings
    _Child.store = connect(settings.broker_url)
    _Child.name = os.environ[_NAME_VARIABLE]
    _Child.store.announce(_announcement(settings, _Child.solver, _Child.name))
    log.info("serving %s on %s", _Child.solver.card.name, _Child.solver.device)


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


def _result(task: Task, started: StartedBatch) -> BatchResult | None:
    if started.cancelled:
        _Child.store.drop_batches([task.batch_id])
        return None
    if started.options is None or started.blob is None:
        return BatchResult(task.batch_id, task.attempt, _Child.name, status="missing")
    try:
        batch = decode_blob(started.blob)
    except ContractError as error:
        log.error("batch %s refused: %s", task.batch_id, error)
        return None
    if started.starts > MAX_STARTS:
        return _give_up(task, batch)
    try:
        answers = solve_batch(batch, started.options, _Child.solver, _Child.settings.micro_batch)
    except ConstraintError as error:
        reason = AnswerError("worker_error", str(error))
        answers = tuple(Answer(item.id, error=reason) for item in batch.items)
    return BatchResult(task.batch_id, task.attempt, _Child.name, answers)


def _give_up(task: Task, batch: Batch) -> BatchResult:
    if len(batch.items) > 1:
        return BatchResult(task.batch_id, task.attempt, _Child.name, status="split")
    reason = AnswerError("quarantined", f"this image ended {MAX_STARTS} workers; it was set aside")
    answers = tuple(Answer(item.id, error=reason) for item in batch.items)
    return BatchResult(task.batch_id, task.attempt, _Child.name, answers)


def _hand_in(task: Task, result: BatchResult) -> None:
    if result.status == "missing":
        _Child.store.report_missing(task.job_id, result)
    elif not _Child.store.commit(task.job_id, result):
        log.info("batch %s was answered before, or its job is gone; nothing changes", task.batch_id)


def _announcement(settings: Settings, solver: Solver, name: str) -> WorkerInfo:
    return WorkerInfo(
        name=name,
        model=solver.card.name,
        fingerprint=solver.card.fingerprint,
        card=card_facts(solver.card),
        device=str(solver.device),
        host=socket.gethostname(),
        visibility_timeout_s=settings.visibility_timeout_s,
    )
