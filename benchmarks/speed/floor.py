"""What any program would spend on an image: look at its file, read it, and write two lines of JSON."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Sequence

# As they stand in manifest.jsonl and results.jsonl.
_FOUND = {"type": "image", "id": 0, "file": "", "size": 0}
_ANSWERED = {
    "id": 0,
    "file": "",
    "text": "2b827",
    "probability": 0.9987654321012345,
    "n_best": [{"text": "2b827", "probability": 0.9987654321012345}],
    "error": None,
    "worker": "cpu-12345@a-host",
    "attempt": 1,
    "proven": True,
    "allowed_mass": 0.9999876543210123,
    "seen": True,
}


def floor_us(files: Sequence[str]) -> float:
    """Processor microseconds a file of `stat`, reading and two lines of JSON, in one thread.

    Args:
        files: paths, which the page cache should hold.
    """
    with tempfile.TemporaryFile("w") as lines:
        began = time.process_time()
        for number, file in enumerate(files):
            status = os.stat(file)
            lines.write(json.dumps({**_FOUND, "id": number, "file": file, "size": status.st_size}) + "\n")
            with open(file, "rb") as stream:
                stream.read()
            lines.write(json.dumps({**_ANSWERED, "id": number, "file": file}) + "\n")
        return 1e6 * (time.process_time() - began) / len(files)
