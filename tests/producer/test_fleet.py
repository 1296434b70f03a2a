"""Which workers serve a model, how long to wait for one, and what is said when nobody does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from producer import fleet
from producer.errors import EXIT_UNREACHABLE, EXIT_USAGE, BrokerUnreachable, UsageError
from producer.fleet import check_case, open_store, serving, split_model, wait_for_model
from worker.contract import JobOptions, WorkerInfo

ONE, TWO = "0123456789abcdef", "fedcba9876543210"
SMALL = WorkerInfo("cpu-1@here", "crnn-small", ONE)
SMALL_TOO = WorkerInfo("cpu-2@here", "crnn-small", ONE)
RETRAINED = WorkerInfo("cpu-3@here", "crnn-small", TWO)
LARGE = WorkerInfo("cuda0-4@there", "crnn-large", TWO)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("crnn-small", ("crnn-small", None)), (f"crnn-small@{ONE}", ("crnn-small", ONE))],
    ids=["a name", "a name and its fingerprint"],
)
def test_a_model_is_a_name_with_or_without_a_fingerprint(text: str, parts: tuple[str, str | None]) -> None:
    assert split_model(text) == parts


@pytest.mark.parametrize(
    "text", ["crnn@", "crnn@0123", f"@{ONE}", f"crnn@{ONE}0", f"crnn@{ONE.upper()}", "a@b@c"]
)
def test_what_follows_the_at_sign_must_be_a_fingerprint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_model(text)
    assert str(caught.value) == f"model {text!r} is not NAME or NAME@FINGERPRINT, 16 hex digits after the @"


CHOSEN: list[tuple[list[WorkerInfo], str | None, list[WorkerInfo], str]] = [
    ([SMALL, SMALL_TOO], None, [SMALL, SMALL_TOO], "the only model, by all its workers"),
    ([SMALL, LARGE], "crnn-small", [SMALL], "one of two by its name"),
    ([SMALL, RETRAINED], f"crnn-small@{TWO}", [RETRAINED], "one of two by its fingerprint"),
    ([LARGE], f"crnn-small@{TWO}", [], "not another name of that fingerprint"),
    ([LARGE], "crnn-small", [], "nobody of that name"),
    ([], None, [], "nobody at all"),
]


@pytest.mark.parametrize(("workers", "model", "chosen", "reason"), CHOSEN, ids=[r for *_, r in CHOSEN])
def test_workers_are_found_by_what_they_announce(
    workers: list[WorkerInfo], model: str | None, chosen: list[WorkerInfo], reason: str
) -> None:
    assert serving(workers, model) == chosen


def test_two_fingerprints_under_one_name_are_listed() -> None:
    with pytest.raises(UsageError) as caught:
        serving([RETRAINED, SMALL, LARGE, SMALL_TOO], "crnn-small")
    assert str(caught.value) == (
        "model 'crnn-small' is served with several fingerprints; choose one with --model: "
        f"crnn-small@{ONE}, crnn-small@{TWO}"
    )
    assert caught.value.exit_code == EXIT_USAGE == 2


def test_without_a_name_two_models_are_listed() -> None:
    with pytest.raises(UsageError) as caught:
        serving([LARGE, SMALL], None)
    assert str(caught.value) == (
        f"no model is named; choose one with --model: crnn-large@{TWO}, crnn-small@{ONE}"
    )


def test_a_worker_that_cannot_ignore_case_is_named_before_anything_is_sent() -> None:
    blind = JobOptions(ignore_case=True)
    able = replace(SMALL, name="cpu-9@here", can_ignore_case=True)

    check_case(blind, [able])
    check_case(JobOptions(), [SMALL, able])
    with pytest.raises(UsageError) as caught:
        check_case(blind, [SMALL_TOO, able, SMALL])
    assert str(caught.value) == (
        "--ignore-case is not known to worker cpu-1@here, cpu-2@here, of an older captchafleet; "
        "install this one there as well, or leave --ignore-case out"
    )


class FakeStore:
    """Announcements that change from one look to the next; other versions' keys beside them."""

    def __init__(self, *looks: list[WorkerInfo], keys: list[bytes] | None = None) -> None:
        self._looks = list(looks)
        self.client = SimpleNamespace(scan_iter=self._scan)
        self._keys = keys or []

    def workers(self) -> list[WorkerInfo]:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def _scan(self, match: str, count: int) -> list[bytes]:
        assert match == "captchafleet:v*:workers"
        return self._keys


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that only sleeping moves."""
    clock = SimpleNamespace(now=100.0)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(fleet, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
    return clock


def wait(
    store: FakeStore,
    model: str | None = None,
    wait_s: float = 60,
    watch: Callable[[list[WorkerInfo]], None] = lambda workers: None,
) -> list[WorkerInfo]:
    return wait_for_model(store, model, wait_s, watch)  # type: ignore[arg-type]


def test_a_worker_that_is_there_is_not_waited_for(clock: SimpleNamespace) -> None:
    assert wait(FakeStore([SMALL]), wait_s=0) == [SMALL]
    assert clock.now == 100.0


def test_a_worker_is_waited_for_and_the_waiting_is_watched(clock: SimpleNamespace) -> None:
    seen: list[list[WorkerInfo]] = []

    found = wait(FakeStore([], [LARGE], [LARGE, SMALL]), "crnn-small", watch=seen.append)

    assert found == [SMALL]
    assert seen == [[], [LARGE]]
    assert clock.now == pytest.approx(100.4)


def test_who_watches_may_end_the_waiting() -> None:
    def refuse(workers: list[WorkerInfo]) -> None:
        raise UsageError("enough")

    with pytest.raises(UsageError, match="enough"):
        wait(FakeStore([]), watch=refuse)


NOBODY = [
    (
        [LARGE, SMALL_TOO],
        "crnn-9",
        [],
        f"no worker served model 'crnn-9' within 60 s; served: crnn-large@{TWO}, crnn-small@{ONE}",
        "others are served",
    ),
    (
        [],
        None,
        [],
        "no worker served any model within 60 s; served: nothing; start one with: worker start --broker URL",
        "nobody is there",
    ),
    (
        [],
        None,
        [b"captchafleet:v2:workers", b"captchafleet:v1:workers", b"captchafleet:v3:workers"],
        "no worker served any model within 60 s; served: nothing; there are workers of wire version 1, 3, "
        "this producer speaks version 2: install the same captchafleet on both",
        "workers of other versions are there",
    ),
]


@pytest.mark.parametrize(("workers", "model", "keys", "message", "why"), NOBODY, ids=[r for *_, r in NOBODY])
def test_when_nobody_serves_a_model_the_message_says_what_is_served(
    workers: list[WorkerInfo], model: str | None, keys: list[bytes], message: str, why: str
) -> None:
    with pytest.raises(BrokerUnreachable) as caught:
        wait(FakeStore(workers, keys=keys), model)
    assert str(caught.value) == message
    assert caught.value.exit_code == EXIT_UNREACHABLE == 3


UNREACHABLE = [
    (RedisConnectionError("Connection refused"), "cannot be reached: Connection refused"),
    (AuthenticationError("invalid password"), "refuses the user or password: invalid password"),
]


@pytest.mark.parametrize(("error", "message"), UNREACHABLE, ids=["nobody there", "wrong password"])
def test_an_unreachable_broker_is_named_without_its_password(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ping() -> None:
        raise error

    monkeypatch.setattr(fleet, "connect", lambda url: SimpleNamespace(client=SimpleNamespace(ping=ping)))

    with pytest.raises(BrokerUnreachable) as caught:
        open_store("redis://user:hunter2@host:6379/0")
    assert str(caught.value) == f"broker redis://user:***@host:6379/0 {message}"


def test_a_broker_that_answers_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = SimpleNamespace(client=SimpleNamespace(ping=lambda: True))
    monkeypatch.setattr(fleet, "connect", lambda url: store)

    assert open_store("redis://host") is store
