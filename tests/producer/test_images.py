"""What a directory holds: which files are images, which are skipped, and why."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from producer.errors import UsageError
from producer.images import FoundImage, Skipped, find_images
from worker.contract import AnswerError

Deny = Callable[[str, Path], None]  # fixture of conftest.py
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def found(directory: Path, leave_out: Path | None = None) -> list[FoundImage | Skipped]:
    return list(find_images(directory, leave_out))


def test_files_come_sorted_by_name_folder_by_folder(folder: Path) -> None:
    for name in ("b.png", "a/z.png", "a/b/c.png", "B.png", "a.png", "c/1.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PNG)

    files = [item.file for item in found(folder)]

    assert files == ["B.png", "a/b/c.png", "a/z.png", "a.png", "b.png", "c/1.png"]


KINDS = [
    ("a.png", PNG, FoundImage("a.png", 28), "an image by both"),
    ("a.JPEG", b"no image", FoundImage("a.JPEG", 8), "an image by its name, whatever it holds"),
    ("empty.png", b"", FoundImage("empty.png", 0), "even with nothing in it"),
    ("scan.tiff", b"II*\0", FoundImage("scan.tiff", 4), "a format that is answered unsupported_format"),
    ("2b827", PNG, FoundImage("2b827", 28), "an image by its content alone"),
    ("photo.txt", PNG, FoundImage("photo.txt", 28), "under any name"),
    ("empty", b"", Skipped("empty", "empty, and not named like an image"), "nothing says image"),
    ("labels.csv", b"a,b\n", Skipped("labels.csv", "not an image"), "neither name nor content"),
    (".hidden.png", PNG, FoundImage(".hidden.png", 28), "a hidden file is a file"),
    (".png", PNG, FoundImage(".png", 28), "an extension alone is no extension, but the content tells"),
    ("a\n'\" b.png", PNG, FoundImage("a\n'\" b.png", 28), "a name with all that shells dislike"),
    ("caf\udce9.png", PNG, FoundImage("caf\udce9.png", 28), "a name that is no UTF-8"),
]


@pytest.mark.parametrize(("name", "content", "expected", "reason"), KINDS, ids=[r for *_, r in KINDS])
def test_a_file_is_an_image_if_its_name_or_its_content_says_so(
    name: str, content: bytes, expected: FoundImage | Skipped, reason: str, folder: Path
) -> None:
    (folder / name).write_bytes(content)

    assert found(folder) == [expected]


LINKS: list[tuple[str, str, FoundImage | Skipped, str]] = [
    ("link.png", "real.png", FoundImage("link.png", 28), "to an image beside it"),
    ("link", "real.png", FoundImage("link", 28), "to an image, under another kind of name"),
    ("link", "notes.txt", Skipped("link", "not an image"), "to something else"),
    (
        "link.png",
        "../outside.png",
        FoundImage(
            "link.png",
            0,
            AnswerError("symlink_outside", "the link leads to '../outside.png', out of the directory"),
        ),
        "out of the directory, named like an image",
    ),
    (
        "link",
        "../outside.png",
        Skipped("link", "link that leads out of the directory"),
        "out of the directory, named like anything",
    ),
    (
        "link.png",
        "gone.png",
        FoundImage("link.png", 0, AnswerError("vanished", "the link leads to a file that is not there")),
        "to nothing, named like an image",
    ),
    ("link", "gone", Skipped("link", "link to a file that is not there"), "to nothing"),
    (
        "link.png",
        "link.png",
        FoundImage(
            "link.png",
            0,
            AnswerError("corrupt", "the file cannot be read: Too many levels of symbolic links"),
        ),
        "to itself, named like an image",
    ),
    ("link", "link", Skipped("link", "cannot be looked at: Too many levels of symbolic links"), "to itself"),
    ("link", "sub", Skipped("link", "link to a folder"), "to a folder, which is not followed"),
    ("link.png", "sub", Skipped("link.png", "link to a folder"), "to a folder, named like an image"),
    ("link", ".", Skipped("link", "link to a folder"), "to the directory itself"),
    ("link", "..", Skipped("link", "link that leads out of the directory"), "to the folder above"),
    (
        "link",
        "../elsewhere",
        Skipped("link", "link that leads out of the directory"),
        "to a folder elsewhere",
    ),
    ("link.png", "../imgs/real.png", FoundImage("link.png", 28), "out and back in"),
]


@pytest.mark.parametrize(("name", "target", "expected", "reason"), LINKS, ids=[r for *_, r in LINKS])
def test_a_link_is_what_it_leads_to(
    name: str, target: str, expected: FoundImage | Skipped, reason: str, folder: Path
) -> None:
    (folder / "real.png").write_bytes(PNG)
    (folder / "notes.txt").write_bytes(b"text")
    (folder / "sub").mkdir()
    (folder / name).symlink_to(target)

    assert [item for item in found(folder) if item.file == name] == [expected]


def test_a_directory_that_is_a_link_is_its_target(folder: Path, tmp_path: Path) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "b.png").symlink_to("a.png")
    link = tmp_path / "link"
    link.symlink_to(folder)

    assert found(link) == [FoundImage("a.png", 28), FoundImage("b.png", 28)]


def test_a_pipe_is_no_file(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")

    assert found(folder) == [Skipped("pipe.png", "not a regular file")]


def test_the_run_folder_is_left_out(folder: Path) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "runs" / "1").mkdir(parents=True)
    (folder / "runs" / "1" / "manifest.jsonl").write_bytes(b"{}")
    (folder / "runs" / "note.txt").write_bytes(b"kept")

    assert [item.file for item in found(folder, folder / "runs" / "1")] == ["a.png", "runs/note.txt"]


def test_folders_may_nest_deeper_than_calls(folder: Path) -> None:
    depth, here = 1100, os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("a.png", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)

    try:
        assert found(folder) == [FoundImage("d/" * depth + "a.png", 0)]
    finally:
        # Python's own rmtree, which empties pytest's temporary folder, does not go that deep.
        subprocess.run(["rm", "-rf", str(folder / "d")], check=True)


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_directory_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(UsageError) as caught:
        found(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name} is not a directory; name a folder of images"


def test_a_directory_that_cannot_be_listed_is_refused(folder: Path, deny: Deny) -> None:
    deny("scandir", folder)

    with pytest.raises(UsageError) as caught:
        found(folder)
    assert str(caught.value) == f"{folder} cannot be listed: Permission denied"


def test_a_folder_that_cannot_be_listed_is_skipped(folder: Path, deny: Deny) -> None:
    (folder / "sub").mkdir()
    (folder / "a.png").write_bytes(PNG)
    deny("scandir", folder / "sub")

    assert found(folder) == [
        FoundImage("a.png", 28),
        Skipped("sub", "folder cannot be listed: Permission denied"),
    ]


def test_files_that_may_not_be_looked_at_have_their_reason(folder: Path, deny: Deny) -> None:
    (folder / "a.png").write_bytes(PNG)
    (folder / "b").write_bytes(PNG)
    deny("lstat", folder / "a.png")
    denied = AnswerError("permission_denied", "the file may not be read: Permission denied")
    assert found(folder)[0] == FoundImage("a.png", 0, denied)

    deny("lstat", folder / "b")
    assert found(folder)[1] == Skipped("b", "cannot be looked at: Permission denied")


def test_a_file_that_may_not_be_opened_is_skipped_unless_its_name_says_image(
    folder: Path, deny: Deny
) -> None:
    (folder / "b").write_bytes(PNG)
    deny("open", folder / "b")

    assert found(folder) == [Skipped("b", "cannot be read: Permission denied")]


def test_a_link_of_bytes_that_are_no_utf8_is_shown_in_ascii(folder: Path) -> None:
    (folder / "link.png").symlink_to("../caf\udce9.png")
    (folder.parent / "caf\udce9.png").write_bytes(PNG)

    (item,) = found(folder)

    assert isinstance(item, FoundImage)
    assert item.error is not None
    assert item.error.message == "the link leads to '../caf\\\\xe9.png', out of the directory"


def test_only_what_the_name_leaves_open_is_read(folder: Path, deny: Deny) -> None:
    (folder / "a.png").write_bytes(PNG)
    deny("open", folder / "a.png")

    assert found(folder) == [FoundImage("a.png", 28)]
