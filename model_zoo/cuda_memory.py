"""A device whose memory is too small for a batch: the batch is halved, and the size is remembered."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from model_zoo.errors import DeviceError

log = logging.getLogger(__name__)

# What the libraries below torch say where torch's own allocator was not the one that ran out.
_SAYINGS = ("out of memory", "ALLOC_FAILED")


class Limit:
    """Images of one forward pass that fit in the device's memory.

    Args:
        size: to begin with.
        device: for messages, and whose unused memory is given back.
        forget: called with the new size where it falls, to let go of what only larger batches needed.
    """

    def __init__(
        self, size: int, device: torch.device, forget: Callable[[int], None] = lambda size: None
    ) -> None:
        self.size = size
        self._device = device
        self._forget = forget

    def lower(self, size: int) -> None:
        """No more than so many from now on; what only larger batches needed is given back."""
        self.size = min(self.size, size)
        self._forget(self.size)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def halve(self, tried: int, reason: str) -> None:
        """After `tried` images did not fit; stays halved.

        Raises:
            DeviceError: there is nothing to halve.
        """
        if tried <= 1:
            raise DeviceError(
                f"one image does not fit in the memory of {self._device} ({reason}); "
                "end what else uses it, or choose a smaller model"
            )
        self.lower(tried // 2)
        log.warning(
            "%d images do not fit in the memory of %s; from now on %d are read at once (%s)",
            tried,
            self._device,
            self.size,
            reason,
        )


def within(limit: Limit, run: Callable[[Tensor], Tensor], batch: Tensor) -> list[Tensor]:
    """What `run` gives for the batch, in as many parts as it takes.

    Args:
        limit: images of one part; halved where a part does not fit, and the part is run again.
        run: (n, ...) to (n, ...).
        batch: (N, ...).

    Raises:
        DeviceError: not even one image fits.
    """
    found: list[Tensor] = []
    done = 0
    while done < len(batch):
        part = batch[done : done + limit.size]
        try:
            found.append(run(part))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            reason = _first_line(error)
        else:
            done += len(part)
            continue
        # Outside of the handler: the traceback holds what the failed pass had got so far.
        limit.halve(len(part), reason)
    return found


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether the device has too little memory: torch's own class, or what a library below says."""
    if isinstance(error, torch.OutOfMemoryError) or any(saying in str(error) for saying in _SAYINGS):
        return True
    # Where a recording was under way, its end may have failed as well.
    return isinstance(error.__context__, RuntimeError) and is_out_of_memory(error.__context__)


def _first_line(error: RuntimeError) -> str:
    return str(error).strip().partition("\n")[0].partition(". ")[0][:200] or type(error).__name__
