"""One side's process: reads requests as JSON lines, answers each with one. Standard library and numpy.

`python -m decoders.serve NAME --threads K` runs in the side's own environment. Its standard output is for
answers alone: whatever the library prints goes to standard error.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from multiprocessing.pool import Pool
from typing import Any

import numpy as np

from decoders.readings import Readings
from decoders.sides import OURS, Side, chosen

# Calls before the first that counts: libraries load, compile and allocate in them.
WARM_UPS = 3
Decoder = Callable[[np.ndarray], Readings]


@dataclass(frozen=True)
class Loaded:
    """What a forked child finds where it needs no copy."""

    log_probs: np.ndarray
    decode: Decoder


_loaded: Loaded | None = None


def _part(start: int, stop: int) -> Readings:
    assert _loaded is not None
    return _loaded.decode(_loaded.log_probs[start:stop])


class Serving:
    """The requests of one side: load a set, time a call, read everything."""

    def __init__(self, side: Side, threads: int) -> None:
        self.side = side
        self.threads = threads
        self._workers: Pool | None = None

    def load(self, path: str) -> dict[str, Any]:
        """Take the array of a set into memory and decode the first items until the library is warm."""
        global _loaded
        with np.load(path) as arrays:
            log_probs = np.ascontiguousarray(arrays["log_probs"])
            chars = arrays["chars"].tolist()
        make = importlib.import_module(f"decoders.adapters.{self.side.adapter}").make
        _loaded = Loaded(log_probs, make(chars, self.side.variant))
        if self.side.split == "processes" and self.threads > 1:
            if self._workers is not None:
                self._workers.terminate()
            self._workers = multiprocessing.get_context("fork").Pool(self.threads)
        for _ in range(WARM_UPS):
            self._decode(0, min(self.side.items, len(log_probs)))
        return {"items": len(log_probs)}

    def time(self, first: int, seconds: float) -> dict[str, Any]:
        """Decode `side.items` items from `first` on, again and again for `seconds`, at least once.

        Calls so short that several fit are preceded by one that is not counted: other sides ran meanwhile and
        the caches are theirs. The answer has the median call's rate.
        """
        assert _loaded is not None
        stop = min(first + self.side.items, len(_loaded.log_probs))
        took = [self._timed(first, stop)]
        if took[0] < seconds / 2:
            took, end = [], time.perf_counter() + seconds
            while not took or time.perf_counter() < end:
                took.append(self._timed(first, stop))
        return {"rate": (stop - first) / statistics.median(took), "calls": len(took)}

    def read(self, items: int) -> dict[str, Any]:
        """The strings of the first `items` items."""
        texts: list[list[str]] = []
        for start in range(0, items, self.side.items):
            texts += self._decode(start, min(items, start + self.side.items)).lists()
        return {"texts": texts}

    def _timed(self, start: int, stop: int) -> float:
        began = time.perf_counter()
        found = self._decode(start, stop)
        took = time.perf_counter() - began
        if len(found.texts) != stop - start:
            raise RuntimeError(f"{self.side.name} gave {len(found.texts)} strings for {stop - start} items")
        return took

    def _decode(self, start: int, stop: int) -> Readings:
        if self._workers is None:
            return _part(start, stop)
        edges = [start + (stop - start) * i // self.threads for i in range(self.threads + 1)]
        return _joined(self._workers.starmap(_part, pairwise(edges), chunksize=1))


def _joined(parts: list[Readings]) -> Readings:
    texts: list[Any] = []
    scores: list[Any] = []
    for part in parts:
        texts += part.texts
        scores += part.log_probs or []
    return Readings(texts, scores or None)


def _use_threads(side: Side, threads: int) -> None:
    """Torch takes its threads from here, numba's and OpenMP's came with the environment's variables."""
    if "torch" in sys.modules and side.split == "own":
        sys.modules["torch"].set_num_threads(threads)


def _versions(side: Side) -> dict[str, str]:
    """Of Python and of what the side's environment brought for it."""
    names = {"numpy", *(name for name in ("torch", "numba") if name in sys.modules)}
    if side.environment != OURS:
        names.add({"nemo": "nemo_toolkit"}.get(side.environment, side.environment))
    elif side.ours and find_spec("numba") is not None:  # imported once it is needed
        names.add("numba")
    return {"python": platform.python_version()} | {name: version(name) for name in sorted(names)}


def main() -> None:
    """Answer until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    (side,) = chosen([arguments.side])
    importlib.import_module(f"decoders.adapters.{side.adapter}")
    _use_threads(side, arguments.threads)
    serving = Serving(side, arguments.threads)
    requests: dict[str, Callable[..., dict[str, Any]]] = {
        "load": serving.load,
        "time": serving.time,
        "read": serving.read,
    }
    print(json.dumps(_versions(side)), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(requests[request.pop("do")](**request)), file=answers, flush=True)


if __name__ == "__main__":
    main()
