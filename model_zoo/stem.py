"""The label in a file's name, for training, measuring and reports alike. Standard library only."""

from __future__ import annotations

from model_zoo.nfc import nfc


def stem_label(file: str) -> str | None:
    """`3wnd3` for both `3wnd3.png` and `3wnd3_17.png`, in NFC; None for none (`_1.png`, `.png`)."""
    base = file.rpartition("/")[2]
    stem = base.rpartition(".")[0] if "." in base else base
    return nfc(stem.partition("_")[0]) or None
