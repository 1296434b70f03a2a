"""benchmarks/runtimes.py: what it measures and writes; no speed is asserted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import runtimes
import torch

from model_zoo.solver import load_solver


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    """The benchmark takes one thread of torch."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_runtimes_are_measured_in_turns_and_held_against_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = count()  # every look at the clock is half a second later
    monkeypatch.setattr(runtimes.time, "perf_counter", lambda: next(looks) / 2)
    out = tmp_path / "runtimes.json"

    code = runtimes.main(
        ["--models", "nano", "--only", "ONNX Runtime", "--images", "40", "--rounds", "2", "--json", str(out)]
    )

    assert code == 0
    told = json.loads(out.read_text())
    (model,) = told["models"]
    assert (told["benchmark"], model["model"].partition("@")[0], model["images"]) == ("runtimes", "nano", 40)
    plain, graph = model["candidates"]
    assert (plain["name"], graph["name"]) == (runtimes.PLAIN, "ONNX Runtime")
    # One pass of 40 images in three looks at the clock.
    assert plain["images_per_second"]["values"] == pytest.approx([40 / 1.5] * 2)
    assert graph["ratio"]["median"] == 1.0
    assert (plain["texts"], plain["probability"], graph["texts"]) == (0, 0.0, 0)
    assert 0 < graph["probability"] < 1e-4
    assert "| ONNX Runtime | 27 | 1.00 | 0 |" in capsys.readouterr().out


def test_an_answer_that_differs_is_counted_and_its_probability_is_not() -> None:
    solver = load_solver("nano", "cpu", runtime="torch")
    sure = torch.full((2, 25, 20), -9.0)
    sure[:, :, 0] = 0.0
    other = sure.clone()
    other[1, 3, 0], other[1, 3, 7] = -9.0, 0.0

    found = runtimes.agreement(solver, sure.log_softmax(-1), other.log_softmax(-1))

    assert found.texts == 1
    assert found.probability == 0.0


def test_an_unknown_model_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert runtimes.main(["--models", "nobody"]) == 2
    assert capsys.readouterr().err.startswith("runtimes.py: model 'nobody' is not in ")
