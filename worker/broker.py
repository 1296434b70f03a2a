"""Broker URLs: checked, joined with their password, and never shown with it. Standard library only."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

# What both kombu and redis-py speak; Unix sockets are written as kombu writes them.
SCHEMES = ("redis", "rediss", "redis+socket")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


class BrokerURLError(ValueError):
    """A broker URL that cannot be used; the message is one sentence."""


def check(url: str) -> str:
    """The URL itself.

    Raises:
        BrokerURLError: another scheme, no host, or a port or database that is no number.
    """
    if url.partition(":")[0].lower() not in SCHEMES:
        raise BrokerURLError(
            f"broker {redact(url)!r} is no Redis URL; give redis://HOST:PORT/DB, rediss://... for TLS, "
            "or redis+socket:///PATH for a Unix socket"
        )
    if not _is_sound(url):
        raise BrokerURLError(
            f"broker {redact(url)!r} has no valid host, port and database, or no path; give "
            "redis://HOST:PORT/DB or redis+socket:///PATH, with what is special in a password percent-encoded"
        )
    return url


def _is_sound(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.scheme == "redis+socket":
            return bool(parts.path)
        _ = parts.port  # Reading it is what checks it.
        # redis-py takes any database that is no number for 0, without a word.
        return bool(parts.hostname) and re.fullmatch(r"/?|/\d+", parts.path) is not None
    except ValueError:
        # Its message is not shown: it quotes what was misread as a port, which may be a password.
        return False


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
    scheme = _SCHEME.match(url)
    start = scheme.end() if scheme else 0
    rest = url[start:]
    if "password=" in rest:
        return f"{url[:start]}***"
    credentials, at, host = rest.rpartition("@")
    user, _, password = credentials.partition(":")
    if not at or not password or rest.startswith("/"):
        return url
    return f"{url[:start]}{user}:***@{host}"


def redis_py_url(url: str) -> str:
    """The URL as redis-py reads it: kombu's `redis+socket:///PATH?virtual_host=N` is `unix:///PATH?db=N`."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    query = parts.query.replace("virtual_host=", "db=")
    # By hand: urlunsplit drops the // of a scheme that it does not know.
    return f"unix://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")
