"""What is recorded as a CUDA graph asks the device for no value: found without one, by fake tensors of torch.

A fake tensor has a device and a shape and no content, so whatever needs a value in the middle fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from model_zoo.architectures import build
from model_zoo.cards import find_card
from model_zoo.charset import Charset
from model_zoo.exact import resident
from model_zoo.frames import temper
from model_zoo.runtimes.eager import Eager

GPU = torch.device("cuda")
SHIPPED = ["crnn-small", "kaptcha", "kaptcha-zero", "nano", "generic"]
# torch looks whether an LSTM's weights lie in one piece.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")


class Operations(TorchDispatchMode):
    """Names of the operations that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))

    @property
    def from_the_host(self) -> list[str]:
        """Those that copy numbers of Python's to the device, which waits for them."""
        return [name for name in self.names if name.startswith("aten.lift_fresh")]


@pytest.fixture
def fake() -> Iterator[None]:
    """Tensors on a GPU that need not be there."""
    with FakeTensorMode():
        yield


@pytest.mark.parametrize("name", SHIPPED)
def test_the_forward_pass_of_a_shipped_model_can_be_recorded(fake: None, name: str) -> None:
    """In float32: without a GPU torch leaves autocast out, and so what bfloat16 would do."""
    card, _ = find_card(name)
    charset = Charset(card.charset)
    with GPU:
        network = build(
            card.architecture, card.options, n_classes=charset.n_classes, height=card.height, width=card.width
        ).eval()
    pixels = torch.empty((64, 1, card.height, card.width), dtype=torch.uint8, device=GPU)

    with Operations() as asked:
        found = temper(Eager(card, network, GPU, "float32").log_probs(pixels), card.temperature)

    assert (found.shape, found.dtype) == ((64, card.time_steps, charset.n_classes), torch.float32)
    assert found.device.type == "cuda"
    assert asked.from_the_host == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("frames", [1, 5, 25, 60])
def test_the_proof_of_greedy_texts_can_be_recorded(fake: None, frames: int, dtype: torch.dtype) -> None:
    log_probs = torch.empty((64, frames, 20), dtype=dtype, device=GPU)
    columns = torch.empty(11, dtype=torch.long, device=GPU)
    longest = min(frames, resident.LONGEST)

    with Operations() as asked, torch.inference_mode():
        found = resident.read(log_probs, columns, longest)

    assert [it.shape for it in found] == [(64, longest), (64,), (64,), (64,), (64,)]
    assert {it.device.type for it in found} == {"cuda"}
    assert asked.from_the_host == []


def test_a_number_of_characters_that_depends_on_the_texts_could_not(fake: None) -> None:
    log_probs = torch.empty((64, 25, 20), device=GPU)
    columns = torch.empty(20, dtype=torch.long, device=GPU)

    with pytest.raises(DataDependentOutputException, match=r"aten\._local_scalar_dense"):
        resident.read(log_probs, columns, None)


def test_numbers_from_the_host_would_be_seen(fake: None) -> None:
    with Operations() as asked:
        torch.empty(3, device=GPU).new_tensor([1.0, 2.0])

    assert asked.from_the_host != []
