"""How far a stopped run came, read without torch: it is asked while a process ends."""

from __future__ import annotations

import json
from pathlib import Path


def epochs_done(checkpoint: Path) -> int:
    """The epochs that a checkpoint holds, of all rounds where there are several; 0 where there is none.

    The header of a safetensors file is the length of its JSON (8 bytes, little endian), then the JSON.
    """
    try:
        with checkpoint.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        metadata = header["__metadata__"]
        # A style is trained in rounds, each with epochs of its own; `style.notes` tells them all.
        return (
            len(json.loads(metadata["notes"])["epochs"]) if metadata.get("notes") else int(metadata["epoch"])
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return 0
