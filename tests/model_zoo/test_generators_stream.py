"""Generated images for training: drawn ahead by other processes, in order, and no longer than wanted."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from model_zoo.generators.styles.faces import shipped_faces
from model_zoo.generators.styles.stream import CHUNK, StyleStream, draw_images

FACES = shipped_faces()


@pytest.fixture
def stream() -> Iterator[StyleStream]:
    made = StyleStream(CHUNK + 3, seed=7, size=(16, 48), faces=FACES)
    yield made
    made.close()


def test_a_stream_gives_what_is_drawn_at_once_in_order(stream: StyleStream) -> None:
    for epoch in (0, 1, 0):
        images, labels = stream(epoch)
        wanted, names = draw_images("training", 7, epoch * (CHUNK + 3), CHUNK + 3, (16, 48), FACES)
        assert labels == names
        assert (images == wanted).all()


def test_what_is_being_drawn_is_asked_for_once_and_what_nobody_wants_is_cancelled(
    stream: StyleStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[int, list[Future[Any]]] = {}

    def submit(_: object, stream: str, seed: int, first: int, count: int, *others: object) -> Future[Any]:
        future: Future[Any] = Future()
        epoch = first // (CHUNK + 3)
        if epoch in (0, 5):  # those to come are drawn later
            future.set_result((np.zeros((count, 1, 1), np.uint8), [""] * count))
        asked.setdefault(epoch, []).append(future)
        return future

    monkeypatch.setattr(stream._pool, "submit", submit)

    stream(0)
    stream(0)  # the first epoch is looked at before it is trained on

    assert {epoch: len(futures) for epoch, futures in asked.items()} == {0: 4, 1: 2}, "two parts an epoch"
    assert not any(future.cancelled() for future in asked[1])
    stream(5)
    assert all(future.cancelled() for future in asked[1])
    assert not any(future.cancelled() for future in asked[6])


def test_ctrl_c_ends_the_drawing(stream: StyleStream, monkeypatch: pytest.MonkeyPatch) -> None:
    stream(0)
    monkeypatch.setattr(Future, "result", lambda _: signal.raise_signal(signal.SIGINT))

    with pytest.raises(KeyboardInterrupt):
        stream(1)

    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        stream(7)
