"""One answer, whatever computes it: kind of float, layout, threads, device, and with or without numba."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.decode import Decoded, decode
from model_zoo.exact import host
from model_zoo.lexicon import Lexicon

ROOT = Path(__file__).parents[2]
ENGINES = ("compiled", "torch")
ABC = Charset("abc")
WORDS = Lexicon.from_words(["a", "ab", "abc", "cab", "bb", "cc", "cacb"])
CONSTRAINTS = [
    Constraints(),
    Constraints("ab"),
    Constraints(None, 2, 3),
    Constraints(pattern="?L?"),
    Constraints(regex="(a|b)*c?"),
    Constraints(lexicon=WORDS),
]
IDS = ["free", "charset", "length", "pattern", "regex", "lexicon"]


def _emissions(N: int, T: int = 9, C: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(N, T, C, generator=generator, dtype=torch.float64) * 2).log_softmax(2)


def _assert_same(one: Decoded, other: Decoded, rtol: float = 1e-12) -> None:
    assert one.n_best_texts == other.n_best_texts
    np.testing.assert_allclose(one.log_probs, other.log_probs, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(one.log_mass, other.log_mass, rtol=rtol, atol=rtol)
    assert one.proven.tolist() == other.proven.tolist()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_floats_of_every_size_are_read_as_the_numbers_that_they_are(dtype: torch.dtype, engine: str) -> None:
    log_probs = _emissions(20).to(dtype)
    small = decode(log_probs, ABC, n_best=3, engine=engine)
    _assert_same(small, decode(log_probs.double(), ABC, n_best=3, engine=engine))


@pytest.mark.parametrize("engine", ENGINES)
def test_numbers_that_do_not_lie_in_a_row_are_read(engine: str) -> None:
    log_probs = _emissions(20)
    plain = decode(log_probs, ABC, n_best=3, engine=engine)
    by_frame = log_probs.transpose(0, 1).contiguous().transpose(0, 1)
    every_other = torch.stack([log_probs, log_probs.flip(2)], 2).flatten(1, 2)[:, ::2]
    for strided in (by_frame, every_other):
        assert not strided.is_contiguous()
        _assert_same(decode(strided, ABC, n_best=3, engine=engine), plain)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_decoder_changes_nothing_that_it_is_given(engine: str) -> None:
    log_probs = _emissions(20)
    before = log_probs.clone()
    for constraints in CONSTRAINTS:
        decode(log_probs, ABC, constraints, engine=engine)
    assert torch.equal(log_probs, before)


def test_tensors_that_take_part_in_training_are_read() -> None:
    log_probs = _emissions(3).requires_grad_()
    for engine in ENGINES:
        assert decode(log_probs, ABC, engine=engine).texts == decode(_emissions(3), ABC).texts


@pytest.mark.parametrize("constraints", CONSTRAINTS, ids=IDS)
def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch, constraints: Constraints) -> None:
    log_probs = _emissions(700)
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)  # put back by the fixture `one_thread`
        results.append(decode(log_probs, ABC, constraints, n_best=3, engine="compiled"))
    torch.set_num_threads(1)
    for other in results[1:]:
        assert other.n_best_texts == results[0].n_best_texts
        for name in ("log_probs", "log_mass", "gap", "expanded"):
            np.testing.assert_array_equal(getattr(other, name), getattr(results[0], name))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_item_that_is_refused_is_named_by_its_number_in_a_large_batch(engine: str) -> None:
    log_probs = _emissions(1500)
    log_probs[1300, 2, 1] = torch.nan
    torch.set_num_threads(2)
    try:
        with pytest.raises(Exception, match=r"^item 1300 has NaN or \+inf for a log-probability; expected"):
            decode(log_probs, ABC, engine=engine)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("n_best", [1, 5])
@pytest.mark.parametrize("constraints", CONSTRAINTS, ids=IDS)
def test_without_numba_torch_takes_over(
    monkeypatch: pytest.MonkeyPatch, constraints: Constraints, n_best: int
) -> None:
    log_probs = _emissions(50)
    compiled = decode(log_probs, ABC, constraints, n_best=n_best)
    monkeypatch.setattr(host, "has_compiled", lambda: False)
    monkeypatch.setitem(sys.modules, "model_zoo.exact.compiled", None)  # importing it fails
    without = decode(log_probs, ABC, constraints, n_best=n_best)
    assert without.n_best_texts == compiled.n_best_texts
    if constraints.lexicon is None:
        _assert_same(without, compiled, rtol=1e-9)


def test_a_numba_that_cannot_be_imported_is_done_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host.has_compiled.cache_clear()
    monkeypatch.setitem(sys.modules, "model_zoo.exact.compiled", None)  # importing it fails
    try:
        assert decode(_emissions(3), ABC).proven.all()
    finally:
        host.has_compiled.cache_clear()
    (record,) = caplog.records
    assert record.getMessage().startswith("the decoder runs without its compiled core, more slowly: ")


def test_a_process_that_has_no_numba_decodes() -> None:
    script = """
import sys
import importlib.util

real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "numba" else real(name, package)
sys.modules["numba"] = None  # importing it fails
import torch
from model_zoo.charset import Charset
from model_zoo.decode import decode

decoded = decode(torch.tensor([[[0.6, 0.4, 0.0], [0.6, 0.4, 0.0]]]).log(), Charset("ab"), n_best=2)
print(decoded.n_best_texts, decoded.proven.tolist(), "model_zoo.exact.compiled" in sys.modules)
print(decode(torch.zeros(1, 2, 3), Charset("ab"), method="greedy").texts)
"""
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["[['a', '']] [True] False", "['']"]


def test_numba_is_only_loaded_where_the_compiled_engine_is_used() -> None:
    script = (
        "import sys, torch; from model_zoo.charset import Charset; from model_zoo.decode import decode; "
        "decode(torch.zeros(1, 2, 3), Charset('ab'), engine='torch'); print('numba' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "False\n"), run.stderr


@pytest.mark.gpu
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n_best", [1, 10])
@pytest.mark.parametrize("constraints", CONSTRAINTS, ids=IDS)
def test_a_gpu_says_what_the_cpu_says(constraints: Constraints, n_best: int, engine: str) -> None:
    log_probs = _emissions(300)
    on_cpu = decode(log_probs, ABC, constraints, n_best=n_best, engine=engine)
    on_gpu = decode(log_probs.cuda(), ABC, constraints, n_best=n_best, engine=engine)
    _assert_same(on_gpu, on_cpu, rtol=1e-9)


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["greedy", "beam", "alignment-beam"])
def test_a_gpu_says_what_the_cpu_says_by_other_methods(method: str) -> None:
    log_probs = _emissions(300)
    for engine in ENGINES:
        on_cpu = decode(log_probs, ABC, method=method, engine=engine)
        on_gpu = decode(log_probs.cuda(), ABC, method=method, engine=engine)
        _assert_same(on_gpu, on_cpu, rtol=1e-9)


@pytest.mark.parametrize("n_best", [1, 4])
def test_an_item_that_needs_more_room_is_read_as_if_it_had_it_at_once(
    monkeypatch: pytest.MonkeyPatch, n_best: int
) -> None:
    log_probs = _emissions(200)
    at_once = decode(log_probs, ABC, n_best=n_best, engine="compiled")
    for room in (2, 3, 5, 8):
        monkeypatch.setattr(host, "_USUAL_ROOM", room)
        again = decode(log_probs, ABC, n_best=n_best, engine="compiled")
        assert again.n_best_texts == at_once.n_best_texts
        np.testing.assert_array_equal(again.log_probs, at_once.log_probs)
        assert again.proven.tolist() == at_once.proven.tolist()
