"""What runs a network gives the same, whatever it is; what does not is not used."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from model_zoo.cards import ModelCard, find_card
from model_zoo.errors import DeviceError
from model_zoo.runtimes import RUNTIMES, make_runtime
from model_zoo.runtimes.graph import ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE
from model_zoo.solver import load_solver

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "captchas").glob("*.png"))
CPU = torch.device("cpu")


@pytest.fixture
def card() -> ModelCard:
    """Of a network that gives 10 frames of 5 classes."""
    return replace(find_card("crnn-small")[0], charset="23ab", time_steps=10, height=8, width=40, name="tiny")


class Pooling(nn.Module):
    """A network that every runtime takes."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, 8, 40) to (N, 10, 5)."""
        rows = nn.functional.avg_pool2d(images, (8, 4))[:, 0, 0, :, None]
        return (rows * torch.arange(5.0)).log_softmax(-1)


class Moody(Pooling):
    """A network whose frames no other run gives again."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, 8, 40) to (N, 10, 5)."""
        return (super().forward(images) + torch.rand(len(images), 10, 5)).log_softmax(-1)


class Odd(Pooling):
    """A network that torch cannot write as a graph."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, 8, 40) to (N, 10, 5)."""
        return super().forward(torch.fft.fft(images).real)


@pytest.mark.parametrize("name", ["crnn-small", "kaptcha", "nano", "generic"])
def test_the_shipped_models_read_alike_under_every_runtime(name: str) -> None:
    plain, fast = (load_solver(name, "cpu", runtime=runtime) for runtime in ("torch", "onnxruntime"))
    batch, _ = plain.preprocess(EXAMPLES[:24])

    wanted, found = plain.log_probs(batch), fast.log_probs(batch)

    assert (plain.runtime.name, fast.runtime.name) == ("torch", "onnxruntime")
    assert (found.dtype, found.shape) == (torch.float32, wanted.shape)
    assert torch.allclose(found, wanted, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE)
    answers = [(solver.solve(EXAMPLES[:24])) for solver in (plain, fast)]
    assert [it.text for it in answers[0]] == [it.text for it in answers[1]]
    for a, b in zip(*answers, strict=True):
        assert a.probability == pytest.approx(b.probability, abs=1e-4)


def test_auto_is_onnx_runtime_on_a_cpu_in_float32_and_else_torch() -> None:
    assert load_solver("nano", "cpu").runtime.name == "onnxruntime"
    assert load_solver("nano", "cpu", "bfloat16").runtime.name == "torch"


def test_a_graph_takes_batches_of_any_size_from_several_threads(card: ModelCard) -> None:
    runtime, network = make_runtime("onnxruntime", card, Pooling(), CPU, "float32"), Pooling()
    batches = [torch.full((n, 1, 8, 40), 10 * n, dtype=torch.uint8) for n in (1, 2, 7, 1, 3)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(runtime.log_probs, batches))

    for batch, log_probs in zip(batches, found, strict=True):
        wanted = network((batch.float() / 255 - card.mean) / card.std)
        assert torch.allclose(log_probs, wanted, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (
            Moody(),
            "under ONNX Runtime model 'tiny' is not what it is here (log-probabilities differ by up to",
        ),
        (Odd(), "model 'tiny' cannot be written as ONNX ("),
    ],
    ids=["differs", "no graph"],
)
def test_a_network_that_is_not_the_same_there_stays_with_torch(
    card: ModelCard, network: nn.Module, reason: str
) -> None:
    with pytest.raises(DeviceError) as refused:
        make_runtime("onnxruntime", card, network, CPU, "float32")

    assert str(refused.value).startswith(reason)
    assert make_runtime("auto", card, network, CPU, "float32").name == "torch"


@pytest.mark.parametrize("module", ["onnx", "onnxruntime"])
def test_what_is_not_installed_is_not_needed(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    assert make_runtime("auto", card, Pooling(), CPU, "float32").name == "torch"
    with pytest.raises(DeviceError) as refused:
        make_runtime("onnxruntime", card, Pooling(), CPU, "float32")
    assert str(refused.value) == (
        f"runtime 'onnxruntime' is not installed (import of {module} halted; None in sys.modules); "
        "run pip install onnx onnxruntime, or choose torch"
    )


def test_another_precision_and_an_unknown_name_are_refused(card: ModelCard) -> None:
    with pytest.raises(DeviceError) as rough:
        make_runtime("onnxruntime", card, Pooling(), CPU, "bfloat16")
    with pytest.raises(DeviceError) as unknown:
        make_runtime("tensorrt", card, Pooling(), CPU, "float32")

    assert str(rough.value) == ("runtime 'onnxruntime' runs on the CPU in float32, not on cpu in bfloat16")
    assert str(unknown.value) == f"runtime 'tensorrt' is unknown; give one of {', '.join(RUNTIMES)}"
