"""The sending loop against a fleet that does everything wrong, in an order drawn by chance."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from producer.errors import Interrupted
from worker.contract import Answer, Batch, BatchResult, Task

Job = Any  # of conftest.py, which cannot be imported


RUNS = 4


class KilledError(Interrupted):
    """Stands for the end of the producer."""


def killer(job: Job, time: float) -> Callable[[], None]:
    """Ends the producer at that time."""

    def look() -> None:
        if job.fleet.now > time:
            raise KilledError

    return look


class Chaos:
    """A worker and a Redis that fail in every known way, `mischief` times in all."""

    def __init__(self, job: Job, dice: random.Random, mischief: int) -> None:
        self.fleet = job.fleet
        self.dice = dice
        self.left = mischief
        self.results: list[BatchResult] = []
        self.fleet.pick = dice.randrange
        self.fleet.solve = self.solve
        waits: list[Callable[[], None]] = [
            self.flush,
            self.lose_bytes,
            self.lose_messages,
            self.go_away,
            self.repeat_a_result,
            self.deliver_twice,
        ]
        self.fleet.on_wait = [
            dice.choice(waits) if dice.random() < 0.3 else self.fleet.work for _ in range(80)
        ]

    def solve(self, task: Task, batch: Batch) -> BatchResult | None:
        answers = tuple(Answer(item.id, item.data.decode(), 0.5) for item in batch.items)
        kind = (
            self.dice.choice(["killed", "split", "partial", *["solved"] * 4]) if self.left > 0 else "solved"
        )
        self.left -= kind != "solved"
        if kind == "killed":
            return None
        if kind == "split" and len(batch.items) > 1:
            return self._result(task, (), "split")
        if kind == "partial":
            answers = answers[: self.dice.randrange(len(answers) + 1)]
        return self._result(task, answers, "solved")

    def _result(self, task: Task, answers: tuple[Answer, ...], status: Any) -> BatchResult:
        self.results.append(BatchResult(task.batch_id, task.attempt, "cpu-1@here", answers, status))
        return self.results[-1]

    def flush(self) -> None:
        self.fleet.facts = None
        self.fleet.stream.clear()
        self.lose_bytes()
        self.lose_messages()

    def lose_bytes(self) -> None:
        self.fleet.blobs.clear()

    def lose_messages(self) -> None:
        self.fleet.waiting.clear()

    def go_away(self) -> None:
        self.fleet.away_until = self.fleet.now + self.dice.uniform(1, 20)

    def repeat_a_result(self) -> None:
        if self.results:
            self.fleet.say(self.dice.choice(self.results))

    def deliver_twice(self) -> None:
        self.fleet.waiting.extend(self.fleet.waiting)


@pytest.mark.parametrize("seed", range(40))
def test_no_mischief_loses_an_answer_or_doubles_it(seed: int, job: Job) -> None:
    dice = random.Random(seed)
    batches = job.batches(*[dice.randint(1, 6) for _ in range(8)])
    Chaos(job, dice, mischief=10)
    # A job that is killed now and then goes on with what its journal says.
    for _ in range(RUNS):
        job.check = killer(job, job.fleet.now + dice.uniform(5, 40))
        with suppress(KilledError):
            job.run(batches, visibility_timeout_s=10.0)
    job.check = lambda: None
    job.run(batches, visibility_timeout_s=10.0)

    assert sorted(job.texts) == list(range(job.terms.images)), "none lost, none twice, none unexpected"
    wrong = {n: text for n, text in job.texts.items() if text not in (f"image {n}", None)}
    assert wrong == {}
    assert {line.error.code for line in job.lines if line.error} <= {"worker_error"}
