"""An image is read when it is sent: what may have happened to its file since the scan."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from producer.images import forget_folders, read_image_file
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


def test_a_folder_that_became_a_link_is_noticed_once_folders_are_looked_at_anew(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.png").write_bytes(PNG)
    assert read_image_file(str(folder), "sub/a.png", 28) == PNG

    (folder / "sub").rename(folder / "old")
    (folder / "sub").symlink_to("../elsewhere")
    forget_folders()

    answer = read_image_file(str(folder), "sub/a.png", 28)
    assert isinstance(answer, AnswerError)
    assert answer.code == "symlink_outside"
