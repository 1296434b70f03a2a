"""What tests of the producer share: an untouched environment, denied files, a fleet in memory."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from producer import images, submission
from producer.manifest import BatchRange, ManifestImage
from producer.results import Journal, ResultLine, read_results
from producer.submission import Submission
from producer.terms import JobTerms
from worker.contract import Answer, Batch, BatchResult, ContractError, JobOptions, Task, WorkerInfo

JOB = "20260401-101500-3fa9c1"
MODEL = "crnn@0123456789abcdef"
WORKER = WorkerInfo("cpu-1@here", "crnn", "0123456789abcdef")


def answer_all(task: Task, batch: Batch) -> BatchResult | None:
    """What a worker without trouble does: each image reads as its own content."""
    answers = tuple(Answer(item.id, item.data.decode(), 0.5) for item in batch.items)
    return BatchResult(task.batch_id, task.attempt, WORKER.name, answers)


@dataclass
class Fleet:
    """Store, queue and worker in one; the parts of each that the loop uses.

    Attributes:
        solve: what the worker does with a batch; None leaves no trace, as a killed worker.
        pick: which of so many messages the worker takes next.
        away_until: before that time nothing answers.
        present: whether the worker takes messages and is announced.
    """

    now: float = 1000.0
    solve: Callable[[Task, Batch], BatchResult | None] = answer_all
    pick: Callable[[int], int] = lambda waiting: 0
    away_until: float = 0.0
    present: bool = True
    facts: dict[str, str] | None = None
    blobs: dict[str, Batch] = field(default_factory=dict)
    waiting: list[Task] = field(default_factory=list)
    unacked: set[str] = field(default_factory=set)
    sent: list[tuple[str, int]] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)  # one for each sent
    climbed: list[float] = field(default_factory=list)
    can_climb: bool = True
    stream: list[tuple[str, BatchResult | ContractError]] = field(default_factory=list)
    renewed: list[list[str]] = field(default_factory=list)
    lexicons: list[bytes | None] = field(default_factory=list)  # each as it was put
    on_wait: list[Callable[[], None]] = field(default_factory=list)  # each called once, one a wait
    entries: int = 0
    client: None = None

    def _reach(self) -> None:
        if self.now < self.away_until:
            raise RedisConnectionError("Connection refused")

    # The queue.

    def send(self, task: Task, level: int = 0) -> None:
        self._reach()
        self.levels.append(level)
        self.sent.append((task.batch_id.partition(":")[2], task.attempt))
        self.waiting.append(task)

    def on_its_way(self, client: object) -> set[str]:
        self._reach()
        return {task.batch_id for task in self.waiting} | self.unacked

    def climb(self, client: object, job_id: str) -> bool:
        self._reach()
        self.climbed.append(self.now)
        return self.can_climb and bool(self.waiting)

    # The store.

    def open_job(
        self, job_id: str, options: JobOptions, facts: dict[str, str], ttl_s: int, lexicon: bytes | None
    ) -> None:
        self._reach()
        self.facts = {**facts, "state": "running"}
        self.lexicons.append(lexicon)

    def put_lexicon(self, job_id: str, lexicon: bytes, ttl_s: int) -> None:
        self._reach()
        self.lexicons.append(lexicon)

    def job(self, job_id: str) -> dict[str, str] | None:
        self._reach()
        return self.facts

    def touch_job(self, job_id: str, options: JobOptions, facts: dict[str, str], ttl_s: int) -> bool:
        self._reach()
        if self.facts is not None:
            self.facts.update(facts)
        return self.facts is not None

    def finish_job(self, job_id: str, options: JobOptions, facts: dict[str, str]) -> None:
        self._reach()
        assert self.facts is not None
        self.facts.update(facts, state="done")
        self.stream.clear()

    def put_batch(self, batch: Batch, ttl_s: int) -> None:
        self._reach()
        self.blobs[batch.id] = batch

    def drop_batches(self, batch_ids: Iterable[str]) -> None:
        for batch_id in batch_ids:
            self.blobs.pop(batch_id, None)

    def renew_batches(self, batch_ids: Iterable[str], ttl_s: int) -> None:
        self.renewed.append([batch_id.partition(":")[2] for batch_id in batch_ids])

    def workers(self) -> list[WorkerInfo]:
        self._reach()
        return [WORKER] if self.present else []

    def read_results(
        self, job_id: str, after: str, block_ms: int | None = None
    ) -> list[tuple[str, BatchResult | ContractError]]:
        self._reach()
        if block_ms is not None:
            self.now += block_ms / 1000
            step = self.on_wait.pop(0) if self.on_wait else self.work
            step()
        return [entry for entry in self.stream if int(entry[0]) > int(after)]

    def forget_results(self, job_id: str, entry_ids: list[str]) -> None:
        self._reach()
        self.stream = [entry for entry in self.stream if entry[0] not in entry_ids]

    # The worker.

    def work(self) -> None:
        """Take one message, if there is one."""
        if not self.present or not self.waiting:
            return
        task = self.waiting.pop(self.pick(len(self.waiting)))
        batch = self.blobs.get(task.batch_id)
        if batch is None:
            self.say(BatchResult(task.batch_id, task.attempt, WORKER.name, status="missing"))
        elif (result := self.solve(task, batch)) is not None:
            self.blobs.pop(task.batch_id)
            self.say(result)

    def say(self, result: BatchResult | ContractError) -> None:
        """Put a result on the stream."""
        self.entries += 1
        self.stream.append((str(self.entries), result))


@dataclass
class Job:
    """A job of some images on disk, and everything that a run of the loop needs."""

    folder: Path
    fleet: Fleet = field(default_factory=Fleet)
    said: list[str] = field(default_factory=list)
    seen: list[ResultLine] = field(default_factory=list)
    first_sends: int = 0
    check: Callable[[], None] = lambda: None
    terms: JobTerms = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "imgs").mkdir()
        root = str((self.folder / "imgs").resolve())
        self.terms = JobTerms(JOB, root, JobOptions(), MODEL, 0, 10**6, 60.0, 6000, 150.0)

    def batches(self, *sizes: int) -> list[BatchRange]:
        """Batches of so many images; image 7 is the file 7.png and holds its own name."""
        cut, first = [], 0
        for size in sizes:
            images = []
            for number in range(first, first + size):
                data = f"image {number}".encode()
                (self.folder / "imgs" / f"{number}.png").write_bytes(data)
                images.append(ManifestImage(number, f"{number}.png", len(data)))
            cut.append(BatchRange(JOB, tuple(images)))
            first += size
        self.terms = replace(self.terms, images=first)
        return cut

    def run(self, batches: Iterable[BatchRange], **terms: Any) -> Submission:
        """Run the loop to its end, with these terms changed."""
        watcher = SimpleNamespace(answered=self.seen.extend, say=self.said.append, check=lambda: self.check())
        with Journal(self.folder / "results.jsonl") as journal:
            parts: Any = (self.fleet, self.fleet, journal, watcher)
            self.loop = Submission(replace(self.terms, **terms), *parts)
            self.loop.run(batches, self._first_send)
        return self.loop

    def _first_send(self) -> None:
        self.first_sends += 1

    @property
    def lines(self) -> list[ResultLine]:
        """The journal's lines."""
        return list(read_results(self.folder / "results.jsonl"))

    @property
    def texts(self) -> dict[int, str | None]:
        """What each image reads."""
        assert len({line.id for line in self.lines}) == len(self.lines), "an image was answered twice"
        return {line.id: line.text for line in self.lines}


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job whose images are made by `job.batches(...)` and sent by `job.run(...)`."""
    made = Job(tmp_path)

    def sleep(seconds: float) -> None:
        made.fleet.now += seconds

    clock = SimpleNamespace(monotonic=lambda: made.fleet.now, time=lambda: made.fleet.now, sleep=sleep)
    monkeypatch.setattr(submission, "time", clock)
    return made


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An environment without our variables, an empty working directory; signals and umask are put back."""
    for name in list(os.environ):
        if name.startswith("CAPTCHAFLEET_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    umask = os.umask(0o022)
    yield
    os.umask(umask)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def deny(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], None]:
    """Has one call refuse one path: tests may run as root, whom nobody refuses anything."""

    def refusing(real: Any, denied: Path) -> Any:
        def refuse(path: Any, *rest: Any, **settings: Any) -> Any:
            if not isinstance(path, int) and os.fspath(path).rstrip("/") == os.fspath(denied):
                raise PermissionError(13, "Permission denied")
            return real(path, *rest, **settings)

        return refuse

    def denying(call: str, denied: Path) -> None:
        monkeypatch.setattr(images.os, call, refusing(getattr(os, call), denied))
        if call == "open":
            monkeypatch.setattr(images, "open", refusing(open, denied), raising=False)

    return denying


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty directory of images, with something beside it that is none of ours."""
    png = b"\x89PNG\r\n\x1a\n" + bytes(20)
    (tmp_path / "outside.png").write_bytes(png)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.png").write_bytes(png)
    directory = tmp_path / "imgs"
    directory.mkdir()
    return directory
