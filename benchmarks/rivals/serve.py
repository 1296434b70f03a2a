"""One process of a reader: `python -m rivals.serve MODULE VARIANT THREADS`, in the environment of the reader.

Standard input and output are lines of JSON. The first line out names the versions, once the reader is ready.
Then `{"files": [...]}` in, `{"texts": [...]}` out. THREADS is a number, or `default`.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from importlib.metadata import version


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    module, variant, threads = sys.argv[1:]
    adapter = import_module(f"rivals.{module}")
    read = adapter.make(variant, None if threads == "default" else int(threads))
    versions = {name: version(name) for name in adapter.PACKAGES}
    print(json.dumps({"versions": versions}), file=answers, flush=True)
    for line in sys.stdin:
        texts = read(json.loads(line)["files"])
        print(json.dumps({"texts": texts}), file=answers, flush=True)


if __name__ == "__main__":
    main()
