"""A device with too little memory: halved batches, answers as they were, one sentence where nothing fits."""

from __future__ import annotations

import gc
import logging
import weakref

import pytest
import torch
from torch import Tensor

from model_zoo.cuda_memory import Limit, is_out_of_memory, within
from model_zoo.errors import DeviceError

CPU = torch.device("cpu")
BATCH = torch.arange(100)
FULL = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1 GiB free."


class Small:
    """A device that holds so many images, and what it was given."""

    def __init__(
        self, holds: int, error: type[RuntimeError] = torch.OutOfMemoryError, says: str = FULL
    ) -> None:
        self.holds, self._error, self._says = holds, error, says
        self.given: list[int] = []

    def __call__(self, batch: Tensor) -> Tensor:
        self.given.append(len(batch))
        if len(batch) > self.holds:
            raise self._error(self._says)
        return batch * 2


@pytest.mark.parametrize(
    ("holds", "given", "size"),
    [
        (1000, [64, 36], 64),
        (64, [64, 36], 64),
        (63, [64, 32, 32, 32, 4], 32),
        (20, [64, 32, 16, 16, 16, 16, 16, 16, 4], 16),
    ],
)
def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_lost(
    holds: int, given: list[int], size: int
) -> None:
    limit, device = Limit(64, CPU), Small(holds)

    found = within(limit, device, BATCH)

    assert torch.equal(torch.cat(found), BATCH * 2)
    assert (device.given, limit.size) == (given, size)


def test_the_size_is_remembered_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    limit, device = Limit(64, CPU), Small(40)
    within(limit, device, BATCH)
    device.given.clear()

    within(limit, device, BATCH)

    assert device.given == [32, 32, 32, 4]
    assert [record.getMessage() for record in caplog.records] == [
        "64 images do not fit in the memory of cpu; from now on 32 are read at once (CUDA out of memory)"
    ]
    assert caplog.records[0].levelno == logging.WARNING


def test_a_last_part_that_does_not_fit_any_more_is_halved_by_its_own_size() -> None:
    limit, device = Limit(64, CPU), Small(64)
    found = []
    for n in (64, 50):
        found += within(limit, device, BATCH[:n])
        device.holds = 30  # another program took the memory

    assert (device.given, limit.size) == ([64, 50, 25, 25], 25)
    assert torch.equal(torch.cat(found), torch.cat([BATCH[:64], BATCH[:50]]) * 2)


def test_where_no_image_fits_one_sentence_says_so() -> None:
    with pytest.raises(DeviceError) as refused:
        within(Limit(64, CPU), Small(0), BATCH)

    assert str(refused.value) == (
        "one image does not fit in the memory of cpu (CUDA out of memory); "
        "end what else uses it, or choose a smaller model"
    )


def test_what_only_larger_batches_needed_is_let_go() -> None:
    told: list[int] = []

    within(Limit(64, CPU, told.append), Small(20), BATCH)

    assert told == [32, 16]


def test_what_the_failed_pass_held_is_free_before_the_next() -> None:
    """The traceback of the error would hold it."""
    held: list[weakref.ref[Tensor]] = []

    def run(batch: Tensor) -> Tensor:
        gc.collect()
        assert [it() for it in held] == [None] * len(held)
        activations = batch * 3
        held.append(weakref.ref(activations))
        if len(batch) > 16:
            raise torch.OutOfMemoryError(FULL)
        return batch

    within(Limit(64, CPU), run, BATCH[:16].repeat(4))

    assert len(held) == 6


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("whatever"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (RuntimeError("shape '[2]' is invalid for input of size 3"), False),
    ],
    ids=str,
)
def test_what_counts_as_too_little_memory(error: RuntimeError, is_memory: bool) -> None:
    assert is_out_of_memory(error) is is_memory


def test_an_end_of_a_recording_that_fails_as_well_does_not_hide_it() -> None:
    failed = RuntimeError("CUDA error: operation failed due to a previous error during capture")
    failed.__context__ = torch.OutOfMemoryError(FULL)

    assert is_out_of_memory(failed)


def test_another_error_is_not_tried_again() -> None:
    device = Small(0, RuntimeError, "CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match=r"^CUDA error: an illegal memory access was encountered$"):
        within(Limit(64, CPU), device, BATCH)

    assert device.given == [64]
