"""Broker URLs: checked, joined with their password, and never shown with it. Standard library only."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

# What both kombu and redis-py speak; Unix sockets are written as kombu writes them.
SCHEMES = ("redis", "rediss", "redis+socket")


class BrokerURLError(ValueError):
    """A broker URL that cannot be used; the message is one sentence."""


def check(url: str) -> str:
    """The URL itself.

    Raises:
        BrokerURLError: another scheme, no host, or a port or database that is no number.
    """
    try:
        parts = urlsplit(url)
        # Reading the port is what checks it.
        reachable = parts.path if parts.scheme == "redis+socket" else parts.hostname and (parts.port or True)
    except ValueError as error:
        # The error itself is not shown: a password with a bare slash is misread as a port, and quoted there.
        raise BrokerURLError(
            f"broker {redact(url)!r} has no valid host or port; give redis://HOST:PORT/DB, "
            "with anything special in user or password percent-encoded"
        ) from error
    if parts.scheme not in SCHEMES:
        raise BrokerURLError(
            f"broker {redact(url)!r} is no Redis URL; give redis://HOST:PORT/DB, rediss://... for TLS, "
            "or redis+socket:///PATH for a Unix socket"
        )
    if not reachable:
        raise BrokerURLError(
            f"broker {redact(url)!r} names no host or path; give redis://HOST:PORT/DB or redis+socket:///PATH"
        )
    # redis-py reads any other word as database 0, kombu refuses it much later.
    if parts.scheme != "redis+socket" and not re.fullmatch(r"/?|/\d+", parts.path):
        raise BrokerURLError(
            f"broker {redact(url)!r} names database {parts.path[1:]!r}, expected a number as in "
            "redis://HOST:PORT/0"
        )
    return url


def has_password(url: str) -> bool:
    """Whether the URL carries a password, or anything that looks like one."""
    return redact(url) != url


def with_password(url: str, password: str) -> str:
    """The URL with this password, replacing one that it may have."""
    parts = urlsplit(url)
    user = parts.username or ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def redact(url: str) -> str:
    """The URL with its password replaced by ***, for everything that people or logs see."""
    # By hand rather than by urlsplit, which refuses the malformed URLs that end up in error messages; a
    # password that was not percent-encoded may hold a slash, a question mark, an @.
    scheme, separator, rest = url.rpartition("://") if url.count("://") == 1 else ("", "", url)
    if "password=" in rest:
        return f"{scheme}{separator}***"
    credentials, at, host = rest.rpartition("@")
    user, colon, password = credentials.partition(":")
    if not at or not password or rest.startswith("/"):
        return url
    return f"{scheme}{separator}{user}{colon}***{at}{host}"


def redis_py_url(url: str) -> str:
    """The URL as redis-py reads it: kombu's `redis+socket:///PATH?virtual_host=N` is `unix:///PATH?db=N`."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    query = parts.query.replace("virtual_host=", "db=")
    # By hand: urlunsplit drops the // of a scheme that it does not know.
    return f"unix://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")
