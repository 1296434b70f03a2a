"""A function recorded for a few sizes: which sizes, which rows, and nothing left of other batches."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from model_zoo.cuda_graphs import Function, Recording, Replays, padded


class Tape:
    """A recording on a CPU: runs anew into outputs that it keeps, as a CUDA graph does."""

    def __init__(self, function: Function, given: Tensor) -> None:
        self._function, self._given = function, given
        self.outputs = function(given)

    def replay(self) -> None:
        for kept, new in zip(self.outputs, self._function(self._given), strict=True):
            kept.copy_(new)


def squares(batch: Tensor) -> tuple[Tensor, ...]:
    """Two outputs of each row."""
    return batch**2, batch.sum(1)


@pytest.mark.parametrize(
    ("rows", "recorded"),
    [(1, 1), (2, 2), (3, 4), (31, 32), (32, 32), (33, 64), (1000, 1024), (8192, 8192), (8193, 16384)],
)
def test_batches_are_filled_up_to_powers_of_two(rows: int, recorded: int) -> None:
    assert padded(rows) == recorded


@pytest.mark.parametrize("record", [None, Tape])
def test_a_batch_of_any_size_gives_what_the_function_gives(record: type[Tape] | None) -> None:
    replays = Replays(squares, record)
    for n in (5, 40, 1, 32, 33, 5):
        batch = torch.randn(n, 3)
        for found, wanted in zip(replays(batch), squares(batch), strict=True):
            assert torch.equal(found, wanted)


def test_a_size_is_recorded_once() -> None:
    made: list[int] = []

    def record(function: Function, given: Tensor) -> Recording:
        made.append(len(given))
        return Tape(function, given)

    replays = Replays(squares, record)
    for n in (5, 40, 1, 64, 32, 100):
        replays(torch.randn(n, 3))

    assert made == [8, 64, 1, 32, 128]
    assert replays.sizes == [1, 8, 32, 64, 128]


def test_what_came_out_before_does_not_change_when_the_next_batch_is_run() -> None:
    replays = Replays(squares, Tape)
    first = torch.randn(7, 3)

    kept = replays(first)
    replays(torch.randn(7, 3))

    assert torch.equal(kept[0], first**2)


def test_rows_of_a_batch_before_are_not_answered() -> None:
    replays = Replays(squares, Tape)
    replays(torch.full((30, 3), torch.nan))

    found, sums = replays(torch.ones(2, 3))

    assert (found.shape, sums.tolist()) == ((2, 3), [3.0, 3.0])


def test_recordings_that_are_too_large_are_let_go_and_made_again_where_they_are_needed() -> None:
    replays = Replays(squares, Tape)
    for n in (32, 64, 128, 256):
        replays(torch.randn(n, 3))

    replays.forget_above(100)
    assert replays.sizes == [32, 64]

    batch = torch.randn(200, 3)
    assert torch.equal(replays(batch)[0], batch**2)
    assert replays.sizes == [32, 64, 256]


def test_a_function_that_cannot_be_recorded_is_run_as_it_is() -> None:
    asked: list[int] = []

    def refuse(function: Function, given: Tensor) -> None:
        asked.append(len(given))

    replays = Replays(squares, refuse)
    for n in (3, 40):
        batch = torch.randn(n, 3)
        assert torch.equal(replays(batch)[0], batch**2)

    assert (asked, replays.sizes) == ([4], [])


def test_several_threads_get_their_own_rows() -> None:
    replays = Replays(squares, Tape)
    batches = [torch.full((n, 3), float(n)) for n in range(1, 60)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(replays, batches))

    for batch, (squared, _) in zip(batches, found, strict=True):
        assert torch.equal(squared, batch**2)


@pytest.mark.gpu
def test_a_cuda_graph_gives_what_the_function_gives() -> None:
    replays = Replays(squares)
    for n in (5, 40, 1, 32, 5):
        batch = torch.randn(n, 3, device="cuda")
        for found, wanted in zip(replays(batch), squares(batch), strict=True):
            assert torch.equal(found, wanted)
    assert replays.sizes == [1, 8, 32, 64]


@pytest.mark.gpu
def test_cuda_graphs_of_several_threads_and_streams_follow_one_another() -> None:
    replays = Replays(squares)

    def run(n: int) -> bool:
        with torch.cuda.stream(torch.cuda.Stream()):
            batch = torch.full((n, 1000), float(n), device="cuda")
            return bool((replays(batch)[0] == n**2).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, list(range(1, 60)) * 5))


@pytest.mark.gpu
def test_a_function_that_waits_for_the_device_is_run_without_graphs(caplog: pytest.LogCaptureFixture) -> None:
    replays = Replays(lambda batch: (batch * float(batch.max().item()),))

    with caplog.at_level(logging.WARNING):
        found = [replays(torch.full((n, 3), 2.0, device="cuda"))[0] for n in (3, 4)]

    assert [it.unique().tolist() for it in found] == [[4.0], [4.0]]
    assert replays.sizes == []
    assert caplog.records[0].getMessage().startswith("run without CUDA graphs, more slowly: ")
    assert len(caplog.records) == 1
