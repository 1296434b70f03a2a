"""RapidOCR, in its own environment: PP-OCRv4 under onnxruntime, the weights in its wheel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rapidocr_onnxruntime import RapidOCR

PACKAGES = ("rapidocr-onnxruntime", "onnxruntime", "opencv-python", "numpy")


def make(variant: str, threads: int | None) -> Callable[[list[str]], list[str]]:
    """A reader of files that takes each for one line of text."""
    given = {} if threads is None else {"intra_op_num_threads": threads, "inter_op_num_threads": 1}
    reader = RapidOCR(**given)

    def text_of(data: bytes) -> str:
        found, _ = reader(data, use_det=False, use_cls=False)
        return "".join(text for text, _ in found or [])

    return lambda files: [text_of(Path(file).read_bytes()) for file in files]
