"""Our image decoding alone, from files to the grey pixels that a model takes; its texts are empty."""

from __future__ import annotations

from collections.abc import Callable

import torch

from model_zoo.cards import DEFAULT_MODEL
from model_zoo.preprocess import read_file
from model_zoo.solver import load_solver

PACKAGES = ("pillow", "numpy")


def make(variant: str, threads: int | None) -> Callable[[list[str]], list[str]]:
    """A reader of files that reads no text; one thread, whatever is asked."""
    torch.set_num_threads(1)
    solver = load_solver(DEFAULT_MODEL, "cpu")
    size = solver.micro_batch

    def read(files: list[str]) -> list[str]:
        for start in range(0, len(files), size):
            solver.preprocess([read_file(file) for file in files[start : start + size]])
        return [""] * len(files)

    return read
