"""The names of one folder, sorted as a scan sorts them, without the folder.

    python -P -m footprint.names N DIR

What a scan holds depends on the names alone; ten million files need not be made to know it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import producer.job  # noqa: F401 - whatever else a producer has in memory while it scans
from producer.external_sort import ExternalSort

_STEP = 7919  # a prime, so that names come in no order


def names(count: int) -> Iterator[str]:
    """So many distinct names of 33 characters, out of order; `count` is no multiple of 7,919."""
    for number in range(count):
        yield f"image-of-some-captcha-{number * _STEP % count:07}.png"


def main() -> None:
    """Sort the names in DIR, and check their order and number."""
    count, folder = int(sys.argv[1]), Path(sys.argv[2])
    with ExternalSort(folder) as sort:
        for name in names(count):
            sort.add(name)
        last, found = "", 0
        for name in sort.drain():
            if name <= last:
                raise SystemExit(f"{name} comes after {last}")
            last, found = name, found + 1
    if found != count:
        raise SystemExit(f"{found} of {count} names came back")


if __name__ == "__main__":
    main()
