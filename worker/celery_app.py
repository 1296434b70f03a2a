"""The Celery application: `make_app(settings)`, and `app` for `celery -A worker.celery_app`.

Neither opens a socket. Each setting's reason is in docs/architecture.md, with its measurement.
"""

from __future__ import annotations

from typing import Any

from celery import Celery

from worker.contract import KEY_PREFIX
from worker.settings import Settings

# Where kombu keeps what workers hold unacknowledged: a hash of our own, so that another application in the
# same database is neither touched nor counted.
UNACKED_KEY = f"{KEY_PREFIX}:unacked"
# One unanswered read of a half-open connection must not hold a process for ever.
BROKER_SOCKET_TIMEOUT_S = 30.0


def make_app(settings: Settings) -> Celery:
    """A Celery app for these settings; used by the worker to serve and by the producer to send."""
    app = Celery("captchafleet", broker=settings.broker_url, include=["worker.tasks"])
    app.conf.update(
        **_messages(),
        **_delivery(settings),
        **_process(),
        broker_transport_options=_transport(settings),
        broker_connection_retry_on_startup=True,
        # Otherwise workers of every pool exit when Redis is full (noeviction).
        broker_channel_error_retry=True,
    )
    return app


def _messages() -> dict[str, Any]:
    """JSON only: pickle on a queue is remote code execution."""
    return {
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        # Answers go through a stream of our own: 200 held results opened 200 pub/sub channels.
        "task_ignore_result": True,
        "enable_utc": True,
        # Nobody sends here: a worker takes the queue of its model, and never another application's "celery".
        "task_default_queue": "captchafleet.unrouted",
    }


def _delivery(settings: Settings) -> dict[str, Any]:
    """At least once, as far as Celery can: a batch is acknowledged when its answers are committed."""
    return {
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure": True,
        # A batch that hung is sent again, not lost; our own delivery counter bounds how often.
        "task_acks_on_timeout": False,
        "task_time_limit": settings.task_time_limit_s,
    }


def _process() -> dict[str, Any]:
    """One child a device, started afresh: CUDA does not survive a fork."""
    return {
        "worker_pool": "prefork",
        "worker_pool_start_method": "spawn",
        "worker_concurrency": 1,
        "worker_prefetch_multiplier": 1,
        # Loading torch and a model takes longer than the 4 s that Celery allows a child.
        "worker_proc_alive_timeout": 120.0,
        "worker_hijack_root_logger": True,
        "worker_send_task_events": False,
    }


def _transport(settings: Settings) -> dict[str, Any]:
    return {
        "visibility_timeout": settings.visibility_timeout_s,
        # With the defaults a lost batch came back after 101 s instead of 4.3 s (visibility timeout 5 s).
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        # A worker that dies while it restores must not hold the others off for kombu's five minutes.
        "unacked_mutex_expire": 10,
        "unacked_key": UNACKED_KEY,
        "unacked_index_key": f"{UNACKED_KEY}_index",
        "unacked_mutex_key": f"{UNACKED_KEY}_mutex",
        "socket_timeout": BROKER_SOCKET_TIMEOUT_S,
        "socket_connect_timeout": 5.0,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }


def __getattr__(name: str) -> Celery:
    # Made when it is asked for: a producer imports this module too, and its environment is not a worker's.
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    app = globals()["app"] = make_app(Settings.from_env())
    return app
