"""Sorting more texts than the memory shall hold, and folders and lists of that many names."""

from __future__ import annotations

import os
import tempfile
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer import images
from producer.errors import UsageError
from producer.external_sort import ExternalSort
from producer.images import find_images, find_listed

# What separates and marks, what escapes, what is no UTF-8, and what bytes would order otherwise.
TEXTS = st.lists(st.text(st.sampled_from('ab \0\n"\\/\udc80\udcff\ue000\U0001f600'), max_size=4))


def ordered(texts: list[str], in_memory: int, folder: Path | None = None) -> list[str]:
    with ExternalSort(folder, in_memory) as sort:
        for text in texts:
            sort.add(text)
        return list(sort.drain())


@given(TEXTS, st.integers(1, 9))
def test_texts_come_as_sorted_brings_them_whatever_fits_into_memory(texts: list[str], in_memory: int) -> None:
    assert ordered(texts, in_memory) == sorted(texts)


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 5000])
def test_around_the_limit_of_the_memory_nothing_is_lost(count: int, tmp_path: Path) -> None:
    texts = [f"{number * 7919 % 10_007}.png" for number in range(count)]

    assert ordered(texts, 1000, tmp_path) == sorted(texts)


def test_memory_holds_a_few_of_many() -> None:
    def names(count: int) -> list[str]:
        return [f"{number * 7919 % 1_000_003:060}.png" for number in range(count)]

    tracemalloc.start()
    try:
        sort = ExternalSort(in_memory=1000)
        for number in range(40_000):
            sort.add(f"{number * 7919 % 1_000_003:060}.png")
        drained = sum(1 for _ in sort.drain())
        _, few = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        held = names(40_000)
        _, all_of_them = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert drained == len(held)
    assert few < all_of_them / 2  # with 256 of each of 40 runs


@pytest.mark.parametrize("ends", ["drained", "closed", "drain closed", "failed"])
def test_no_file_lies_beside_the_texts_and_none_stays_open(ends: str, tmp_path: Path) -> None:
    before = os.listdir("/dev/fd")
    sort = ExternalSort(tmp_path, in_memory=2)
    for text in "edcba":
        sort.add(text)
    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/dev/fd")) == len(before) + 1

    if ends == "drained":
        list(sort.drain())
    elif ends == "closed":
        sort.close()
    elif ends == "drain closed":
        drain = sort.drain()
        assert next(drain) == "a"
        drain.close()
    else:
        with pytest.raises(KeyboardInterrupt), sort:
            raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/dev/fd")) == len(before)


def test_few_texts_take_no_file(tmp_path: Path) -> None:
    assert ordered(["b", "a"], 2, tmp_path / "is not there") == ["a", "b"]


@pytest.mark.parametrize(
    ("folder", "why"), [("gone", "No such file or directory"), ("full", "No space left on device")]
)
def test_a_disk_that_takes_no_names_is_told(
    folder: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if folder == "full":
        full = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115 - the sort closes it
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)

    with pytest.raises(UsageError) as caught:
        ordered(["a", "b", "c"], 2, tmp_path / folder)
    assert str(caught.value) == (
        f"names are sorted on the disk where there are more than 2, and {tmp_path / folder} "
        f"cannot be written: {why}; make room there"
    )


def test_a_folder_of_more_names_than_memory_holds_is_listed_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["b.png", "B.png", "a.png", "a-.png", "caf\udce9.png", "caf\ue000.png", "z\n.png", "a b.png"]
    for folder in ("", "a", "a/deep", "é", "z"):
        (tmp_path / "imgs" / folder).mkdir(exist_ok=True, parents=True)
        for name in names:
            (tmp_path / "imgs" / folder / name).write_bytes(b"x")
    run = tmp_path / "imgs" / "run"
    run.mkdir()
    (run / "hidden.png").write_bytes(b"x")
    in_memory = list(find_images(tmp_path / "imgs", run))

    monkeypatch.setattr(images, "ExternalSort", partial(ExternalSort, in_memory=3))

    assert list(find_images(tmp_path / "imgs", run)) == in_memory
    assert len(in_memory) == 5 * len(names)


def test_names_that_the_disk_does_not_take_end_the_scan_and_hide_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imgs" / "sub").mkdir(parents=True)
    for name in "abc":
        (tmp_path / "imgs" / "sub" / f"{name}.png").write_bytes(b"x")
    monkeypatch.setattr(images, "ExternalSort", partial(ExternalSort, in_memory=2))

    with pytest.raises(UsageError, match=r"^names are sorted on the disk .* No such file or directory"):
        list(find_images(tmp_path / "imgs", tmp_path / "gone"))


def test_a_scan_that_is_given_up_leaves_no_file_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    for folder in ("", "sub"):
        for name in "abcde":
            (tmp_path / folder / f"{name}.png").write_bytes(b"x")
    monkeypatch.setattr(images, "ExternalSort", partial(ExternalSort, in_memory=2))
    before = os.listdir("/dev/fd")

    scan = find_images(tmp_path)
    assert [next(scan).file for _ in range(6)][-1] == "sub/a.png"
    assert len(os.listdir("/dev/fd")) == len(before) + 2
    scan.close()

    assert len(os.listdir("/dev/fd")) == len(before)


def test_of_a_long_list_the_first_name_that_stands_twice_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "ExternalSort", partial(ExternalSort, in_memory=2))
    distinct = ["z.png", "y.png", "x.png", "b.png", "a.png", "c.png"]
    assert len(list(find_listed(tmp_path, distinct))) == 6

    with pytest.raises(UsageError) as caught:
        list(find_listed(tmp_path, [*distinct, "./y.png", "a.png", "y.png"]))
    assert str(caught.value) == "the list names './y.png' twice; name every file once"
