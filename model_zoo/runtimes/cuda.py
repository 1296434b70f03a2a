"""A network on an NVIDIA GPU: pinned memory, copies beside the work, and passes recorded as CUDA graphs."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from model_zoo.cards import ModelCard
from model_zoo.cuda_graphs import Record, Replays, on
from model_zoo.cuda_memory import Limit, is_out_of_memory, within
from model_zoo.runtimes.eager import Eager
from model_zoo.runtimes.sizing import fastest_size

# Images of one forward pass that are tried: up to where a data centre's GPU is busy with a small network.
SIZES = (256, 512, 1024, 2048, 4096, 8192, 16384)

# Seconds after which no further size is tried, and passes of one size that are timed.
_BUDGET, _PASSES = 1.0, 3


class Cuda:
    """A network on one CUDA device.

    Batches come in on a stream of their own while the batch before is computed; what `log_probs` gives is
    ready for whatever follows on the calling thread's stream. Nothing here waits for the device but
    `micro_batch`, the first time.

    Args:
        card: of the model.
        network: on the device, in evaluation mode.
        device: where it runs; on a CPU the same happens without pinned memory, streams and graphs, for tests.
        precision: `float32` or `bfloat16`.
        record: as `Replays` takes it.
    """

    name = "cuda"

    def __init__(
        self,
        card: ModelCard,
        network: nn.Module,
        device: torch.device,
        precision: str,
        record: Record | None = None,
    ) -> None:
        self._card = card
        self._device = device
        self._eager = Eager(card, network, device, precision)
        self._replays = Replays(self._forward, record)
        self._limit = Limit(SIZES[-1], device, self._replays.forget_above)
        self._incoming: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._incoming = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._best: int | None = None

    @property
    def micro_batch(self) -> int:
        """Images of one forward pass with which the device is fastest, by a try of about a second."""
        if self._best is None:
            self._seconds(SIZES[0])  # once more than is counted: the first pass of all loads the libraries
            self._best = fastest_size(self._seconds, SIZES, _BUDGET)
            self._replays.forget_above(self._best)
        return min(self._best, self._limit.size)

    def log_probs(self, batch: Tensor) -> Tensor:
        """Uint8 (N, 1, H, W) to float32 (N, T, C) on the device.

        A batch in pinned memory is copied from where it lies: it must not change until the result is there.

        Raises:
            DeviceError: not even one image fits in the device's memory.
        """
        with on(self._device):
            found = within(self._limit, self._run, batch)
        return found[0] if len(found) == 1 else torch.cat(found)

    def _run(self, batch: Tensor) -> Tensor:
        return self._replays(self._arrived(batch))[0]

    def _forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return (self._eager.log_probs(pixels),)

    def _arrived(self, batch: Tensor) -> Tensor:
        """The batch on the device, ready for the current stream."""
        if self._incoming is None or batch.device == self._device:
            return batch.to(self._device)
        if not batch.is_cuda and not batch.is_pinned():
            # From ordinary memory a copy waits for the device, and is half as fast.
            batch = torch.empty(batch.shape, dtype=batch.dtype, pin_memory=True).copy_(batch)
        current = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._incoming):
            arrived = batch.to(self._device, non_blocking=True)
        current.wait_stream(self._incoming)
        arrived.record_stream(current)  # the allocator must not give it away while it is being read
        return arrived

    def _seconds(self, size: int) -> float | None:
        """Of one pass over so many images, in the steady state; None where they do not fit."""
        shape = (size, 1, self._card.height, self._card.width)
        try:
            with on(self._device):
                # Noise: constant images can be faster than any real ones.
                pixels = torch.randint(0, 256, shape, dtype=torch.uint8, device=self._device)
                self._run(pixels)
                self._wait()
                began = time.perf_counter()
                for _ in range(_PASSES):
                    self._run(pixels)
                self._wait()
                return (time.perf_counter() - began) / _PASSES
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        self._limit.lower(size // 2)  # outside of the handler: the traceback holds what the pass had got
        return None

    def _wait(self) -> None:
        if self._incoming is not None:
            torch.cuda.synchronize(self._device)
