"""A function of a batch, recorded once for each of a few sizes and replayed: CUDA graphs.

A pass is many short kernels, a CTC proof hundreds of very short ones, and Python takes longer to launch one
than a data centre's GPU to run it. A recorded pass is one launch. It holds its addresses: a batch is copied
into the recording's own input, filled up to the next size, and what comes out is copied before anything runs
again.

Recording by hand and not `torch.compile(mode="reduce-overhead")`: where a module holds an LSTM, dynamo leaves
the whole function uncompiled (pytorch issues 141184 and 158007, open in torch 2.13), and compiling takes a C
compiler on every worker and minutes at its start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor

from model_zoo.cuda_memory import is_out_of_memory

log = logging.getLogger(__name__)

Function = Callable[[Tensor], tuple[Tensor, ...]]

# Passes before the recording: libraries choose kernels and get their workspaces, which cannot be recorded.
_WARM_UPS = 3

# torch allows one recording at a time in a process (`torch.cuda.graph`).
_RECORDING = threading.Lock()


class Recording(Protocol):
    """One size of a function.

    Attributes:
        outputs: what the last `replay` gave; the next one overwrites them.
    """

    outputs: tuple[Tensor, ...]

    def replay(self) -> None:
        """Run the function on what its input holds now."""
        ...


Record = Callable[[Function, Tensor], Recording | None]


class Replays:
    """A function of batches of any size, recorded where the device is CUDA's and the function lets itself be.

    May be called by several threads and on several streams: calls follow one another on the device, because
    recordings of one memory pool must not run at once.

    Args:
        function: (n, ...) to several (n, ...), on the batch's device, each row by itself; without a copy to
            the host, or it cannot be recorded and runs as it is.
        record: makes a `Recording` from the function and its input, or None where that cannot be; None for
            what the batch's device has.
    """

    def __init__(self, function: Function, record: Record | None = None) -> None:
        self._function = function
        self._record = record
        self._recordings: dict[int, tuple[Tensor, Recording]] = {}
        self._lock = threading.Lock()
        self._graphs: _Graphs | None = None
        self._as_it_is = False

    @property
    def sizes(self) -> list[int]:
        """That are recorded, ascending."""
        return sorted(self._recordings)

    def __call__(self, batch: Tensor) -> tuple[Tensor, ...]:
        """What the function gives for the batch.

        Args:
            batch: (N, ...), N at least 1, of the same further shape and kind in every call.
        """
        N = len(batch)
        with torch.inference_mode(), on(batch.device):
            with self._lock:
                recorded = self._recorded(padded(N), batch)
                if recorded is not None:
                    given, recording = recorded
                    with _in_turn(self._graphs):
                        given[:N].copy_(batch)
                        recording.replay()
                        return tuple(output[:N].clone() for output in recording.outputs)
            return self._function(batch)

    def forget_above(self, size: int) -> None:
        """Let go of recordings of more than `size` rows, and of their memory."""
        with self._lock:
            if self._graphs is not None:
                self._graphs.wait()
            for recorded in [it for it in self._recordings if it > size]:
                del self._recordings[recorded]

    def _recorded(self, size: int, like: Tensor) -> tuple[Tensor, Recording] | None:
        if size not in self._recordings and not self._as_it_is:
            given = like.new_zeros((size, *like.shape[1:]))
            given[: len(like)].copy_(like)
            recording = self._make(given)
            if recording is None:
                self._as_it_is = True
            else:
                self._recordings[size] = given, recording
        return self._recordings.get(size)

    def _make(self, given: Tensor) -> Recording | None:
        if self._record is not None:
            return self._record(self._function, given)
        if not given.is_cuda:
            return None
        if self._graphs is None:
            self._graphs = _Graphs(given.device)
        return self._graphs.record(self._function, given)


def on(device: torch.device) -> AbstractContextManager[Any]:
    """Makes a CUDA device the thread's current one, as a new thread's is the first; else nothing."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def padded(size: int) -> int:
    """The size that is recorded for so many rows: the next power of two."""
    return 1 << (size - 1).bit_length()


class _Graph:
    """A recording that is a CUDA graph."""

    def __init__(self, graph: torch.cuda.CUDAGraph, outputs: tuple[Tensor, ...]) -> None:
        self._graph = graph
        self.outputs = outputs

    def replay(self) -> None:
        self._graph.replay()


class _Graphs:
    """What the CUDA graphs of one function share: memory, the stream they are recorded on, and their order.

    Args:
        device: a CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A replay on this thread's stream, after the one before, whatever stream that was on."""
        current = torch.cuda.current_stream(self._device)
        current.wait_event(self._done)
        yield
        self._done.record(current)

    def wait(self) -> None:
        """Until no replay is running."""
        self._done.synchronize()

    def record(self, function: Function, given: Tensor) -> Recording | None:
        """A CUDA graph of the function; None where it cannot be recorded, which is logged.

        Raises:
            RuntimeError: whatever the function raises by itself, and too little memory.
        """
        current = torch.cuda.current_stream(self._device)
        self._warm_up(function, given, current)
        graph = torch.cuda.CUDAGraph()
        try:
            with (
                _RECORDING,
                # Other threads decode meanwhile: what they allocate is no error of this recording.
                torch.cuda.graph(
                    graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
                ),
            ):
                outputs = function(given)
        except RuntimeError as error:  # the function by itself ran three times: what fails is the recording
            if is_out_of_memory(error):
                raise
            log.warning("run without CUDA graphs, more slowly: %s", " ".join(str(error).split())[:300])
            return None
        finally:
            torch.cuda.set_stream(current)  # before torch 2.15 a failed recording keeps its own
        return _Graph(graph, outputs)

    def _warm_up(self, function: Function, given: Tensor, current: torch.cuda.Stream) -> None:
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UPS):
                function(given)
        current.wait_stream(self._stream)


@contextmanager
def _in_turn(graphs: _Graphs | None) -> Iterator[None]:
    if graphs is None:
        yield
        return
    with graphs.turn():
        yield
