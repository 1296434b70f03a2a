"""What one device does with a model, stage by stage: forward pass, CTC decoding, both, and `Solver.solve`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import torch
from torch import Tensor

from model_zoo.cuda_memory import is_out_of_memory
from model_zoo.decode import NO_CONSTRAINTS, Decoded, decode
from model_zoo.exact import resident
from model_zoo.exact.tables import tabulate
from model_zoo.language import compile_language
from model_zoo.pipeline import PIECE, Room, Stages, staged
from model_zoo.solver import Solver, load_solver

# Batches that take turns, so that none is found in a cache.
_BATCHES = 4

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Side:
    """One way to run the network: a runtime and a precision, as `load_solver` takes them."""

    runtime: str
    precision: str

    def __str__(self) -> str:
        return f"{self.runtime} {self.precision}"


@dataclass(frozen=True)
class Agreement:
    """How the answers of one side differ from those of another.

    Attributes:
        images: compared.
        other_texts: that are read otherwise.
        probability: the largest difference of an answer's probability.
    """

    images: int
    other_texts: int
    probability: float


class Device:
    """A model on a device, and images to read.

    Args:
        model: a name or path for the zoo.
        device: as `load_solver` takes it.
        side: how its network is run.
        files: images, each a file's bytes.
        seconds: of each measurement, at least.

    Attributes:
        side, seconds: as given.
        solver: of the model.

    Raises:
        ValueError: an image that cannot be read.
    """

    def __init__(self, model: str, device: str, side: Side, files: Sequence[bytes], seconds: float) -> None:
        self.side = side
        self.solver: Solver = load_solver(model, device, side.precision, side.runtime)
        self.solver.overlaps = True  # as on a GPU, also where this is only tried on a CPU
        self.seconds = seconds
        self._files = list(files)
        self._pixels, errors = self.solver.preprocess(self._files)
        if any(errors):
            raise ValueError("some of the images cannot be read; give others to measure with")

    def forward(self, size: int) -> float:
        """Images a second of the forward pass, from pixels on the device to log-probabilities there."""
        batches = [self._batch(size, at).to(self.solver.device) for at in range(_BATCHES)]
        return self._rate(size, lambda at: self.solver.log_probs(batches[at]))

    def ctc(self, size: int) -> float:
        """Of CTC decoding, from log-probabilities on the device to texts and their probabilities."""
        frames = [self.solver.log_probs(self._batch(size, at)) for at in range(_BATCHES)]
        return self._rate(size, lambda at: self._decode(frames[at]).texts)

    def both(self, size: int) -> float:
        """Of both, from pixels in the host's pinned memory to texts, overlapped as `Solver.solve` does it."""
        batches = [self._batch(size, at) for at in range(_BATCHES)]
        if self.solver.device.type == "cuda":
            batches = [batch.pin_memory() for batch in batches]
        stages = Stages[Tensor, Tensor, Tensor, list[str]](
            read=lambda batch: batch,
            forward=lambda pieces: self.solver.log_probs(pieces[0]),
            decode=lambda log_probs: self._decode(log_probs).texts,
        )
        _exhaust(staged([[batch] for batch in batches], stages, Room(1)))
        began = time.perf_counter()

        def until_the_end() -> Iterator[list[Tensor]]:
            for batch in cycle(batches):
                yield [batch]
                if time.perf_counter() - began >= self.seconds:
                    return

        done = _exhaust(staged(until_the_end(), stages, Room(1)))
        return size * done / (time.perf_counter() - began)

    def solve(self, size: int, count: int) -> float:
        """Of `Solver.solve` on files' bytes, so many in one call, `size` a forward pass."""
        files = list(islice(cycle(self._files), count))
        began = time.perf_counter()
        self.solver.solve(files, micro_batch=size)
        return count / (time.perf_counter() - began)

    def images(self, threads: int, count: int) -> float:
        """Of image decoding alone, by so many threads."""
        files = list(islice(cycle(self._files), count))
        pieces = [files[start : start + PIECE] for start in range(0, count, PIECE)]
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self.solver.preprocess, pieces))
        return count / (time.perf_counter() - began)

    def ctc_of_one_core(self) -> float:
        """Of CTC decoding by the compiled engine in one thread, from the host's memory."""
        frames = self.solver.log_probs(self._batch(1024, 0)).cpu()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._rate(len(frames), lambda at: self._decode(frames, "compiled").texts)
        finally:
            torch.set_num_threads(threads)

    def calibration(self) -> tuple[int, float]:
        """The micro-batch that the runtime finds, and the seconds that finding it took."""
        began = time.perf_counter()
        return self.solver.micro_batch, time.perf_counter() - began

    def decided(self) -> float:
        """Share of the images whose greedy text is proven where the log-probabilities are."""
        language = compile_language(NO_CONSTRAINTS, self.solver.charset.chars, self.solver.card.time_steps)
        found = resident.certain(self.solver.log_probs(self._pixels), tabulate(language, language.charset))
        return math.nan if found is None else float(found.proven.mean())

    def agreement(self, other: Solver) -> Agreement:
        """How the answers differ from those of another solver."""
        pairs = list(zip(self.solver.solve(self._files), other.solve(self._files), strict=True))
        return Agreement(
            len(pairs),
            sum(a.text != b.text for a, b in pairs),
            max(abs((a.probability or 0.0) - (b.probability or 0.0)) for a, b in pairs),
        )

    def profile(self, size: int, trace: Path) -> str:
        """Where forward passes of that size spend their time: a table, and a trace for a browser."""
        activities = [torch.profiler.ProfilerActivity.CPU]
        if self.solver.device.type == "cuda":
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        batch = self._batch(size, 0).to(self.solver.device)
        self.solver.log_probs(batch)
        with torch.profiler.profile(activities=activities) as profiler:
            for _ in range(_BATCHES):
                self._decode(self.solver.log_probs(batch))
            wait(self.solver.device)
        profiler.export_chrome_trace(str(trace))
        by = "self_cuda_time_total" if self.solver.device.type == "cuda" else "self_cpu_time_total"
        return profiler.key_averages().table(sort_by=by, row_limit=25)

    def _decode(self, log_probs: Tensor, engine: str = "auto") -> Decoded:
        return decode(log_probs, self.solver.charset, engine=engine)

    def _batch(self, size: int, at: int) -> Tensor:
        """So many of the images, over and over, beginning with another for each `at`: (size, 1, H, W)."""
        return self._pixels[(torch.arange(size) + 17 * at) % len(self._pixels)]

    def _rate(self, size: int, work: Callable[[int], object]) -> float:
        for at in range(_BATCHES):
            work(at)
        return size * repetitions(work, self.seconds, self.solver.device)


def where_it_fits(measure: Callable[[], float]) -> Callable[[], float]:
    """The measurement; NaN where the device has too little memory for it."""

    def measured() -> float:
        try:
            return measure()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        torch.cuda.empty_cache()
        return math.nan

    return measured


def peak(precision: str, device: torch.device, seconds: float) -> float:
    """Operations a second of a large matrix product in that precision: what the device gives at best."""
    size = 8192 if device.type == "cuda" else 256
    a, b = (torch.randn(size, size, device=device, dtype=_TYPES[precision]) for _ in range(2))
    return 2 * size**3 * repetitions(lambda at: a @ b, seconds, device)


def copying(device: torch.device, seconds: float) -> float:
    """Bytes a second from the host's memory to the device's, pinned where there is a GPU."""
    here = torch.randint(0, 256, (2**26,), dtype=torch.uint8)
    there = torch.empty_like(here, device=device)
    if device.type == "cuda":
        here = here.pin_memory()
    return len(here) * repetitions(lambda at: there.copy_(here, non_blocking=True), seconds, device)


def repetitions(work: Callable[[int], object], seconds: float, device: torch.device) -> float:
    """How often a second; the work is told which of `_BATCHES` it takes, and the device is waited for."""
    work(0)
    wait(device)
    began, done = time.perf_counter(), 0
    while done == 0 or time.perf_counter() - began < seconds:
        for at in range(_BATCHES):
            work(at)
        done += _BATCHES
        wait(device)
    return done / (time.perf_counter() - began)


def wait(device: torch.device) -> None:
    """Until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def described(device: torch.device) -> str:
    """The device and the libraries in one sentence."""
    if device.type != "cuda":
        return f"no GPU, torch {torch.__version__}: these figures only show that the script works"
    it = torch.cuda.get_device_properties(device)
    return (
        f"{it.name}, {it.total_memory / 2**30:.0f} GiB, {it.multi_processor_count} multiprocessors, "
        f"torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    )


def _exhaust(results: Iterator[object]) -> int:
    return sum(1 for _ in results)
