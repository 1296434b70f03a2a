"""The slow truth that decoders are held against, and small folders of labelled images."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from fetching import Site, serving
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from model_zoo.architectures import build
from model_zoo.card_parts import TrainingData
from model_zoo.cards import ModelCard
from model_zoo.generators.folder import write_examples
from model_zoo.split import LabelledFile, labelled_files

if TYPE_CHECKING:
    from styled import Tune

TINY = {"channels": [4, 4, 8, 8], "hidden": 8}

Strings = dict[tuple[int, ...], float]


@lru_cache(maxsize=64)
def _paths(T: int, C: int) -> tuple[NDArray[np.int64], NDArray[np.int64], list[tuple[int, ...]]]:
    """All C**T paths (P, T), the number of each one's string (P,), and the strings."""
    paths = list(itertools.product(range(C), repeat=T))
    strings: dict[tuple[int, ...], int] = {}
    which = []
    for path in paths:
        string = tuple(c for t, c in enumerate(path) if c != 0 and (t == 0 or path[t - 1] != c))
        which.append(strings.setdefault(string, len(strings)))
    return np.array(paths), np.array(which), list(strings)


def sum_all_paths(log_probs: NDArray[np.float64]) -> Strings:
    """The probability of every string that T frames can carry.

    Args:
        log_probs: (T, C), blank first.
    """
    T, C = log_probs.shape
    paths, which, strings = _paths(T, C)
    path_probs = np.exp(log_probs[np.arange(T), paths].sum(1))
    return dict(zip(strings, np.bincount(which, path_probs).tolist(), strict=True))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """The tensors here are small: on shared cores torch's threads mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def all_strings() -> Callable[[NDArray[np.float64]], Strings]:
    """`sum_all_paths`: (T, C) log-probabilities to the probability of every string."""
    return sum_all_paths


@pytest.fixture
def twelve(tmp_path: Path) -> Path:
    """A folder with twelve labelled images and one that is none."""
    folder = tmp_path / "twelve"
    write_examples(folder, style="kaptcha", count=12, seed=3)
    return folder


@pytest.fixture
def small_images(tmp_path: Path) -> Path:
    """Forty images so small that an epoch takes no time."""
    folder = tmp_path / "small"
    for path in write_examples(folder, style="kaptcha", count=40, seed=0):
        with Image.open(path) as image:
            small = image.resize((64, 16))
        small.save(path)
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    """A web server for the tests of one file."""
    with serving() as running:
        yield running


@pytest.fixture
def site(server: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """The server without pages, and a working directory of the test's own."""
    server.pages.clear()
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return server


@pytest.fixture
def own_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of the zoo."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    monkeypatch.setenv("CAPTCHAFLEET_ZOO", str(folder))
    return folder


@pytest.fixture
def make(own_zoo: Path) -> Callable[..., ModelCard]:
    """Writes a tiny random model into the zoo."""

    def write(name: str, seed: int = 0, **fields: Any) -> ModelCard:
        torch.manual_seed(seed)
        charset, height = fields.get("charset", "23ab"), fields.get("height", 50)
        network = build("crnn-small", TINY, n_classes=len(charset) + 1, height=height, width=80)
        weights = own_zoo / f"{name}.safetensors"
        save_file(network.state_dict(), weights)
        card = ModelCard(
            name=name,
            description="Random.",
            architecture="crnn-small",
            options=TINY,
            weights=weights.name,
            sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
            charset=charset,
            height=height,
            width=80,
            mean=0.5,
            std=0.25,
            time_steps=10,
            decoder="greedy",
            beam_width=5,
            min_length=3,
            max_length=3,
            data=TrainingData("none", 4, 0, 0, "none", None, "00" * 32, 0),
            recipe={},
            accuracy=(),
            parameters=100,
            flops_per_image=1000,
            licence="MIT",
        )
        card = replace(card, **fields)
        (own_zoo / f"{name}.json").write_text(card.to_json())
        return card

    return write


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledFile]:
    """Forty images of four digits, all in one style; they stay as they are."""
    from styled import write_style  # draws with OpenCV, which other tests here do without

    return labelled_files(write_style(tmp_path_factory.mktemp("digits") / "images", 40))


@pytest.fixture
def tuned(
    make: Callable[..., ModelCard], digits: list[LabelledFile], monkeypatch: pytest.MonkeyPatch
) -> Tune:
    """`tune` on thirty of the `digits` with ten to validate, from a tiny model of random weights."""
    from styled import tune_by_clock

    make("tiny", charset="0123456789", height=16)
    return tune_by_clock(digits, monkeypatch)
