"""Every step of an image's way through the queue, one after another in this process, each timed by itself.

The functions are those that producer and worker call, batch by batch and through a real Redis. What is not
there is image decoding, the forward pass and CTC decoding, whose result is made up (from the file's name, one
answer in a hundred wrong), and Celery's consumer, which runs in processes of its own.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_zoo.cards import DEFAULT_MODEL, find_card
from model_zoo.formats import IMAGE_EXTENSIONS
from model_zoo.seen import TrainingImages
from producer.display import Display
from producer.image_files import read_image_files
from producer.images import find_images
from producer.labels import StemLabels
from producer.manifest import BatchRange, Request, append_line, read_batches, read_facts, write_manifest
from producer.queue import BatchQueue
from producer.results import Journal, line_of
from producer.run_folder import RunFolder
from producer.summary import summarise, write_reports
from worker.contract import Batch, BatchResult, ContractError, ImageItem, JobOptions, Task, decode_blob
from worker.memory import freeze_start, keep_freed
from worker.solving import answers_of
from worker.store import Store

SCAN, LINES, READ, PUT, SEND = (
    "scan and manifest",
    "lines of the manifest",
    "read files",
    "pack and store the blob",
    "send Celery's message",
)
FETCH, ANSWER, COMMIT = (
    "fetch and unpack the blob",
    "answers, hash of the training images",
    "pack and commit the answers",
)
TAKE, JOURNAL, MEASURE, PAGES = (
    "fetch and unpack the answers",
    "journal and display",
    "measure the journal",
    "write both reports",
)
# In the order in which an image meets them, and who takes them.
STEPS = {
    SCAN: "producer",
    LINES: "producer",
    READ: "producer",
    PUT: "producer",
    SEND: "producer",
    FETCH: "worker",
    ANSWER: "worker",
    COMMIT: "worker",
    TAKE: "producer",
    JOURNAL: "producer",
    MEASURE: "report",
    PAGES: "report",
}
_JOB, _WORKER, _TTL_S = "20260401-101500-3fa9c1", "cpu-12345@a-host", 3600
_WRONG = 0.01


@dataclass(frozen=True)
class Candidate:
    """As `model_zoo.decode.Candidate`, without torch."""

    text: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """As `model_zoo.solver.Prediction`, without torch."""

    text: str
    probability: float
    n_best: tuple[Candidate, ...]
    allowed_mass: float
    error: None = None
    proven: bool = True
    probability_high: None = None


class Clock:
    """Processor seconds of this process, by step."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STEPS, 0.0)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Count what the block takes."""
        began = time.process_time()
        try:
            yield
        finally:
            self.seconds[step] += time.process_time() - began


def known_images(originals: Path) -> TrainingImages:
    """A list of training images as large as a model's; every other original is on it."""
    files = sorted(path for path in originals.iterdir() if path.suffix.lower() in IMAGE_EXTENSIONS)
    return TrainingImages.of(hashlib.sha256(path.read_bytes()).hexdigest() for path in files[::2])


def steps_us(images: Path, run: Path, store: Store, url: str, known: TrainingImages) -> dict[str, float]:
    """Processor microseconds an image of every step.

    Args:
        images: a folder; the files' names are their labels.
        run: of the run folder, which must not be there.
        store: of a Redis without other work.
        url: of the same Redis.
        known: images that the model was trained on.
    """
    keep_freed()  # as both do, and the next as well
    freeze_start()
    clock = Clock()
    folder, options = RunFolder.create(run), JobOptions()
    with clock(SCAN):
        for _ in write_manifest(
            folder.manifest, Request(_JOB, str(images), None, options), find_images(images)
        ):
            pass
    with clock(LINES):
        facts = read_facts(folder.manifest)
        batches = list(read_batches(folder.manifest, _JOB))
    _begin(folder)
    store.open_job(_JOB, options, {"model": "made up"}, _TTL_S, None)
    queue = BatchQueue(url, "0" * 16)
    chance = random.Random(6)
    last = "0"
    with Journal(folder.results) as journal:
        for batch in batches:
            task = _send(batch, str(images), store, queue, clock)
            _work(task, store, known, chance, {it.id: it.file for it in batch.images}, clock)
            last = _take(batch, store, last, journal, clock)
    store.finish_job(_JOB, options, {"model": "made up"})
    queue.close()
    store.client.delete(queue.name)
    append_line(folder.manifest, "session_end", number=0, seconds=1.0, workers={_WORKER: "cpu"})
    with clock(MEASURE):
        summary = summarise(folder, StemLabels())
    with clock(PAGES):
        write_reports(folder, summary)
    count = facts.images or 0
    if not summary.accuracy.images == summary.accuracy.answered == count > 0:
        raise ValueError(f"{summary.accuracy.answered:,} of {count:,} images were answered; see {run}")
    return {step: 1e6 * seconds / count for step, seconds in clock.seconds.items()}


def _begin(folder: RunFolder) -> None:
    card, _ = find_card(DEFAULT_MODEL)
    append_line(folder.manifest, "model", name=card.name, fingerprint=card.fingerprint, card=card.to_object())
    append_line(folder.manifest, "session", number=0, time=0.0, startup_seconds=0.0, workers={_WORKER: "cpu"})


def _send(batch: BatchRange, root: str, store: Store, queue: BatchQueue, clock: Clock) -> Task:
    options = JobOptions()
    with clock(READ):
        items = []
        files = [image.file for image in batch.images]
        contents = read_image_files(root, files, options.max_image_bytes)
        for image, data in zip(batch.images, contents, strict=True):
            if isinstance(data, bytes):
                items.append(ImageItem(image.id, data))
    with clock(PUT):
        store.put_batch(Batch(batch.id, batch.job, tuple(items)), _TTL_S)
    task = Task(batch.job, batch.id, 1, options.digest())
    with clock(SEND):
        queue.send(task)
    return task


def _work(
    task: Task,
    store: Store,
    known: TrainingImages,
    chance: random.Random,
    files: dict[int, str],
    clock: Clock,
) -> None:
    with clock(FETCH):
        started = store.begin(task)
        items = decode_blob(started.blob or b"").items
    predictions: list[Any] = [_predicted(files[item.id], chance) for item in items]
    with clock(ANSWER):
        answers = answers_of(items, predictions, known)
    with clock(COMMIT):
        store.commit(task.job_id, BatchResult(task.batch_id, task.attempt, _WORKER, answers))


def _predicted(file: str, chance: random.Random) -> Prediction:
    label = StemLabels().label_of(file) or ""
    text = label[::-1] if chance.random() < _WRONG else label
    probability = 1 - chance.random() ** 3
    return Prediction(text, probability, (Candidate(text, probability),), 1 - chance.random() ** 9)


def _take(batch: BatchRange, store: Store, last: str, journal: Journal, clock: Clock) -> str:
    with clock(TAKE):
        entries: Sequence[tuple[str, BatchResult | ContractError]] = store.read_results(_JOB, last)
        store.forget_results(_JOB, [entry for entry, _ in entries])
    display = Display(quiet=True)
    with clock(JOURNAL):
        files = {image.id: image.file for image in batch.images}
        for _, result in entries:
            if isinstance(result, BatchResult):
                lines = [line_of(it, files[it.id], result.worker, result.attempt) for it in result.answers]
                display.answered(journal.append(lines))
    return entries[-1][0]
