"""What does not follow the wire is refused in one sentence, and never by another error."""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.contract import (
    Batch,
    BatchResult,
    ContractError,
    ImageItem,
    Task,
    WorkerInfo,
    decode_answer,
    decode_blob,
    decode_options,
    decode_result,
    decode_task,
    decode_worker,
    encode_blob,
    task_arguments,
)

TEXTS = st.text(max_size=8)
# Anything that JSON can say.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
BLOB = encode_blob(Batch("j:0-1", "j", (ImageItem(0, b"abc"), ImageItem(1, b""))))
OTHER_VERSION = (
    "the message is of wire version {version!r}, this program speaks version 2; "
    "install the same captchafleet on producer and worker"
)


def blob_of(header: object, images: bytes = b"") -> bytes:
    """A blob with this header, whatever it says."""
    text = json.dumps(header).encode()
    return b"CFB1" + struct.pack(">I", len(text)) + text + images


def header_with(**changes: object) -> dict[str, object]:
    """The header of a batch of one image of three bytes, with changes."""
    return {"v": 2, "job": "j", "batch": "j:0-0", "ids": [0], "sizes": [3], **changes}


@pytest.mark.parametrize("version", [1, 3, None, "2", "two"])
def test_another_version_is_refused_with_both_versions(version: object) -> None:
    expected = OTHER_VERSION.format(version=version)
    result = dataclasses.asdict(BatchResult("b", 1, "w")) | {"version": version}
    worker = dataclasses.asdict(WorkerInfo("w", "m", "f")) | {"version": version}
    refusals = {
        "task": lambda: decode_task({**task_arguments(Task("j", "b", 1, "o")), "version": version}),
        "result": lambda: decode_result(json.dumps(result)),
        "worker": lambda: decode_worker(json.dumps(worker)),
        "blob": lambda: decode_blob(blob_of(header_with(v=version), b"abc")),
    }

    for refuse in refusals.values():
        with pytest.raises(ContractError) as caught:
            refuse()
        assert str(caught.value) == expected


def test_a_message_without_a_version_is_refused() -> None:
    with pytest.raises(ContractError, match="of wire version None, this program speaks version 2"):
        decode_task({"job_id": "j"})


DAMAGED_BLOBS = [
    (b"", "the blob starts with b'', expected b'CFB1': not a batch", "nothing"),
    (b"CFB", "the blob starts with b'CFB', expected b'CFB1': not a batch", "less than the magic"),
    (b"CFB1\0\0", "the blob starts with b'CFB1', expected b'CFB1': not a batch", "no header length"),
    (b"\x89PNG\r\n\x1a\n", "the blob starts with b'\\x89PNG', expected b'CFB1': not a batch", "an image"),
    (blob_of([1]), "expected a JSON object, got list", "a header that is no object"),
    (
        blob_of({"v": 2, "ids": [], "sizes": [], "job": "j"}),
        "the blob's header lacks 'batch'",
        "a header without the batch's id",
    ),
    (
        blob_of(header_with(sizes=[1, 2]), b"abc"),
        "the blob's header does not name one size for each image",
        "more sizes than images",
    ),
    (
        blob_of(header_with(ids="0"), b"abc"),
        "the blob's header does not name one size for each image",
        "ids that are no list",
    ),
    (
        blob_of(header_with(), b"ab"),
        "the blob has 2 bytes of images, its header names other sizes",
        "images cut short",
    ),
    (
        blob_of(header_with(), b"abcd"),
        "the blob has 4 bytes of images, its header names other sizes",
        "more bytes than images",
    ),
    (
        blob_of(header_with(ids=[0, 1], sizes=[4, -1]), b"abc"),
        "the blob has 3 bytes of images, its header names other sizes",
        "a size below zero that makes the sum right",
    ),
    (
        blob_of(header_with(ids=[True]), b"abc"),
        "the blob has 3 bytes of images, its header names other sizes",
        "an id that is no number",
    ),
]


@pytest.mark.parametrize(
    ("blob", "message", "reason"), DAMAGED_BLOBS, ids=[reason for *_, reason in DAMAGED_BLOBS]
)
def test_a_damaged_blob_is_refused(blob: bytes, message: str, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        decode_blob(blob)
    assert str(caught.value) == message


@pytest.mark.parametrize("end", range(len(BLOB)))
def test_a_blob_cut_anywhere_is_refused(end: int) -> None:
    with pytest.raises(ContractError):
        decode_blob(BLOB[:end])


@settings(deadline=None)
@given(blob=st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"CFB1\0\0\0\x20" + tail))
@example(b"CFB1\xff\xff\xff\xff" + b"[" * 100_000)
def test_random_bytes_as_a_blob_raise_contract_errors_only(blob: bytes) -> None:
    with pytest.raises(ContractError):
        decode_blob(blob)


@settings(deadline=None)
@given(text=st.binary(max_size=60))
@example(b"[" * 100_000)
@example(b"9" * 5_000)
def test_random_bytes_as_a_message_raise_contract_errors_only(text: bytes) -> None:
    for decode in (decode_result, decode_worker):
        with pytest.raises(ContractError):
            decode(text)


def _either_value_or_contract_error(decode: Any, data: object) -> None:
    try:
        value = decode(data)
    except ContractError:
        return
    assert dataclasses.is_dataclass(value)


FIELDS = st.sampled_from(["id", "text", "probability", "n_best", "error", "proven", "allowed_mass", "seen"])
RESULT_FIELDS = st.sampled_from(["batch_id", "attempt", "worker", "answers", "status", "colour"])


@settings(deadline=None)
@given(data=JSON | st.dictionaries(FIELDS, JSON))
@example([])
@example({"id": 0, "n_best": [None]})
@example({"id": 0, "n_best": [{"text": "a"}]})
@example({"id": 0, "error": {"code": "corrupt"}})
def test_any_json_as_an_answer_is_an_answer_or_a_contract_error(data: Any) -> None:
    _either_value_or_contract_error(decode_answer, data)


@settings(deadline=None)
@given(data=st.dictionaries(RESULT_FIELDS, JSON))
@example({"batch_id": "b", "attempt": 1, "worker": "w", "answers": [5]})
def test_any_json_as_a_result_is_a_result_or_a_contract_error(data: dict[str, object]) -> None:
    _either_value_or_contract_error(decode_result, json.dumps({**data, "version": 2}))


@settings(deadline=None)
@given(data=st.dictionaries(st.sampled_from(["job_id", "batch_id", "attempt", "options", "colour"]), JSON))
def test_any_json_as_a_task_is_a_task_or_a_contract_error(data: dict[str, object]) -> None:
    _either_value_or_contract_error(decode_task, {**data, "version": 2})


TASK = {"job_id": "j", "batch_id": "b", "attempt": 1, "options": "o", "version": 2}
REFUSED_TASKS: list[tuple[dict[str, object], str, str]] = [
    ({**TASK, "attempt": "1"}, "the task's attempt is '1', expected int", "an attempt in words"),
    ({**TASK, "job_id": None}, "the task's job_id is None, expected str", "no job"),
    ({**TASK, "options": {}}, "the task's options is {}, expected str", "options themselves, not their hash"),
    (
        {**TASK, "colour": "red"},
        "the task's arguments do not fit: Task.__init__() got an unexpected keyword argument 'colour'",
        "a field that this version does not know",
    ),
    (
        {"job_id": "j", "version": 2},
        "the task's arguments do not fit: Task.__init__() missing 3 required positional arguments: "
        "'batch_id', 'attempt', and 'options'",
        "fields that lack",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "message", "reason"), REFUSED_TASKS, ids=[r for *_, r in REFUSED_TASKS]
)
def test_a_task_that_does_not_fit_is_refused(arguments: dict[str, object], message: str, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        decode_task(arguments)
    assert str(caught.value) == message


REFUSED_ANSWERS: list[tuple[object, str, str]] = [
    (5, "an answer is an object with an id from 0 on, got 5", "a number"),
    ({"text": "a"}, "an answer is an object with an id from 0 on, got {'text': 'a'}", "no id"),
    ({"id": -1}, "an answer is an object with an id from 0 on, got {'id': -1}", "an id below zero"),
    ({"id": 0, "text": 7}, "an answer's text is 7, expected a string or null", "a text that is none"),
    ({"id": 0, "n_best": 5}, "an answer does not fit: 'int' object is not iterable", "readings in no list"),
    ({"id": 0, "proven": 1}, "an answer's proven is 1, expected true, false or null", "a proof in numbers"),
    ({"id": 0, "seen": 1}, "an answer's seen is 1, expected true, false or null", "seen so many times"),
    ({"id": 0, "allowed_mass": "1"}, "an answer's mass is '1', expected a number or null", "a mass in words"),
]


@pytest.mark.parametrize(("data", "message", "reason"), REFUSED_ANSWERS, ids=[r for *_, r in REFUSED_ANSWERS])
def test_an_answer_that_does_not_fit_is_refused(data: object, message: str, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        decode_answer(data)
    assert str(caught.value) == message


def test_options_of_unknown_fields_are_refused() -> None:
    with pytest.raises(ContractError) as caught:
        decode_options('{"colour": "red"}')
    assert str(caught.value) == (
        "the job's options do not fit: JobOptions.__init__() got an unexpected keyword argument 'colour'"
    )


WORKER = {
    "version": 2,
    "name": "w",
    "model": "m",
    "fingerprint": "f",
    "card": {"charset": "ab", "time_steps": 50},
}
REFUSED_WORKERS: list[tuple[dict[str, object], str, str]] = [
    ({"name": None}, "a worker's announcement does not fit: ", "no name"),
    ({"card": {}}, "a worker's announcement does not fit: ", "a card without a charset"),
    ({"visibility_timeout_s": "long"}, "a worker's announcement does not fit: ", "a time in words"),
    (
        {"card": {"charset": "ab", "time_steps": "50"}},
        "a worker's card has '50' time steps, expected a number",
        "a card without time steps",
    ),
]


@pytest.mark.parametrize(
    ("changes", "message", "reason"), REFUSED_WORKERS, ids=[r for *_, r in REFUSED_WORKERS]
)
def test_an_announcement_that_does_not_fit_is_refused(
    changes: dict[str, object], message: str, reason: str
) -> None:
    with pytest.raises(ContractError) as caught:
        decode_worker(json.dumps({**WORKER, **changes}))
    assert str(caught.value).startswith(message)


def test_what_a_newer_worker_adds_is_passed_over() -> None:
    card = {"charset": "ab", "time_steps": 50}

    assert decode_worker(json.dumps({**WORKER, "colour": "red"})) == WorkerInfo("w", "m", "f", card)


@settings(deadline=None)
@given(data=st.dictionaries(st.sampled_from([*WORKER, "device", "visibility_timeout_s", "instance"]), JSON))
def test_any_json_as_an_announcement_is_one_or_a_contract_error(data: dict[str, object]) -> None:
    _either_value_or_contract_error(decode_worker, json.dumps({**WORKER, **data, "version": 2}))
