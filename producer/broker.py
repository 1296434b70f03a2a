"""The broker of a job: the one that was named, or the embedded default for as long as the job runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from producer.display import Display
from producer.errors import BrokerUnreachable, Interrupted, ProducerError, UsageError
from producer.fleet import open_store
from producer.request import Transport, is_path
from worker.embedded import Embedded, EmbeddedError

# The local worker is watched while it loads, so this only bounds a machine that hangs.
_EMBEDDED_WAIT_S = 300.0


@dataclass(frozen=True)
class Broker:
    """Where a job goes.

    Attributes:
        url: of Redis, with its password.
        model: NAME or NAME@FINGERPRINT to look for there; None for the only one.
        wait_s: how long to look.
        embedded: the private server and worker; None where the broker is somebody else's.
    """

    url: str
    model: str | None
    wait_s: float
    embedded: Embedded | None = None

    def check_start(self, patience_s: float = 0.0) -> None:
        """Raise UsageError or BrokerUnreachable if the embedded default ended before anything was sent."""
        try:
            if self.embedded is not None:
                self.embedded.check(patience_s)
        except EmbeddedError as error:
            raise _translated(error) from error

    def check_run(self) -> None:
        """Raise Interrupted if the embedded default ended in the middle of a job."""
        try:
            if self.embedded is not None:
                self.embedded.check()
        except EmbeddedError as error:
            raise Interrupted(str(error)) from error


@contextmanager
def open_broker(
    model: str | None, transport: Transport, worker_log: Path, display: Display
) -> Iterator[Broker]:
    """The broker of a job, as a context manager that ends what it started.

    Args:
        model: as asked for; with the embedded default its worker loads it.
        transport: names the broker, or none.
        worker_log: the file that takes what the embedded default prints.
        display: is told what is started.

    Raises:
        UsageError: the embedded default is not installed.
        BrokerUnreachable: it does not start, or the named broker does not answer.
    """
    if transport.broker is not None:
        open_store(transport.broker).client.close()
        yield Broker(transport.broker, model, transport.wait_s)
        return
    arguments = [] if model is None else ["--model", os.path.abspath(model) if is_path(model) else model]
    display.note("no broker named: starting a private server and one local worker")
    with ExitStack() as stack:
        try:
            embedded = stack.enter_context(Embedded(arguments, worker_log))
        except EmbeddedError as error:
            raise _translated(error) from error
        served = None if is_path(model) else model
        wait_s = max(transport.wait_s, _EMBEDDED_WAIT_S)
        yield Broker(embedded.broker_url, served, wait_s, embedded)


def _translated(error: EmbeddedError) -> ProducerError:
    return UsageError(str(error)) if error.refused else BrokerUnreachable(str(error))
