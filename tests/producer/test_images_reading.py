"""An image is read when it is sent: what may have happened to its file since the scan."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from producer import image_files
from producer.image_files import read_image_file, read_image_files
from worker.contract import AnswerError

Deny = Callable[[str, Path], None]  # fixture of conftest.py
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def test_an_image_is_read_as_it_is_now(folder: Path) -> None:
    (folder / "a.png").write_bytes(PNG)

    assert read_image_file(str(folder), "a.png", 28) == PNG


def test_reading_says_what_happened_since_the_scan(folder: Path, deny: Deny) -> None:
    root = str(folder)
    (folder / "empty.png").write_bytes(b"")
    (folder / "big.png").write_bytes(bytes(1001))
    (folder / "link.png").symlink_to("../outside.png")
    (folder / "denied.png").write_bytes(PNG)
    (folder / "became-a-folder.png").mkdir()
    os.mkfifo(folder / "became-a-pipe.png")
    (folder / "in").symlink_to("../elsewhere")
    deny("open", folder / "denied.png")

    def read(file: str) -> AnswerError:
        answer = read_image_file(root, file, 1000)
        assert isinstance(answer, AnswerError)
        return answer

    assert read("gone.png") == AnswerError("vanished", "the file was listed, but is no longer there")
    assert read("empty.png") == AnswerError("empty_file", "the file has no bytes")
    assert read("big.png") == AnswerError("too_many_bytes", "the file has more than 1,000 bytes, the limit")
    assert read("link.png") == AnswerError(
        "symlink_outside", "the link leads to '../outside.png', out of the directory"
    )
    assert read("denied.png") == AnswerError(
        "permission_denied", "the file may not be read: Permission denied"
    )
    assert read("became-a-folder.png") == AnswerError("corrupt", "the file cannot be read: Is a directory")
    assert read("became-a-pipe.png") == AnswerError("not_an_image", "the file is no regular file any more")
    outside = folder.parent / "elsewhere" / "a.png"
    assert read("in/a.png") == AnswerError(
        "symlink_outside", f"the link leads to {str(outside)!r}, out of the directory"
    )


def test_a_link_to_a_file_inside_is_followed(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.png").write_bytes(PNG)
    (folder / "link.png").symlink_to("sub/a.png")
    (folder / "again.png").symlink_to("link.png")
    (folder / "gone.png").symlink_to("sub/b.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "in").symlink_to("sub")

    for file in ("link.png", "again.png", "in/a.png"):
        assert read_image_file(str(folder), file, 28) == PNG
    gone = AnswerError("vanished", "the file was listed, but is no longer there")
    assert read_image_file(str(folder), "gone.png", 28) == gone
    loop = read_image_file(str(folder), "loop.png", 28)
    assert isinstance(loop, AnswerError)
    assert loop.code == "corrupt"


def test_a_link_in_a_folder_outside_may_lead_back(folder: Path) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "in").symlink_to("../elsewhere")
    (folder.parent / "elsewhere" / "back.png").symlink_to(folder / "a.png")

    assert read_image_file(str(folder), "in/back.png", 28) == PNG


@pytest.mark.parametrize("said", [0, 1, 998, 999, 1000, 1001, 1002, 5000])
@pytest.mark.parametrize("limit", [1, 500, 999, 1000, 1001, 5000])
def test_a_file_that_is_not_as_long_as_it_said_is_read_to_its_end(
    said: int, limit: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(n % 251 for n in range(1000))
    (folder / "a.png").write_bytes(content)
    fstat = os.fstat

    def claimed(descriptor: int) -> os.stat_result:
        real = list(fstat(descriptor))
        real[stat.ST_SIZE] = said
        return os.stat_result(real)

    monkeypatch.setattr(os, "fstat", claimed)
    monkeypatch.setattr(image_files, "_PART", 300)
    too_large = AnswerError("too_many_bytes", f"the file has more than {limit:,} bytes, the limit")
    assert read_image_file(str(folder), "a.png", limit) == (content if limit >= 1000 else too_large)


def test_reading_leaves_no_file_open(folder: Path) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "b.png").mkdir()
    before = os.listdir("/dev/fd")
    for file in ("a.png", "b.png", "gone.png"):
        read_image_file(str(folder), file, 28)

    assert os.listdir("/dev/fd") == before


def test_the_disk_is_asked_for_many_files_before_the_first_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (folder / f"{number}.png").write_bytes(PNG + bytes([number]))
    (folder / "3.png").unlink()
    os.mkfifo(folder / "3.png")
    (folder / "4.png").unlink()
    calls: list[str] = []
    read = os.read

    def asked(descriptor: int, offset: int, length: int, advice: int) -> None:
        calls.append("ask")
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            raise OSError(29, "Illegal seek")

    def noted(descriptor: int, length: int) -> bytes:
        calls.append("read")
        return read(descriptor, length)

    monkeypatch.setattr(os, "posix_fadvise", asked, raising=False)
    monkeypatch.setattr(os, "POSIX_FADV_WILLNEED", 3, raising=False)
    monkeypatch.setattr(os, "read", noted)
    monkeypatch.setattr(image_files, "OPEN_AT_ONCE", 2)
    before = os.listdir("/dev/fd")

    contents = read_image_files(str(folder), [f"{number}.png" for number in range(5)], 29)

    assert contents == [
        *(PNG + bytes([number]) for number in range(3)),
        AnswerError("not_an_image", "the file is no regular file any more"),
        AnswerError("vanished", "the file was listed, but is no longer there"),
    ]
    assert calls == ["ask", "ask", "read", "read", "ask", "ask", "read"]
    assert os.listdir("/dev/fd") == before


def test_where_the_system_takes_no_advice_files_are_read_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.png").write_bytes(PNG)
    monkeypatch.delattr(os, "posix_fadvise", raising=False)

    assert read_image_files(str(folder), ["a.png"], 28) == [PNG]


def test_a_folder_that_became_a_link_is_noticed_with_the_next_batch(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.png").write_bytes(PNG)
    assert read_image_file(str(folder), "sub/a.png", 28) == PNG

    (folder / "sub").rename(folder / "old")
    (folder / "sub").symlink_to("../elsewhere")

    answer = read_image_file(str(folder), "sub/a.png", 28)
    assert isinstance(answer, AnswerError)
    assert answer.code == "symlink_outside"
