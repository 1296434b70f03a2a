"""Models that are damaged, swapped, from the future or not what they say: a sentence each, none unpickled."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file, save_file

from model_zoo.architectures import architectures
from model_zoo.cards import ModelCard
from model_zoo.cli import main


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image of random pixels."""
    path = tmp_path / "23ab.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (50, 80), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def refusal(make: Callable[..., ModelCard], own_zoo: Path, image: Path) -> Callable[..., str]:
    """Changes the tiny model, asks it to read, and gives the one line that comes instead."""
    make("tiny", 1)
    weights, card_file = own_zoo / "tiny.safetensors", own_zoo / "tiny.json"

    def refuse(change: Callable[[Path], None] | None = None, vouched: bool = True, **fields: Any) -> str:
        if change is not None:
            change(weights)
        digest = {"sha256": hashlib.sha256(weights.read_bytes()).hexdigest()} if vouched else {}
        card = {**json.loads(card_file.read_text()), **digest, **fields}
        card_file.write_text(json.dumps(card))
        result = CliRunner().invoke(main, ["solve", "--model", "tiny", str(image)])
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        return line.removeprefix("Error: ").replace(str(own_zoo), "ZOO")

    return refuse


def cut(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-10])


def swap(weights: Path) -> None:
    tensors = load_file(weights)
    save_file({name: torch.zeros_like(tensor) for name, tensor in tensors.items()}, weights)


def rename(weights: Path) -> None:
    tensors = load_file(weights)
    name = next(iter(tensors))
    save_file({("other" if it == name else it): tensor for it, tensor in tensors.items()}, weights)


class Touch:
    """What a pickle would run when it is loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_cut_weights_that_the_card_vouches_for_are_refused(refusal: Callable[..., str]) -> None:
    line = refusal(cut)

    assert line == (
        "weights ZOO/tiny.safetensors are no whole safetensors file: Error while deserializing header: "
        "incomplete metadata, file not fully covered; copy it again"
    )


def test_a_pickle_under_the_name_of_weights_is_refused_and_not_run(
    refusal: Callable[..., str], tmp_path: Path
) -> None:
    trace = tmp_path / "unpickled"

    line = refusal(lambda weights: weights.write_bytes(pickle.dumps(Touch(trace))))

    assert line.startswith("weights ZOO/tiny.safetensors are no whole safetensors file: ")
    assert line.endswith("; copy it again")
    assert not trace.exists()


def test_swapped_weights_are_refused(refusal: Callable[..., str], own_zoo: Path) -> None:
    named = json.loads((own_zoo / "tiny.json").read_text())["sha256"]

    line = refusal(swap, vouched=False)

    there = hashlib.sha256((own_zoo / "tiny.safetensors").read_bytes()).hexdigest()
    assert line == (
        f"weights ZOO/tiny.safetensors have sha256 {there}, the card names {named}; copy both files again"
    )


@pytest.mark.parametrize(("charset", "classes"), [("23a", 4), ("23abc", 6)])
def test_a_charset_that_does_not_fit_the_weights_is_refused(
    refusal: Callable[..., str], own_zoo: Path, charset: str, classes: int
) -> None:
    tensors = load_file(own_zoo / "tiny.safetensors")
    name, last = next((name, it) for name, it in tensors.items() if it.ndim == 2 and it.shape[0] == 5)

    line = refusal(charset=charset)

    assert line == (
        "weights ZOO/tiny.safetensors do not fit the card's architecture, options and charset: tensor "
        f"{name!r} is {tuple(last.shape)}, expected {(classes, last.shape[1])}, and 1 more"
    )


def test_weights_of_another_network_are_refused(refusal: Callable[..., str], own_zoo: Path) -> None:
    name = next(iter(load_file(own_zoo / "tiny.safetensors")))

    assert refusal(rename) == (
        "weights ZOO/tiny.safetensors do not fit the card's architecture, options and charset: tensor "
        f"{name!r} is missing, and 1 more"
    )


def test_a_card_of_a_newer_version_is_refused(refusal: Callable[..., str]) -> None:
    assert refusal(card_version=3) == (
        "card ZOO/tiny.json is of version 3, this captchafleet reads versions 1 and 2; install the version "
        "that wrote it"
    )


def test_an_unknown_architecture_is_refused_with_those_there_are(refusal: Callable[..., str]) -> None:
    known = ", ".join(architecture.name for architecture in architectures())

    assert refusal(architecture="crnn-9") == f"architecture 'crnn-9' is unknown; known are {known}"


def test_a_charset_with_a_character_twice_is_refused(refusal: Callable[..., str]) -> None:
    assert refusal(charset="2233") == (
        "card ZOO/tiny.json has the charset '2233'; expected distinct characters"
    )


def test_other_frames_than_the_card_says_are_refused(refusal: Callable[..., str]) -> None:
    assert refusal(time_steps=11) == (
        "model 'tiny' gives 10 frames of 5 classes, its card says 11 of 5; mend the card, or train anew"
    )
