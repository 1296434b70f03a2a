"""A real Redis for the tests of this folder that need one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest
import redis

from worker.store import Store, connect

START_S = 30.0


@pytest.fixture(scope="session")
def socket_url(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a redis-server on a Unix socket, shared by these tests."""
    socket = tmp_path_factory.mktemp("redis") / "redis.sock"
    server = subprocess.Popen(
        [redis_server, "--port", "0", "--unixsocket", str(socket), "--save", ""], stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + START_S
        while not socket.exists():
            assert server.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.02)
        yield f"redis+socket://{socket}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def store(socket_url: str) -> Iterator[Store]:
    """A store in an empty Redis."""
    opened = connect(socket_url)
    opened.client.flushall()
    yield opened
    opened.client.close()


@pytest.fixture
def client(store: Store) -> redis.Redis:
    """The store's own connection, to look behind it."""
    return store.client
