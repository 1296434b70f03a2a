"""Broker URLs: what is accepted, how a password enters them, and that it never leaves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from kombu import Connection
from kombu.transport.redis import Channel
from redis import ConnectionPool

from worker.broker import BrokerURLError, check, has_password, redact, redis_py_url, with_password

GOOD = [
    "redis://localhost",
    "redis://localhost/",
    "redis://10.0.0.1:6379/3",
    "redis://[::1]:6379/0",
    "redis://user:secret@host:6379/0",
    "redis://:p%2Fw@host",
    "rediss://host:6380/0?ssl_cert_reqs=required",
    "redis+socket:///run/redis/redis.sock",
    "redis+socket:///run/redis.sock?virtual_host=2",
]
NO_REDIS = (
    "broker {shown!r} is no Redis URL; give redis://HOST:PORT/DB, rediss://... for TLS, "
    "or redis+socket:///PATH for a Unix socket"
)
NOT_VALID = (
    "broker {shown!r} has no valid host, port and database, or no path; give "
    "redis://HOST:PORT/DB or redis+socket:///PATH, with what is special in a password percent-encoded"
)
REFUSED = [
    ("amqp://host//", NO_REDIS, "amqp://host//", "another broker"),
    ("localhost:6379", NO_REDIS, "localhost:6379", "no scheme"),
    ("user:secret@host", NO_REDIS, "user:***@host", "no scheme, but a password"),
    ("amqp://user:secret@host//", NO_REDIS, "amqp://user:***@host//", "another broker with a password"),
    ("", NO_REDIS, "", "nothing"),
    ("redis://", NOT_VALID, "redis://", "no host"),
    ("redis://:6379/0", NOT_VALID, "redis://:6379/0", "a port without a host"),
    ("redis://host:port/0", NOT_VALID, "redis://host:port/0", "a port in words"),
    ("redis://host:99999/0", NOT_VALID, "redis://host:99999/0", "a port beyond all ports"),
    ("redis://[::1/0", NOT_VALID, "redis://[::1/0", "half an IPv6 address"),
    ("redis://host/captchas", NOT_VALID, "redis://host/captchas", "a database that is no number"),
    ("redis+socket://", NOT_VALID, "redis+socket://", "a socket without a path"),
    ("redis://user:pa/ss@host/0", NOT_VALID, "redis://user:***@host/0", "a bare slash in the password"),
    ("redis://user:12/34@host/0", NOT_VALID, "redis://user:***@host/0", "a password that looks like a port"),
]


@pytest.mark.parametrize("url", GOOD)
def test_a_redis_url_is_accepted_as_it_is(url: str) -> None:
    assert check(url) == url


@pytest.mark.parametrize(("url", "message", "shown", "reason"), REFUSED, ids=[r for *_, r in REFUSED])
def test_anything_else_is_refused_without_its_password(
    url: str, message: str, shown: str, reason: str
) -> None:
    with pytest.raises(BrokerURLError) as caught:
        check(url)
    assert str(caught.value) == message.format(shown=shown)


REDACTED = [
    ("redis://user:secret@host:6379/0", "redis://user:***@host:6379/0", "the plain case"),
    ("redis://:secret@host", "redis://:***@host", "no user"),
    ("redis+socket://:secret@/run/redis.sock", "redis+socket://:***@/run/redis.sock", "a socket"),
    ("redis://user:s@c:r/e?t@host/0", "redis://user:***@host/0", "a password of all that is special"),
    ("user:s://ecret@host", "user:***@host", "no scheme, and a password that looks like one"),
    ("redis:/user:secret@host", "redis:***@host", "half a scheme"),
    ("redis://host/0?password=secret", "redis://***", "a password where redis-py reads one too"),
    ("redis://host/0?password=se@cret", "redis://***", "and an @ in it"),
]
PLAIN = [
    ("redis://host:6379/0", "nothing to hide"),
    ("redis://user@host", "a user alone"),
    ("redis://user:@host", "an empty password"),
    ("redis+socket:///run/a:b@c.sock", "a path with all the signs of a password"),
]


@pytest.mark.parametrize(("url", "shown", "reason"), REDACTED, ids=[reason for *_, reason in REDACTED])
def test_a_password_is_seen_and_hidden(url: str, shown: str, reason: str) -> None:
    assert has_password(url)
    assert redact(url) == shown


@pytest.mark.parametrize(("url", "reason"), PLAIN, ids=[reason for _, reason in PLAIN])
def test_a_url_without_a_password_is_shown_whole(url: str, reason: str) -> None:
    assert not has_password(url)
    assert redact(url) == url


def _refusal(url: str) -> str:
    """What `check` says of a URL; nothing where it accepts it."""
    try:
        check(url)
    except BrokerURLError as error:
        return str(error)
    return ""


def _read_by_kombu(url: str) -> dict[str, Any]:
    """Where kombu's Redis transport would connect to; without its own start, which connects."""
    channel = Channel.__new__(Channel)
    channel.connection = SimpleNamespace(client=Connection(url), default_port=6379)
    parameters: dict[str, Any] = channel._connparams()
    return parameters


@settings(deadline=None)
@given(
    prefix=st.sampled_from(["redis://", "rediss://", "redis+socket://", "amqp://", ""]),
    user=st.sampled_from(["", "user", "us%40er"]),
    password=st.text(min_size=1),
    rest=st.sampled_from(["host", "host:6379/0", "/run/redis.sock?virtual_host=2", "[::1", "host:port/x"]),
)
@example("redis://", "user", "pa/ss@word", "host:6379/0")
@example("redis://", "", "#?&password=x", "host:6379/0")
def test_no_error_and_no_log_ever_shows_a_password(prefix: str, user: str, password: str, rest: str) -> None:
    url = f"{prefix}{user}:{password}@{rest}"
    assume(password not in f"{prefix}{user}:***@{rest}")

    assert password not in redact(url)
    assert has_password(url)
    assume(password not in NO_REDIS + NOT_VALID)
    assert password not in _refusal(url)


@settings(deadline=None)
@given(password=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_password_from_elsewhere_reaches_both_libraries_unharmed(password: str) -> None:
    for url in ("redis://host:6379/1", "redis://old:older@host:6379/1", "redis+socket:///run/redis.sock"):
        joined = with_password(url, password)

        assert ConnectionPool.from_url(redis_py_url(joined)).connection_kwargs["password"] == password
        assert _read_by_kombu(joined)["password"] == password
        assert check(joined) == joined
        assert redact(joined) == redact(with_password(url, "x"))


def test_joining_a_password_keeps_the_rest_of_the_url() -> None:
    assert with_password("redis://host:6379/0", "a/b") == "redis://:a%2Fb@host:6379/0"
    assert with_password("redis://user@host/0?x=1", "s") == "redis://user:s@host/0?x=1"
    assert with_password("redis://user:old@host", "new") == "redis://user:new@host"
    assert with_password("redis+socket:///run/redis.sock", "s") == "redis+socket://:s@/run/redis.sock"


SAME_PLACE: list[tuple[str, dict[str, Any]]] = [
    ("redis://host:6380/2", {"host": "host", "port": 6380, "db": 2}),
    ("redis+socket:///run/redis.sock", {"path": "/run/redis.sock"}),
    ("redis+socket:///run/redis.sock?virtual_host=2", {"path": "/run/redis.sock", "db": 2}),
    ("redis+socket:///run/100%25%20mine.sock", {"path": "/run/100% mine.sock"}),
    ("redis+socket:///run/100%2525.sock", {"path": "/run/100%25.sock"}),
]


@pytest.mark.parametrize(("url", "place"), SAME_PLACE, ids=[url for url, _ in SAME_PLACE])
def test_redis_py_goes_where_kombu_goes(url: str, place: dict[str, Any]) -> None:
    read_by_redis_py = ConnectionPool.from_url(redis_py_url(url)).connection_kwargs
    read_by_kombu = _read_by_kombu(url)

    assert {key: read_by_redis_py.get(key) for key in place} == place
    assert {key: read_by_kombu.get(key) for key in place} == place
