"""How many images a forward pass should have: on made-up devices, by made-up clocks."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from model_zoo.runtimes.sizing import fastest_size

SIZES = (128, 256, 512, 1024, 2048, 4096, 8192)


class Device:
    """Made-up: how long a batch takes, and a clock that such batches move on."""

    def __init__(self, seconds: Callable[[int], float | None]) -> None:
        self._seconds = seconds
        self.now = 100.0
        self.tried: list[int] = []

    def __call__(self, size: int) -> float | None:
        self.tried.append(size)
        took = self._seconds(size)
        self.now += took or 0.0
        return took

    def clock(self) -> float:
        return self.now


CURVES: list[tuple[str, Callable[[int], float | None], int, int]] = [
    # What it shows, seconds of a size, the size that is chosen, and the last one tried.
    ("launches cost 1 ms, an image 1 us", lambda n: 1e-3 + n * 1e-6, 8192, 8192),
    ("nothing but launches", lambda n: 1e-3, 8192, 8192),
    ("no launches: larger batches bring nothing", lambda n: n * 1e-6, 128, 512),
    ("busy from 1024 on", lambda n: max(n, 1024) * 1e-6, 1024, 4096),
    ("less than 5 % more from 512 on", lambda n: 1e-6 * n * (1 + 4 / n * (n <= 512)), 128, 512),
    (
        "one size that is slow for no reason",
        lambda n: 1e-6 * max(n, 2048) * (3 if n == 256 else 1),
        2048,
        8192,
    ),
    ("the cache is too small from 512 on", lambda n: n * 1e-6 * (2 if n > 256 else 1) + 1e-3 / n, 128, 512),
    ("memory for 1024", lambda n: 1e-3 if n <= 1024 else None, 1024, 2048),
    ("memory for nothing", lambda n: None, 128, 128),
    ("a clock that does not move", lambda n: 0.0, 8192, 8192),
]


@pytest.mark.parametrize(
    ("seconds", "chosen", "last"), [it[1:] for it in CURVES], ids=[it[0] for it in CURVES]
)
def test_the_smallest_size_that_none_beats(
    seconds: Callable[[int], float | None], chosen: int, last: int
) -> None:
    device = Device(seconds)

    assert fastest_size(device, SIZES, math.inf, device.clock) == chosen
    assert device.tried == list(SIZES[: SIZES.index(last) + 1])


def test_nothing_is_tried_past_the_budget() -> None:
    device = Device(lambda size: 0.4)

    assert fastest_size(device, SIZES, 1.0, device.clock) == 512
    assert device.tried == [128, 256, 512]


def test_one_size_is_tried_whatever_it_takes() -> None:
    device = Device(lambda size: 60.0)

    assert fastest_size(device, SIZES, 1.0, device.clock) == 128
    assert device.tried == [128]
