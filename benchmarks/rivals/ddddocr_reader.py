"""ddddocr, in its own environment.

Each file's bytes go to `classification`, as its own documentation has it. onnxruntime asks no variable for
the number of its threads, so the session is made anew where one is wanted.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import ddddocr
import onnxruntime

PACKAGES = ("ddddocr", "onnxruntime", "numpy", "pillow")
_NETWORKS = {"default": "common_old.onnx", "beta": "common.onnx"}


def make(variant: str, threads: int | None) -> Callable[[list[str]], list[str]]:
    """A reader of files."""
    reader = ddddocr.DdddOcr(beta=variant == "beta", show_ad=False)
    if threads is not None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        network = os.path.join(os.path.dirname(ddddocr.__file__), _NETWORKS[variant])
        reader.ocr_engine.session = onnxruntime.InferenceSession(
            network, options, providers=["CPUExecutionProvider"]
        )

    def read(files: list[str]) -> list[str]:
        return [reader.classification(Path(file).read_bytes()) for file in files]

    return read
