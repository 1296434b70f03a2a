"""What `--device` means on machines with and without GPUs."""

from __future__ import annotations

import ctypes
import subprocess
from typing import Any

import pytest

from worker import devices
from worker.devices import DeviceChoiceError, choose

CHOSEN = [
    ("auto", 0, ["cpu"], "no GPU: the CPU"),
    ("auto", 2, ["cuda:0"], "the first GPU, so that a second worker can be told to take the next"),
    ("all", 2, ["cuda:0", "cuda:1"], "every GPU"),
    ("cpu", 2, ["cpu"], "the CPU beside GPUs"),
    ("cuda", 1, ["cuda:0"], "PyTorch's short name"),
    ("cuda:1", 2, ["cuda:1"], "one of two"),
    ("cuda:1, cuda:0", 2, ["cuda:1", "cuda:0"], "in the order given, blanks aside"),
    ("cpu,cuda:0", 1, ["cpu", "cuda:0"], "both kinds"),
    ("cuda,cuda:0,cpu,cpu", 1, ["cuda:0", "cpu"], "no device twice"),
]


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A machine of this many GPUs."""
    monkeypatch.setattr(devices, "_count_gpus", lambda: count)


@pytest.mark.parametrize(("text", "gpus", "chosen", "reason"), CHOSEN, ids=[r for *_, r in CHOSEN])
def test_a_choice_means_devices(
    text: str, gpus: int, chosen: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, gpus)

    assert choose(text) == chosen


MISSING = [
    ("cuda:0", 0, "device cuda:0 is not on this machine; there is cpu"),
    ("cuda", 0, "device cuda:0 is not on this machine; there is cpu"),
    ("all", 0, "device cuda:0 is not on this machine; there is cpu"),
    ("cuda:2", 2, "device cuda:2 is not on this machine; there is cpu, cuda:0, cuda:1"),
    ("cuda:0,cuda:7,cuda:8", 1, "device cuda:7, cuda:8 is not on this machine; there is cpu, cuda:0"),
]


@pytest.mark.parametrize(("text", "gpus", "message"), MISSING, ids=[f"{t} of {n}" for t, n, _ in MISSING])
def test_a_missing_device_is_named_with_those_there(
    text: str, gpus: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, gpus)

    with pytest.raises(DeviceChoiceError) as caught:
        choose(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "auto,cpu", "all,cuda:0", "cpu,"])
def test_a_word_that_is_no_device_is_refused(text: str) -> None:
    with pytest.raises(DeviceChoiceError) as caught:
        choose(text)
    assert str(caught.value) == (
        f"device {text!r} is none; give auto, cpu, all, cuda:0, or several like cuda:0,cuda:1"
    )


def test_the_cpu_alone_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise AssertionError("counting GPUs takes seconds")

    monkeypatch.setattr(devices, "_count_gpus", refuse)

    assert choose("cpu") == ["cpu"]


def test_without_a_driver_torch_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("torch was asked")

    monkeypatch.setattr(ctypes, "CDLL", no_driver)
    monkeypatch.setattr(subprocess, "run", refuse)

    assert choose("auto") == ["cpu"]


def with_driver(monkeypatch: pytest.MonkeyPatch, code: int, said: str) -> None:
    """A machine with NVIDIA's driver, where a fresh Python with torch says this of its GPUs."""

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert "torch.cuda.device_count()" in command[-1]
        return subprocess.CompletedProcess(command, code, said, "")

    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr(subprocess, "run", run)


def test_with_a_driver_torch_counts_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch, 0, "3\n")

    assert choose("all") == ["cuda:0", "cuda:1", "cuda:2"]


def test_a_torch_that_fails_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch, 1, "")

    assert choose("auto") == ["cpu"]
