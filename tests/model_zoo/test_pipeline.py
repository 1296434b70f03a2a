"""Stages that overlap: the order of what comes out, what is under way at once, and how it ends."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from model_zoo.pipeline import Room, Stages, cut, staged

ROOM = Room(readers=3, decoders=2, ahead=2)


def parts(count: int, pieces: int = 3) -> list[list[int]]:
    """Numbered pieces."""
    return [list(range(at * pieces, (at + 1) * pieces)) for at in range(count)]


def stages(**changed: Callable[..., object]) -> Stages[int, int, list[int], list[int]]:
    """Each piece doubled, then collected, then one more each."""
    usual = {
        "read": lambda piece: 2 * piece,
        "forward": lambda pieces: pieces,
        "decode": lambda numbers: [number + 1 for number in numbers],
    }
    return Stages(**{**usual, **changed})  # type: ignore[arg-type]


def ours() -> list[str]:
    """Names of the threads that a job began."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("captchafleet-")]


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert ours() == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 17])
def test_results_come_in_the_order_of_the_parts_however_long_each_took(count: int) -> None:
    def decode(numbers: list[int]) -> list[int]:
        time.sleep(0.01 if numbers[0] % 4 else 0)
        return [number + 1 for number in numbers]

    def read(piece: int) -> int:
        time.sleep(0.005 if piece % 3 == 0 else 0)
        return 2 * piece

    found = list(staged(parts(count), stages(read=read, decode=decode), ROOM))

    assert found == [[2 * piece + 1 for piece in part] for part in parts(count)]


def test_a_part_without_pieces_keeps_its_place() -> None:
    assert list(staged([[1], [], [2]], stages(), ROOM)) == [[3], [], [5]]


def test_only_the_calling_thread_has_the_device() -> None:
    seen: dict[str, set[str]] = {"read": set(), "forward": set(), "decode": set()}

    def spy(stage: str) -> Callable[[object], object]:
        def work(given: object) -> object:
            seen[stage].add(threading.current_thread().name)
            return given

        return work

    list(staged(parts(8), stages(**{stage: spy(stage) for stage in seen}), ROOM))

    assert seen["forward"] == {threading.current_thread().name}
    assert all(name.startswith("captchafleet-reader") for name in seen["read"])
    assert all(name.startswith("captchafleet-decoder") for name in seen["decode"])


def test_the_stages_do_overlap() -> None:
    """Each of the first parts waits for the others to be in another stage: one after the other would hang."""
    meeting = threading.Barrier(3, timeout=60)

    def meet(given: object, part: int, wanted: int) -> object:
        if part == wanted:
            meeting.wait()
        return given

    work = stages(
        read=lambda piece: meet(piece, piece, 2),
        forward=lambda pieces: meet(pieces, pieces[0], 1),
        decode=lambda numbers: meet(numbers, numbers[0], 0),
    )

    assert list(staged([[0], [1], [2]], work, ROOM)) == [[0], [1], [2]]


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_what_is_under_way_is_bounded(ahead: int) -> None:
    begun = 0
    most = 0

    def endless() -> Iterator[list[int]]:
        nonlocal begun
        while True:
            begun += 1
            yield [begun]

    results = staged(endless(), stages(), Room(readers=2, ahead=ahead))
    for taken, _ in zip(range(50), results, strict=False):
        most = max(most, begun - taken)
    results.close()

    assert most <= 2 * ahead + 2


@pytest.mark.parametrize("stage", ["read", "forward", "decode"])
@pytest.mark.parametrize("at", [0, 5, 11])
def test_an_error_of_any_stage_comes_out_and_ends_the_job(stage: str, at: int) -> None:
    done: list[object] = []

    def fail(given: int | list[int]) -> object:
        first = given[0] if isinstance(given, list) else given
        if first >= at:
            raise ValueError(f"{stage} of {first}")
        done.append(first)
        return given

    same = {name: lambda given: given for name in ("read", "forward", "decode")}
    results = staged([[number] for number in range(12)], stages(**{**same, stage: fail}), Room(1, 1, 2))

    with pytest.raises(ValueError, match=f"^{stage} of {at}$"):
        list(results)

    assert done == list(range(at))


def test_an_error_of_the_list_of_parts_comes_out() -> None:
    def some() -> Iterator[list[int]]:
        yield [1]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match=r"^the disk is gone$"):
        list(staged(some(), stages(), ROOM))


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_ctrl_c_in_the_owner_of_the_device_ends_every_thread(interrupt: type[BaseException]) -> None:
    begun: list[int] = []

    def read(piece: int) -> int:
        begun.append(piece)
        time.sleep(0.01)
        return piece

    def forward(pieces: list[int]) -> list[int]:
        raise interrupt

    with pytest.raises(interrupt):
        list(staged([[n] for n in range(100)], stages(read=read, forward=forward), Room(1, 1, 2)))

    assert len(begun) <= 4
    assert ours() == []


def test_a_ctrl_c_while_the_owner_of_the_device_waits_for_images_ends_every_thread() -> None:
    main = threading.main_thread().ident
    assert main is not None
    begun: list[int] = []

    def read(piece: int) -> int:
        begun.append(piece)
        if piece == 3:
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.05)
        return piece

    with pytest.raises(KeyboardInterrupt):
        list(staged([[n] for n in range(10_000)], stages(read=read), Room(1, 1, 2)))

    assert len(begun) < 10_000
    assert ours() == []


def test_who_asks_for_no_more_results_ends_the_job() -> None:
    begun: list[int] = []

    def read(piece: int) -> int:
        begun.append(piece)
        return piece

    results = staged([[n] for n in range(100)], stages(read=read), ROOM)
    assert next(results) == [1]
    results.close()

    assert len(begun) < 10


@pytest.mark.parametrize(
    ("count", "part", "piece", "wanted"),
    [
        pytest.param(0, 8, 2, [], id="no images"),
        pytest.param(1, 8, 2, [[(0, 1)]], id="one"),
        pytest.param(6, 8, 2, [[(0, 2)], [(2, 4)], [(4, 6)]], id="a small job in pieces"),
        pytest.param(
            8, 8, 1, [[(0, 1), (1, 2)], [(2, 3), (3, 4)], [(4, 5), (5, 6)], [(6, 7), (7, 8)]], id="four"
        ),
        pytest.param(7, 2, 32, [[(0, 2)], [(2, 4)], [(4, 6)], [(6, 7)]], id="parts smaller than a piece"),
        pytest.param(5, 1, 32, [[(n, n + 1)] for n in range(5)], id="one by one"),
    ],
)
def test_how_a_job_is_cut(count: int, part: int, piece: int, wanted: list[list[tuple[int, int]]]) -> None:
    found = [[(at.start, at.stop) for at in pieces] for pieces in cut(count, part, piece)]

    assert found == wanted


@pytest.mark.parametrize("count", [1, 31, 256, 1000, 40_001])
@pytest.mark.parametrize("part", [1, 33, 1024, 8192])
def test_every_image_is_in_one_piece_and_no_part_is_too_large(count: int, part: int) -> None:
    found = list(cut(count, part, 32))

    assert [n for pieces in found for at in pieces for n in range(at.start, at.stop)] == list(range(count))
    assert max(pieces[-1].stop - pieces[0].start for pieces in found) <= part
    assert max(at.stop - at.start for pieces in found for at in pieces) <= 32
