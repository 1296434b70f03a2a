"""Three stages of work on the parts of a job, overlapped: threads before and behind the owner of a device.

Reading images and CTC decoding are the CPU's, the forward pass is the device's. One after the other each
would wait for the two others. The thread that calls is the device's owner, and its only one: Ctrl-C and a
task's time limit, which Python raises in the main thread, then reach the work at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

Piece = TypeVar("Piece")
Read = TypeVar("Read")
Answered = TypeVar("Answered")
Decoded = TypeVar("Decoded")
Source = TypeVar("Source")
Error = TypeVar("Error")
Answer = TypeVar("Answer")

# Images that a thread reads at a time: enough to be worth handing over, few enough for all to have a share.
PIECE = 32


@dataclass(frozen=True)
class Stages(Generic[Piece, Read, Answered, Decoded]):
    """What happens to a part of the job.

    Attributes:
        read: one piece of it; by several threads at once.
        forward: the part, from its pieces as they were read, in order; by the calling thread alone.
        decode: what `forward` gave; by several threads at once.
    """

    read: Callable[[Piece], Read]
    forward: Callable[[list[Read]], Answered]
    decode: Callable[[Answered], Decoded]


@dataclass(frozen=True)
class Room:
    """How much is under way at once.

    Attributes:
        readers: threads that read pieces.
        decoders: threads that decode parts.
        ahead: parts that wait between two stages, at most; what is in memory is twice as many parts and one.
    """

    readers: int
    decoders: int = 2
    ahead: int = 2


def staged(
    parts: Iterable[Sequence[Piece]], stages: Stages[Piece, Read, Answered, Decoded], room: Room
) -> Iterator[Decoded]:
    """Take every part through the stages; results come in the parts' order.

    An exception in any stage is raised here. However this ends (to the end, by an exception, by Ctrl-C, or
    because nobody asks for more results) nothing new is begun, what runs is waited for, and no thread stays.

    Args:
        parts: the job, each part cut into the pieces that one thread reads; taken as there is room.
        stages: what happens to each.
        room: how much is under way at once.
    """
    with _threads(room.readers, "reader") as readers, _threads(room.decoders, "decoder") as decoders:
        reading: deque[list[Future[Read]]] = deque()
        decoding: deque[Future[Decoded]] = deque()
        waiting = iter(parts)
        more = True
        while more or reading:
            while more and len(reading) <= room.ahead:
                part = next(waiting, None)
                if part is None:
                    more = False
                else:
                    reading.append([readers.submit(stages.read, piece) for piece in part])
            if reading:
                answered = stages.forward([future.result() for future in reading.popleft()])
                decoding.append(decoders.submit(stages.decode, answered))
                del answered  # a batch on a device, which nobody needs here any more
            # What is done is passed on at once: its error should come before those of later parts.
            while decoding and (len(decoding) > room.ahead or decoding[0].done()):
                yield decoding.popleft().result()
        while decoding:
            yield decoding.popleft().result()


@dataclass(frozen=True)
class Work(Generic[Source, Error, Answer]):
    """What is done with images.

    Attributes:
        read: some images to uint8 (n, 1, H, W) of those that could be read, and the error of each, or None.
        forward: uint8 (N, 1, H, W) to log-probabilities (N, T, C), on the device.
        answer: log-probabilities and errors to one answer an image.
        pinned: whether `forward` is given batches in pinned memory, from which a GPU copies fastest.
    """

    read: Callable[[Sequence[Source]], tuple[Tensor, list[Error]]]
    forward: Callable[[Tensor], Tensor]
    answer: Callable[[Tensor, Sequence[Error]], list[Answer]]
    pinned: bool = False


def overlapped(
    images: Sequence[Source], micro_batch: int, threads: int, work: Work[Source, Error, Answer]
) -> list[Answer]:
    """The answers to all images, in order, read and decoded beside the device's work.

    Args:
        images: to read.
        micro_batch: of one forward pass, at most.
        threads: that read images.
        work: what is done with them.
    """

    def forward(pieces: list[tuple[Tensor, list[Error]]]) -> tuple[Tensor, list[Error]]:
        batch = _together([batch for batch, _ in pieces], work.pinned)
        return work.forward(batch), [error for _, errors in pieces for error in errors]

    stages = Stages(work.read, forward, lambda answered: work.answer(*answered))
    parts = ([images[at] for at in part] for part in cut(len(images), micro_batch, PIECE))
    return [answer for answers in staged(parts, stages, Room(threads)) for answer in answers]


def _together(batches: list[Tensor], pinned: bool) -> Tensor:
    shape = (sum(map(len, batches)), *batches[0].shape[1:])
    return torch.cat(batches, out=torch.empty(shape, dtype=batches[0].dtype, pin_memory=pinned))


def cut(count: int, part: int, piece: int) -> Iterator[list[slice]]:
    """Where the parts of so many images lie, and their pieces.

    The same for the same numbers, always: what is in a batch decides the last digits of a probability. A job
    that fits in a few parts is cut into four, so that its stages overlap at all.

    Args:
        count: images.
        part: images of one part, at most.
        piece: images of one piece, at most; no part of several pieces is smaller than one.
    """
    part = max(1, min(part, max(piece, -(-count // 4))))
    for start in range(0, count, part):
        end = min(start + part, count)
        yield [slice(at, min(at + piece, end)) for at in range(start, end, piece)]


@contextmanager
def _threads(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Threads for one job. What has not begun at the end is dropped, what runs is waited for."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=f"captchafleet-{name}")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
