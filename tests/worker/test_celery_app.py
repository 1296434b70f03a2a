"""The Celery application: its settings as Celery and kombu read them, without a connection."""

from __future__ import annotations

import pytest
from kombu.transport.redis import Channel

from worker.celery_app import UNACKED_KEY, app, make_app
from worker.settings import Settings

SETTINGS = Settings("redis://host:6380/2", task_time_limit_s=10.0, visibility_timeout_s=12.5)

EXPECTED = [
    ("task_serializer", "json", "pickle on a queue is remote code execution"),
    ("result_serializer", "json", "and so it is in a result"),
    ("accept_content", ["json"], "whatever others send"),
    ("task_ignore_result", True, "answers go through a stream of our own"),
    ("task_acks_late", True, "acknowledged when the answers are committed"),
    ("task_reject_on_worker_lost", True, "a killed child's batch comes back"),
    ("task_acks_on_timeout", False, "and so does one that hung"),
    ("task_acks_on_failure", True, "a message that is no batch must not circle"),
    ("task_time_limit", 10.0, "from the settings"),
    ("worker_pool", "prefork", "the only pool that can be killed and time-limited"),
    ("worker_pool_start_method", "spawn", "CUDA does not survive a fork"),
    ("worker_concurrency", 1, "one model a device"),
    ("worker_prefetch_multiplier", 1, "what waits must be there for others to take"),
    ("worker_proc_alive_timeout", 120.0, "a model takes longer to load than Celery allows"),
    ("broker_connection_retry_on_startup", True, "workers may start before their broker"),
    ("broker_channel_error_retry", True, "a full Redis must not end every worker"),
]


@pytest.mark.parametrize(("name", "value", "reason"), EXPECTED, ids=[name for name, *_ in EXPECTED])
def test_celery_is_told(name: str, value: object, reason: str) -> None:
    assert getattr(make_app(SETTINGS).conf, name) == value, reason


def test_the_transport_is_told_what_makes_redelivery_prompt() -> None:
    assert make_app(SETTINGS).conf.broker_transport_options == {
        "visibility_timeout": 12.5,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 10,
        "unacked_key": "captchafleet:v2:unacked",
        "unacked_index_key": "captchafleet:v2:unacked_index",
        "unacked_mutex_key": "captchafleet:v2:unacked_mutex",
        "socket_timeout": 30.0,
        "socket_connect_timeout": 5.0,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }


def test_kombu_knows_every_transport_option() -> None:
    # A misspelt option is ignored without a word.
    options = make_app(SETTINGS).conf.broker_transport_options

    assert [name for name in options if name not in Channel.from_transport_options] == []


def test_what_is_unacknowledged_has_a_place_of_its_own() -> None:
    assert UNACKED_KEY.startswith("captchafleet:v2:")
    assert Channel.unacked_key != UNACKED_KEY


def test_the_app_connects_where_the_settings_say() -> None:
    connection = make_app(SETTINGS).connection_for_write()

    assert (connection.hostname, connection.port, connection.virtual_host) == ("host", 6380, "2")


def test_the_task_is_found_by_its_name_on_the_wire() -> None:
    assert app.conf.include == ["worker.tasks"]
    import worker.tasks  # noqa: F401 - importing is what registers the task

    task = app.tasks["captchafleet.solve"]
    assert (task.acks_late, task.ignore_result, task.serializer) == (True, True, "json")
