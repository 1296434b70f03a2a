"""Which model a job is sent to: what workers announce, and how long to wait for one that serves it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import cast

from redis.exceptions import AuthenticationError, RedisError

from producer.errors import BrokerUnreachable, UsageError
from worker.broker import BrokerURLError, redact
from worker.contract import KEY_PREFIX, WIRE_VERSION, JobOptions, WorkerInfo
from worker.store import Store, connect

_LOOK_EVERY_S = 0.2


def open_store(broker_url: str) -> Store:
    """A store at a broker that answers.

    Raises:
        UsageError: a URL that Redis's client does not take.
        BrokerUnreachable: it does not answer, or refuses our user or password.
    """
    try:
        store = connect(broker_url)
        store.client.ping()
    except BrokerURLError as error:
        raise UsageError(str(error)) from error
    except AuthenticationError as error:
        raise BrokerUnreachable(
            f"broker {redact(broker_url)} refuses the user or password: {error}"
        ) from error
    except RedisError as error:
        raise BrokerUnreachable(f"broker {redact(broker_url)} cannot be reached: {error}") from error
    return store


def split_model(text: str) -> tuple[str, str | None]:
    """`NAME` as (NAME, None), `NAME@FINGERPRINT` as both.

    Raises:
        UsageError: what follows the @ is no fingerprint.
    """
    name, at, fingerprint = text.partition("@")
    if not at:
        return name, None
    if not name or not re.fullmatch(r"[0-9a-f]{16}", fingerprint):
        raise UsageError(f"model {text!r} is not NAME or NAME@FINGERPRINT, 16 hex digits after the @")
    return name, fingerprint


def serving(workers: list[WorkerInfo], model: str | None) -> list[WorkerInfo]:
    """The workers that serve a model; all of one fingerprint.

    Args:
        workers: those that are announced.
        model: NAME or NAME@FINGERPRINT; None takes whatever is served, if that is one model.

    Raises:
        UsageError: several models fit; the message lists them.
    """
    name, fingerprint = split_model(model) if model is not None else (None, None)
    fitting = [
        info for info in workers if name in (None, info.model) and fingerprint in (None, info.fingerprint)
    ]
    if len({info.fingerprint for info in fitting}) > 1:
        names = ", ".join(sorted({f"{info.model}@{info.fingerprint}" for info in fitting}))
        what = "no model is named" if name is None else f"model {name!r} is served with several fingerprints"
        raise UsageError(f"{what}; choose one with --model: {names}")
    return fitting


def wait_for_model(
    store: Store, model: str | None, wait_s: float, while_waiting: Callable[[list[WorkerInfo]], None]
) -> list[WorkerInfo]:
    """The workers that serve the model, as soon as there is one.

    Args:
        store: where workers announce themselves.
        model: NAME, NAME@FINGERPRINT, or None for the only one.
        wait_s: how long to wait.
        while_waiting: called again and again with the workers that are there; may raise.

    Raises:
        UsageError: several models fit.
        BrokerUnreachable: nobody serves it within that time; the message names what is served.
    """
    deadline = time.monotonic() + wait_s
    while True:
        workers = store.workers()
        if found := serving(workers, model):
            return found
        if time.monotonic() >= deadline:
            raise BrokerUnreachable(_nobody(store, workers, model, wait_s))
        while_waiting(workers)
        time.sleep(_LOOK_EVERY_S)


def check_case(options: JobOptions, workers: list[WorkerInfo]) -> None:
    """Refuse a job that ignores case where a worker is older than that.

    Such a worker would refuse each of the job's batches, and the images in them would have no answer.

    Raises:
        UsageError: there is one; the message names it.
    """
    if options.ignore_case and (old := [info.name for info in workers if not info.can_ignore_case]):
        raise UsageError(
            f"--ignore-case is not known to worker {', '.join(sorted(old))}, of an older captchafleet; "
            "install this one there as well, or leave --ignore-case out"
        )


def _nobody(store: Store, workers: list[WorkerInfo], model: str | None, wait_s: float) -> str:
    what = "any model" if model is None else f"model {model!r}"
    served = ", ".join(sorted({f"{info.model}@{info.fingerprint}" for info in workers}))
    message = f"no worker served {what} within {wait_s:g} s; served: {served or 'nothing'}"
    if others := _other_versions(store):
        message += (
            f"; there are workers of wire version {others}, this producer speaks version {WIRE_VERSION}: "
            "install the same captchafleet on both"
        )
    elif not served:
        message += "; start one with: worker start --broker URL"
    return message


def _other_versions(store: Store) -> str:
    # Only on the way to an error: SCAN looks at every key.
    pattern = re.sub(r"v\d+$", "v*", KEY_PREFIX) + ":workers"
    keys = cast(list[bytes], list(store.client.scan_iter(match=pattern, count=1000)))
    versions = {key.decode().split(":")[1].removeprefix("v") for key in keys}
    return ", ".join(sorted(versions - {str(WIRE_VERSION)}))
