"""Broker URLs: checked, joined with their password, and never shown with it. Standard library only."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit, urlunsplit

# What both kombu and redis-py speak; Unix sockets are written as kombu writes them.
SCHEMES = ("redis", "rediss", "redis+socket")


class BrokerURLError(ValueError):
    """A broker URL that cannot be used; the message is one sentence."""


def check(url: str) -> str:
    """The URL itself.

    Raises:
        BrokerURLError: another scheme, no host, or a port that is no number.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise BrokerURLError(
            f"broker {redact(url)!r} is no Redis URL; give redis://HOST:PORT/DB, rediss://... for TLS, "
            "or redis+socket:///PATH for a Unix socket"
        )
    try:
        # Reading the port is what checks it.
        reachable = parts.path if parts.scheme == "redis+socket" else parts.hostname and (parts.port or True)
    except ValueError as error:
        raise BrokerURLError(f"broker {redact(url)!r} has no valid port: {error}") from error
    if not reachable:
        raise BrokerURLError(f"broker {redact(url)!r} names no host; give redis://HOST:PORT/DB")
    return url


def has_password(url: str) -> bool:
    """Whether the URL carries a password."""
    return bool(urlsplit(url).password)


def with_password(url: str, password: str) -> str:
    """The URL with this password, replacing one that it may have."""
    parts = urlsplit(url)
    user = parts.username or ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def redact(url: str) -> str:
    """The URL with its password replaced by ***, for everything that people or logs see."""
    # By hand rather than by urlsplit, which refuses the malformed URLs that end up in error messages.
    scheme, separator, rest = url.partition("://")
    authority, slash, tail = rest.partition("/")
    credentials, at, host = authority.rpartition("@")
    if not at or ":" not in credentials:
        return url
    return f"{scheme}{separator}{credentials.partition(':')[0]}:***@{host}{slash}{tail}"


def redis_py_url(url: str) -> str:
    """The URL as redis-py reads it: kombu's `redis+socket:///PATH?virtual_host=N` is `unix:///PATH?db=N`."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    query = parts.query.replace("virtual_host=", "db=")
    # By hand: urlunsplit drops the // of a scheme that it does not know.
    return f"unix://{parts.netloc}{unquote(parts.path)}" + (f"?{query}" if query else "")
