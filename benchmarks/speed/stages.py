"""The parts of `Solver.solve`, each alone on the cores that a worker's solver has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from typing import Any, TypeVar

import torch

from model_zoo.decode import NO_CONSTRAINTS, decode
from model_zoo.pipeline import PIECE, Room
from model_zoo.solver import Solver
from worker.settings import Settings
from worker.solving import load

Part = TypeVar("Part")

# Images of a batch as a worker gets them, once a job has grown (producer.manifest.BatchLimits).
WORKER_BATCH = 256


class Stages:
    """A model's solver as a worker loads it, and the images that its stages are timed on.

    Args:
        model: a name or path for the zoo.
        device: as `worker start --device` takes it.
        images: files' bytes.
        seconds: of each measurement, at least.

    Attributes:
        threads: of the solver; where the forward pass has a device of its own, they read images.
        cpu_us: of every measurement so far, by its stage: processor microseconds an image.
    """

    def __init__(self, model: str, device: str, images: Sequence[bytes], seconds: float) -> None:
        torch.set_num_threads(_THREADS)  # loading a solver for a worker leaves torch with one
        self.solver: Solver = load(Settings(model=model, device=device))
        self.threads, self.cpu_us = _THREADS, dict[str, list[float]]()
        self._seconds = seconds
        size, apart = self.solver.micro_batch, self.solver.overlaps
        # So that no thread waits long for another's last part.
        self._images = list(islice(cycle(images), max(len(images), 8 * size)))
        self._forwards, self._decoders = (1, Room.decoders) if apart else (_THREADS, _THREADS)
        self._pieces = list(_cut(self._images, PIECE if apart else size))
        self._tensors = [self.solver.preprocess(part)[0] for part in _cut(self._images, size)]
        self._frames = [self.solver.log_probs(tensor) for tensor in self._tensors]
        if sum(map(len, self._frames)) != len(self._images):
            raise ValueError("some of the images cannot be read; give others to measure with")
        card = self.solver.card
        self._decode = partial(
            decode,
            charset=self.solver.charset,
            constraints=NO_CONSTRAINTS if card.constraints is None else card.constraints.parse(),
            method="exact",
            beam_width=card.beam_width,
            n_best=1,
        )

    def forward(self) -> float:
        """Images a second of the forward pass, pixels to log-probabilities."""
        return self._each("forward", self.solver.log_probs, self._tensors, self._forwards)

    def decoding(self) -> float:
        """Of image decoding, files' bytes to pixels."""
        return self._each("image decoding", self.solver.preprocess, self._pieces, self.threads)

    def ctc(self) -> float:
        """Of CTC decoding, log-probabilities to texts with their probabilities."""
        return self._each(
            "CTC decoding", lambda frames: list(self._decode(frames)), self._frames, self._decoders
        )

    def solve(self) -> float:
        """Of `Solver.solve`, all images in one call."""
        return self._timed("solve", lambda: self.solver.solve(self._images))

    def solve_batches(self) -> float:
        """The same as a worker calls it, a batch at a time."""
        batches = list(_cut(self._images, WORKER_BATCH))
        return self._timed("solve, batch by batch", lambda: [self.solver.solve(it) for it in batches])

    def _each(self, name: str, work: Callable[[Part], Any], parts: Sequence[Part], threads: int) -> float:
        if threads == 1:
            return self._timed(name, lambda: [work(part) for part in parts])
        with ThreadPoolExecutor(threads) as pool:
            return self._timed(name, lambda: list(pool.map(work, parts)))

    def _timed(self, name: str, once: Callable[[], Any]) -> float:
        began, cpu, done = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - began < self._seconds:
            once()
            self._wait()
            done += len(self._images)
        self.cpu_us.setdefault(name, []).append(1e6 * (time.process_time() - cpu) / done)
        return done / (time.perf_counter() - began)

    def _wait(self) -> None:
        if self.solver.device.type == "cuda":
            torch.cuda.synchronize(self.solver.device)


def _cut(images: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    return (images[start : start + size] for start in range(0, len(images), size))


_THREADS = torch.get_num_threads()
