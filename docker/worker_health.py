"""Health check of the worker's container: 0 if a Celery node of this host answers a ping, 1 if none does.

Like `celery -A worker.celery_app inspect ping`, but for the nodes of this container whatever their names are:
with `worker start --device all` there is one node a GPU. A node answers while it is busy with a batch.
"""

from __future__ import annotations

import socket
import sys

from worker.celery_app import app


def main(timeout_s: float = 10.0) -> int:
    """Ping the nodes of this host; the first answer is enough."""
    pattern = f"*@{socket.gethostname()}"
    replies = app.control.ping(timeout=timeout_s, pattern=pattern, matcher="glob", limit=1)
    if not replies:
        print(f"no Celery node {pattern} answered within {timeout_s:g} s", file=sys.stderr)
    return 0 if replies else 1


if __name__ == "__main__":
    sys.exit(main())
