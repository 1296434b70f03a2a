"""The GPU's runtime and the overlapped solver answer as the plain ones: here on a CPU, there on a GPU."""

from __future__ import annotations

import math
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from test_cuda_graphs import Tape
from torch import Tensor

from model_zoo.constraints import Constraints
from model_zoo.errors import DeviceError
from model_zoo.runtimes import cuda, make_runtime
from model_zoo.runtimes.cuda import Cuda
from model_zoo.runtimes.graph import ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE
from model_zoo.solver import Prediction, Solver, load_solver

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "captchas").glob("*.png"))
CPU = torch.device("cpu")
JOB = [*EXAMPLES[:50], b"", *EXAMPLES[50:70], b"no image"]


@pytest.fixture(scope="module")
def plain() -> Solver:
    """One part after the other, by torch as it is."""
    return load_solver("nano", "cpu", runtime="torch")


@pytest.fixture
def overlapping() -> Solver:
    """As on a GPU: the network by recorded passes, beside it threads that read and decode."""
    solver = load_solver("nano", "cpu", runtime="torch")
    solver.runtime = on_cpu(solver)
    solver.overlaps = True
    solver._threads = 3
    return solver


def on_cpu(solver: Solver) -> Cuda:
    """The runtime with recordings that need no GPU."""
    return Cuda(solver.card, solver.network, CPU, "float32", Tape)


def close(found: Tensor, wanted: Tensor) -> bool:
    """Within the tolerance of every runtime."""
    return torch.allclose(found, wanted, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE)


def same(found: list[Prediction], wanted: list[Prediction], within: float = 1e-5) -> None:
    """The same strings, errors and proofs; probabilities but for rounding in batches of other sizes."""
    assert [(it.text, it.error, it.proven) for it in found] == [
        (it.text, it.error, it.proven) for it in wanted
    ]
    for name in ("probability", "allowed_mass"):
        got, expected = ([getattr(it, name) for it in list_ if it.error is None] for list_ in (found, wanted))
        assert got == pytest.approx(expected, abs=within)


@pytest.mark.parametrize("size", [1, 5, 32, 33, 70])
def test_recorded_passes_give_what_torch_gives(plain: Solver, size: int) -> None:
    batch, _ = plain.preprocess(EXAMPLES[:size])
    runtime = on_cpu(plain)

    assert close(runtime.log_probs(batch), plain.runtime.log_probs(batch))
    assert close(runtime.log_probs(batch.flip(0)), plain.runtime.log_probs(batch).flip(0))


@pytest.mark.parametrize("micro_batch", [None, 1, 7, 40])
@pytest.mark.parametrize(
    "constraints", [None, Constraints(None, 5, 5), Constraints("2345bcde")], ids=["free", "length", "charset"]
)
def test_an_overlapped_solver_answers_as_a_plain_one(
    plain: Solver,
    overlapping: Solver,
    micro_batch: int | None,
    constraints: Constraints | None,
    small_try: None,
) -> None:
    found = overlapping.solve(JOB, constraints, micro_batch=micro_batch)

    same(found, plain.solve(JOB, constraints, micro_batch=micro_batch))
    assert [it.error.code for it in found if it.error] == ["empty_file", "not_an_image"]


def test_an_overlapped_solver_answers_no_images_and_unreadable_ones_alone(
    overlapping: Solver, small_try: None
) -> None:
    assert overlapping.solve([]) == []
    assert [it.error.code for it in overlapping.solve([b"", b""]) if it.error] == ["empty_file"] * 2


def test_the_same_job_is_answered_with_the_same_bits(overlapping: Solver) -> None:
    first, again = (overlapping.solve(JOB, micro_batch=20) for _ in range(2))

    assert first == again


@pytest.mark.parametrize("stage", ["preprocess", "log_probs"])
def test_an_error_of_a_stage_comes_out_of_solve_and_leaves_no_thread(
    overlapping: Solver, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(overlapping, stage, fail)

    with pytest.raises(RuntimeError, match=r"^CUDA error: an illegal memory access was encountered$"):
        overlapping.solve(JOB, micro_batch=8)

    assert not [it for it in threading.enumerate() if it.name.startswith("captchafleet-")]


def test_an_impossible_constraint_is_refused_before_anything_is_read(overlapping: Solver) -> None:
    with pytest.raises(Exception, match=r"^charset 'QZ' has no character in common with the model's"):
        overlapping.solve(["/no/such/file"], Constraints("QZ"))


def test_too_little_memory_halves_the_batch_and_answers_stay(
    plain: Solver, overlapping: Solver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = overlapping.runtime
    assert isinstance(runtime, Cuda)
    forward, passes = runtime._eager.log_probs, []

    def small(batch: Tensor) -> Tensor:
        passes.append(len(batch))
        if len(batch) > 16:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB.")
        return forward(batch)

    monkeypatch.setattr(runtime._eager, "log_probs", small)
    found = overlapping.solve(EXAMPLES[:70], micro_batch=70)

    same(found, plain.solve(EXAMPLES[:70]))
    assert caplog.messages == [
        "32 images do not fit in the memory of cpu; from now on 16 are read at once (CUDA out of memory)"
    ]
    assert (runtime._limit.size, passes[0], max(passes[1:])) == (16, 32, 16)


@pytest.fixture
def small_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first try of sizes, small enough for a test."""
    monkeypatch.setattr(cuda, "SIZES", (8, 16, 32))


def test_the_micro_batch_is_found_once(plain: Solver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "SIZES", (32, 64, 128, 256))
    monkeypatch.setattr(cuda, "_BUDGET", math.inf)
    runtime, tried = on_cpu(plain), []

    def seconds(size: int) -> float:
        tried.append(size)
        runtime.log_probs(torch.zeros((size, 1, plain.card.height, plain.card.width), dtype=torch.uint8))
        return size / min(size, 64)  # nothing is faster than 64

    monkeypatch.setattr(runtime, "_seconds", seconds)

    assert [runtime.micro_batch, runtime.micro_batch] == [64, 64]
    assert tried == [32, 32, 64, 128, 256]  # the first pass of all is not counted
    assert runtime._replays.sizes == [32, 64]  # what was only tried is let go


def test_a_size_without_memory_ends_the_try_and_is_remembered(
    plain: Solver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cuda, "SIZES", (2, 4, 64, 128))
    runtime = on_cpu(plain)
    forward = runtime._eager.log_probs

    def small(batch: Tensor) -> Tensor:
        if len(batch) > 32:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(batch)

    monkeypatch.setattr(runtime._eager, "log_probs", small)

    assert runtime.micro_batch in (2, 4)
    assert (runtime._limit.size, caplog.records) == (32, [])


def test_several_threads_may_ask_at_once(plain: Solver) -> None:
    batch, _ = plain.preprocess(EXAMPLES[:40])
    runtime, wanted = on_cpu(plain), plain.runtime.log_probs(batch)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(runtime.log_probs, batch.split(3)))

    assert close(torch.cat(found), wanted)


def test_the_runtime_of_gpus_is_refused_elsewhere(plain: Solver) -> None:
    with pytest.raises(DeviceError) as refused:
        make_runtime("cuda", plain.card, plain.network, CPU, "float32")

    assert str(refused.value) == "runtime 'cuda' runs on a CUDA device, not on cpu; choose auto"


def test_nothing_of_it_asks_for_a_gpu_where_there_is_none() -> None:
    assert "torch" in sys.modules
    if not torch.cuda.is_available():
        assert not torch.cuda.is_initialized()


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["crnn-small", "kaptcha", "nano", "generic"])
def test_on_a_gpu_the_shipped_models_read_as_on_the_cpu(name: str) -> None:
    here, there = load_solver(name, "cpu", runtime="torch"), load_solver(name, "cuda")
    batch, _ = here.preprocess(EXAMPLES[:70])

    assert there.runtime.name == "cuda"
    assert torch.allclose(there.log_probs(batch).cpu().exp(), here.log_probs(batch).exp(), rtol=0, atol=1e-4)
    same(there.solve(JOB), here.solve(JOB), within=1e-4)


@pytest.mark.gpu
def test_on_a_gpu_recorded_passes_give_what_torch_gives_there() -> None:
    recorded, eager = load_solver("kaptcha", "cuda"), load_solver("kaptcha", "cuda", runtime="torch")
    batch, _ = eager.preprocess(EXAMPLES[:64])

    for _ in range(3):
        assert close(recorded.log_probs(batch), eager.log_probs(batch))
    assert recorded.runtime._replays.sizes, "no pass was recorded"  # type: ignore[attr-defined]


@pytest.mark.gpu
def test_on_a_gpu_bfloat16_reads_the_examples_alike() -> None:
    exact, fast = (load_solver("kaptcha", "cuda", precision) for precision in ("float32", "bfloat16"))

    wanted, found = exact.solve(EXAMPLES[:70]), fast.solve(EXAMPLES[:70])

    assert [it.text for it in found] == [it.text for it in wanted]
    assert [it.probability for it in found] == pytest.approx([it.probability for it in wanted], abs=0.05)


@pytest.mark.gpu
def test_on_a_gpu_pinned_and_ordinary_memory_are_read_alike() -> None:
    solver = load_solver("nano", "cuda")
    batch, _ = solver.preprocess(EXAMPLES[:64])

    ways = [batch, batch.pin_memory(), batch.cuda()]

    assert all(torch.equal(solver.log_probs(way), solver.log_probs(batch)) for way in ways)


@pytest.mark.gpu
def test_on_a_gpu_that_is_nearly_full_the_batch_is_halved() -> None:
    solver = load_solver("kaptcha", "cuda")
    batch, _ = solver.preprocess(EXAMPLES[:64])
    wanted = solver.log_probs(batch).repeat(64, 1, 1)
    free, total = torch.cuda.mem_get_info()
    # Room for the library's own and half a gigabyte: 4,096 images in float32 take more.
    torch.cuda.set_per_process_memory_fraction(min(1.0, (total - free + 2**29) / total))
    try:
        found = solver.log_probs(batch.repeat(64, 1, 1, 1))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)

    assert close(found, wanted)
    assert solver.micro_batch < 4096
