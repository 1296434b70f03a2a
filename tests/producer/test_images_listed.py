"""`--from-list`: which names a list may hold, and how it may be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from producer.errors import UsageError
from producer.images import FoundImage, Skipped, find_listed
from producer.name_list import read_list
from worker.contract import AnswerError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with an image, a text and a folder; another image lies outside."""
    (tmp_path / "outside.png").write_bytes(PNG)
    directory = tmp_path / "imgs"
    (directory / "sub").mkdir(parents=True)
    (directory / "a.png").write_bytes(PNG)
    (directory / "sub" / "b.png").write_bytes(PNG)
    (directory / "notes.txt").write_bytes(b"text")
    return directory


def listed(directory: Path, *names: str) -> list[FoundImage | Skipped]:
    return list(find_listed(directory, iter(names)))


def test_listed_files_come_in_the_order_of_the_list(folder: Path) -> None:
    assert listed(folder, "sub/b.png", "notes.txt", "a.png") == [
        FoundImage("sub/b.png", 28),
        Skipped("notes.txt", "not an image"),
        FoundImage("a.png", 28),
    ]


NAMES = [
    ("./a.png", "a.png", "a dot in front, as find prints it"),
    ("sub/../a.png", "a.png", "a detour"),
    ("sub//b.png", "sub/b.png", "two slashes"),
    ("../imgs/a.png", "a.png", "out and back in"),
]


@pytest.mark.parametrize(("name", "file", "reason"), NAMES, ids=[reason for *_, reason in NAMES])
def test_a_file_may_be_named_in_other_words(name: str, file: str, reason: str, folder: Path) -> None:
    assert listed(folder, name) == [FoundImage(file, 28)]


def test_names_may_be_absolute_below_the_directory(folder: Path) -> None:
    assert listed(folder, str(folder / "sub" / "b.png")) == [FoundImage("sub/b.png", 28)]


def test_absolute_names_may_go_through_a_link_to_the_directory(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)

    for name in (tmp_path / "link" / "a.png", folder / "a.png"):
        assert listed(tmp_path / "link", str(name)) == [FoundImage("a.png", 28)]


def test_a_listed_file_that_is_not_there_is_answered_vanished(folder: Path) -> None:
    error = AnswerError("vanished", "the list names this file, but it is not there")

    assert listed(folder, "gone.png", "gone.txt") == [
        FoundImage("gone.png", 0, error),
        FoundImage("gone.txt", 0, error),
    ]


def test_a_listed_folder_is_skipped(folder: Path) -> None:
    assert listed(folder, "sub", ".") == [Skipped("sub", "a folder"), Skipped(".", "a folder")]


def test_a_listed_link_out_of_the_directory_is_answered_so(folder: Path) -> None:
    (folder / "link.png").symlink_to("../outside.png")

    assert listed(folder, "link.png") == [
        FoundImage(
            "link.png",
            0,
            AnswerError("symlink_outside", "the link leads to '../outside.png', out of the directory"),
        )
    ]


def test_a_file_in_a_folder_that_leads_out_is_answered_so(folder: Path) -> None:
    (folder / "in").symlink_to("..")

    (item,) = listed(folder, "in/outside.png")

    outside = folder.parent / "outside.png"
    assert item == FoundImage(
        "in/outside.png",
        0,
        AnswerError("symlink_outside", f"the link leads to {str(outside)!r}, out of the directory"),
    )


@pytest.mark.parametrize("name", ["../outside.png", "..", "/etc/passwd", "sub/../../outside.png"])
def test_a_name_outside_the_directory_is_refused(name: str, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        listed(folder, "a.png", name)
    assert str(caught.value) == (f"the list names {name!r}, which is outside {folder}; list files below it")


def test_a_neighbour_whose_name_begins_alike_is_outside(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "imgs2").mkdir()

    with pytest.raises(UsageError, match=r"which is outside"):
        listed(folder, str(tmp_path / "imgs2" / "a.png"))


@pytest.mark.parametrize("again", ["a.png", "./a.png", "sub/../a.png"])
def test_a_name_that_stands_twice_is_refused(again: str, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        listed(folder, "a.png", again)
    assert str(caught.value) == f"the list names {again!r} twice; name every file once"


def test_what_is_no_directory_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        listed(folder / "a.png", "b.png")
    assert str(caught.value) == f"{folder / 'a.png'} is not a directory; name a folder of images"


LISTS = [
    (b"a.png\nb.png\n", ["a.png", "b.png"], "one a line"),
    (b"a.png\nb.png", ["a.png", "b.png"], "no newline at the end"),
    (b"a.png\r\nb.png\r\n", ["a.png", "b.png"], "written on Windows"),
    (b"\na.png\n\n\nb.png\n", ["a.png", "b.png"], "empty lines"),
    (b"", [], "nothing"),
    (b" a.png \n", [" a.png "], "blanks belong to the name"),
    (b"a\nb.png\0c.png\0", ["a\nb.png", "c.png"], "NUL bytes: newlines belong to the name"),
    (b"a.png\r\0b.png", ["a.png\r", "b.png"], "NUL bytes: carriage returns too"),
    (b"caf\xe9.png\n", ["caf\udce9.png"], "bytes that are no UTF-8"),
    ("café.png\n".encode(), ["café.png"], "and bytes that are"),
]


@pytest.mark.parametrize(("content", "names", "reason"), LISTS, ids=[reason for *_, reason in LISTS])
def test_a_list_is_read(content: bytes, names: list[str], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(content)

    assert list(read_list(str(path))) == names


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list"
    with pytest.raises(UsageError) as caught:
        list(read_list(str(path)))
    assert str(caught.value) == f"the list {path} cannot be read: No such file or directory"


LONG = b"".join(b"%060d.png\n" % number for number in range(5000))
BLOCK = 2**16


def test_a_list_is_read_in_blocks_and_no_name_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "list"
    for content, separator in ((LONG, b"\n"), (LONG.replace(b"\n", b"\0"), b"\0"), (LONG[:-1], b"\n")):
        path.write_bytes(content)
        assert len(content) > 4 * BLOCK
        assert list(read_list(str(path))) == content.decode().rstrip(separator.decode()).split(
            separator.decode()
        )


NO_LISTS = [
    (
        LONG + b"a.png\0b.png",
        "separates its first names by newlines and later ones by NUL bytes; separate all of them alike",
        "names now so, now so",
    ),
    (
        b"x" * (2 * BLOCK),
        "holds a name of more than 65,536 bytes, which is none; give one a line",
        "nothing that separates names",
    ),
]


@pytest.mark.parametrize(("content", "why", "reason"), NO_LISTS, ids=[reason for *_, reason in NO_LISTS])
def test_what_is_no_list_of_names_is_refused(content: bytes, why: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        list(read_list(str(path)))
    assert str(caught.value) == f"the list {path} {why}"


def test_a_hyphen_is_standard_input() -> None:
    script = "from producer.name_list import read_list; print(list(read_list('-')))"
    run = subprocess.run(
        [sys.executable, "-c", script], input=b"a.png\0b\n.png\0", capture_output=True, check=True
    )

    assert run.stdout == b"['a.png', 'b\\n.png']\n"
