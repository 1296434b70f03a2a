"""`ignore_case` on the wire: nothing where it is not wanted, and never passed over where it is."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, make_dataclass

import pytest

from worker import contract
from worker.contract import ContractError, JobOptions, WorkerInfo, decode_options, decode_worker, encode

# What a worker of before takes.
Before = make_dataclass(
    "JobOptions",
    [(it.name, it.type, it.default) for it in fields(JobOptions) if it.name != "ignore_case"],
    frozen=True,
)


def test_a_job_that_does_not_want_it_is_sent_as_before() -> None:
    plain = JobOptions(length="5")

    assert json.loads(encode(plain)) == asdict(Before(length="5"))
    assert "ignore_case" not in encode(plain)
    assert decode_options(encode(plain)).ignore_case is False


def test_a_worker_of_before_reads_such_a_job_and_refuses_one_that_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, blind = encode(JobOptions(length="5")), encode(JobOptions(length="5", ignore_case=True))

    assert Before(**json.loads(plain)) == Before(length="5")
    monkeypatch.setattr(contract, "JobOptions", Before)
    with pytest.raises(ContractError) as caught:
        decode_options(blind)
    assert str(caught.value) == (
        "the job's options do not fit: JobOptions.__init__() got an unexpected keyword argument 'ignore_case'"
    )


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_what_is_neither_true_nor_false_is_refused(value: object) -> None:
    with pytest.raises(ContractError) as caught:
        decode_options(json.dumps({"ignore_case": value}))
    assert str(caught.value) == f"the job's ignore_case is {value!r}, expected true or false"

    card = {"charset": "ab", "time_steps": 5}
    worker = json.loads(encode(WorkerInfo("w", "m", "f", card)))
    with pytest.raises(ContractError) as caught:
        decode_worker(json.dumps({**worker, "can_ignore_case": value}))
    assert str(caught.value) == f"a worker's can_ignore_case is {value!r}, expected true or false"


def test_a_worker_that_does_not_say_so_cannot() -> None:
    worker = json.loads(encode(WorkerInfo("w", "m", "f", {"charset": "ab", "time_steps": 5})))
    del worker["can_ignore_case"]

    assert decode_worker(json.dumps(worker)).can_ignore_case is False
