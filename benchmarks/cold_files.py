"""Files that are on the disk and not in memory: read one after another, and as the producer reads a batch.

    .venv/bin/python benchmarks/cold_files.py --json cold_files.json
    .venv/bin/python benchmarks/cold_files.py --files 500 --rounds 1       # try it

A job of millions of files is larger than the memory that keeps files (the page cache). So copies of the PNGs
of CAPTCHAFLEET_DATA are written in a random order, and their pages are dropped before each reading
(POSIX_FADV_DONTNEED, which drops those of no other file; what they are called and where they lie stays in
memory). Read in the order of their names, they come from all over the disk. The sides take turns. Linux only.

Exit codes: 0; 2 for wrong options, missing images, or another system.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from speed.common import add_options, describe, in_turns, ratio, table, this_machine, write

from producer import image_files

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 10 * 2**20
BATCH = 256
ONE, MANY = "one after another", "a batch at once"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    originals = sorted(options.originals.glob("*.png"))
    wrong = None if originals else f"{options.originals} holds no PNG"
    if not hasattr(os, "posix_fadvise"):
        wrong = "this system cannot be told to drop the pages of a file"
    if wrong:
        print(f"cold_files.py: {wrong}; see --help", file=sys.stderr)
        return 2
    machine = this_machine()
    print(describe(machine))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        files = _write(Path(folder), options.files, originals)
        runs = in_turns(
            {
                f"{name}, {state}": _timed(read, folder, files, state == "on disk")
                for name, read in ((ONE, _reading(1)), (MANY, _reading(image_files.OPEN_AT_ONCE)))
                for state in ("in memory", "on disk")
            },
            options.rounds,
        )
    gains = {
        state: ratio(runs[f"{ONE}, {state}"], runs[f"{MANY}, {state}"]) for state in ("in memory", "on disk")
    }
    figures = {
        "files": options.files,
        "microseconds": {name: it.to_object() for name, it in runs.items()},
        "gain": {state: gain.to_object() for state, gain in gains.items()},
    }
    print(f"\n{show(figures)}")
    write(options.json, "cold_files", machine, figures)
    return 0


def show(figures: Mapping[str, Any]) -> str:
    """The table, and what reading a batch at once is worth."""
    rows = [[name, *_spread(it, ".1f")] for name, it in figures["microseconds"].items()]
    gains = {state: _spread(it, ".2f") for state, it in figures["gain"].items()}
    told = [f"{state}: {it[0]} times as fast, {it[1]} to {it[2]}" for state, it in gains.items()]
    return "\n\n".join([table(["microseconds a file", "median", "least", "most"], rows), *told])


def _spread(it: Mapping[str, Any], form: str) -> list[str]:
    return [format(it[name], form) for name in ("median", "low", "high")]


def _write(folder: Path, count: int, originals: Sequence[Path]) -> list[str]:
    """So many copies, named by their number; the numbers are written in a random order."""
    contents = [path.read_bytes() for path in originals]
    numbers = list(range(count))
    random.Random(1).shuffle(numbers)
    for number in numbers:
        (folder / f"{number:08}.png").write_bytes(contents[number % len(contents)])
    os.sync()  # a page that is not on the disk yet cannot be dropped
    return [f"{number:08}.png" for number in range(count)]


def _drop(folder: str, files: Sequence[str]) -> None:
    for file in files:
        descriptor = os.open(os.path.join(folder, file), os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _reading(open_at_once: int) -> Callable[[str, Sequence[str]], int]:
    """Reads files, so many of them open at once; returns how many could be read."""

    def read(folder: str, files: Sequence[str]) -> int:
        image_files.OPEN_AT_ONCE = open_at_once
        return sum(isinstance(it, bytes) for it in image_files.read_image_files(folder, files, LIMIT))

    return read


def _timed(
    read: Callable[[str, Sequence[str]], int], folder: str, files: Sequence[str], cold: bool
) -> Callable[[], float]:
    """Microseconds a file of one reading of all, batch by batch."""

    def run() -> float:
        read(folder, files)
        if cold:
            _drop(folder, files)
        began, whole = time.perf_counter(), 0
        for start in range(0, len(files), BATCH):
            whole += read(folder, files[start : start + BATCH])
        seconds = time.perf_counter() - began
        assert whole == len(files), f"{len(files) - whole} files could not be read"
        return 1e6 * seconds / len(files)

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    data = Path(os.environ.get("CAPTCHAFLEET_DATA") or ROOT.parent / "shared" / "data")
    parser.add_argument("--files", type=int, default=10_000, help="to write and read (default 10,000)")
    parser.add_argument("--originals", type=Path, default=data / "captcha_images_v2", help="the real PNGs")
    parser.add_argument("--folder", type=Path, help="for the copies, on the disk to measure")
    add_options(parser, 5)
    return parser


if __name__ == "__main__":
    sys.exit(main())
