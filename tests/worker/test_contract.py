"""The wire: what is encoded is decoded again, and stays small."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.contract import (
    Answer,
    AnswerError,
    Batch,
    BatchResult,
    Candidate,
    ImageItem,
    JobOptions,
    Task,
    WorkerInfo,
    blob_key,
    decode_blob,
    decode_options,
    decode_result,
    decode_task,
    decode_worker,
    encode,
    encode_blob,
    job_key,
    lean,
    queue_name,
    task_arguments,
    worker_key,
)

TEXTS = st.text(max_size=8)
PROBABILITIES = st.floats(0, 1)
IDS = st.integers(0, 2**40)
ANSWERS = st.builds(
    Answer,
    IDS,
    st.none() | TEXTS,
    st.none() | PROBABILITIES,
    st.lists(st.builds(Candidate, TEXTS, PROBABILITIES), max_size=3).map(tuple),
    st.none() | st.builds(AnswerError, TEXTS, TEXTS),
    st.none() | st.booleans(),
    st.none() | PROBABILITIES,
    st.none() | PROBABILITIES,
    st.none() | st.booleans(),
)
BATCHES = st.builds(
    Batch, TEXTS, TEXTS, st.lists(st.builds(ImageItem, IDS, st.binary(max_size=40)), max_size=5).map(tuple)
)
TASKS = st.builds(Task, TEXTS, TEXTS, st.integers(0, 99), TEXTS)


@settings(deadline=None)
@given(batch=BATCHES)
def test_a_batch_survives_its_blob(batch: Batch) -> None:
    assert decode_blob(encode_blob(batch)) == batch


@settings(deadline=None)
@given(task=TASKS)
def test_a_task_survives_its_message(task: Task) -> None:
    assert decode_task(json.loads(json.dumps(task_arguments(task)))) == task


@settings(deadline=None)
@given(
    options=st.builds(
        JobOptions,
        st.sampled_from(["exact", "beam", "greedy", "alignment-beam"]),
        st.integers(1, 1000),
        st.integers(1, 100),
        *[st.none() | TEXTS] * 4,
        st.none() | st.just("ab" * 32),
        st.integers(1, 2**30),
        st.booleans(),
    )
)
def test_options_survive_and_keep_their_hash(options: JobOptions) -> None:
    again = decode_options(encode(options))

    assert again == options
    assert again.digest() == options.digest()


@settings(deadline=None)
@given(
    answers=st.lists(ANSWERS, max_size=4), status=st.sampled_from(["solved", "split", "missing", "refused"])
)
def test_a_result_survives_the_stream(answers: list[Answer], status: Any) -> None:
    result = BatchResult("j:0-1", 2, "cpu-1@here", tuple(answers), status, "why")

    assert decode_result(encode(result).encode()) == result


@settings(deadline=None)
@given(
    answers=st.lists(ANSWERS, max_size=4),
    status=st.sampled_from(["solved", "split", "missing", "refused"]),
    worker=TEXTS,
)
def test_a_result_is_written_as_its_fields_are(answers: list[Answer], status: Any, worker: str) -> None:
    result = BatchResult("j:0-1", 2, worker, tuple(answers), status, "why")
    plain = dataclasses.asdict(result, dict_factory=lean)

    assert encode(result) == json.dumps(plain, sort_keys=True, separators=(",", ":"))


def test_a_result_keeps_probabilities_that_are_no_numbers_to_itself() -> None:
    # JSON has no word for them, and a reader that is strict would lose the whole batch.
    with pytest.raises(ValueError, match=r"^Out of range float values are not JSON compliant"):
        encode(BatchResult("j:0-0", 1, "w", (Answer(0, "a", math.nan),)))


def test_an_announcement_survives_redis() -> None:
    card = {"charset": "ab", "time_steps": 50, "accuracy": []}
    info = WorkerInfo("cpu-1@here", "crnn", "0" * 16, card, "cpu", "here", 150.0, "5f3a", True)

    assert decode_worker(encode(info)) == info


@settings(deadline=None)
@given(task=TASKS)
def test_what_travels_is_ascii(task: Task) -> None:
    assert encode(task).isascii()


def test_options_that_differ_have_another_hash() -> None:
    options = [
        JobOptions(),
        JobOptions("greedy"),
        JobOptions(length="5"),
        JobOptions(charset="5"),
        JobOptions(pattern="5"),
        JobOptions(regex="5"),
        JobOptions(lexicon="5" * 64),
        JobOptions(max_image_bytes=5),
        JobOptions(ignore_case=True),
    ]

    assert len({each.digest() for each in options}) == len(options)
    assert JobOptions().digest() == "0715d64cd3e82632"


@pytest.mark.parametrize("last", [0, 255, 10**9], ids=["one image", "a full batch", "a huge manifest"])
def test_a_tasks_arguments_stay_under_a_kilobyte_whatever_the_batch(last: int) -> None:
    # Ids of our own have 22 characters; four times that leaves room for another way of making them.
    job = "20260401-101500-3fa9c1" * 4
    task = Task(job, f"{job}:{max(0, last - 65_536)}-{last}", 1_000_000, JobOptions().digest())

    assert len(json.dumps(task_arguments(task))) < 1024


def test_names_in_redis_carry_the_version() -> None:
    assert queue_name("3fa9c1") == "captchafleet.v2.3fa9c1"
    assert job_key("j") == "captchafleet:v2:job:j"
    assert job_key("j", "results") == "captchafleet:v2:job:j:results"
    assert blob_key("j:0-1") == "captchafleet:v2:blob:j:0-1"
    assert worker_key("cpu-1@here") == "captchafleet:v2:worker:cpu-1@here"
