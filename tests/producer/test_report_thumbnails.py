"""Which files a report shows as pictures: small ones, of known formats, from the directory of the images."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from producer.report.thumbnails import MAX_THUMBNAIL_BYTES, thumbnail

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
FILES = [
    ("a.png", PNG, True, "a picture"),
    ("a.txt", PNG, True, "content decides, not the name"),
    ("caf\udce9.png", PNG, True, "a name that is no UTF-8"),
    ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", False, "SVG can hold scripts"),
    ("a.png", b"root:x:0:0", False, "no picture"),
    ("a.png", b"", False, "nothing"),
    ("a.png", PNG + bytes(MAX_THUMBNAIL_BYTES), False, "too large"),
]


@pytest.mark.parametrize(("name", "content", "shown", "reason"), FILES, ids=[reason for *_, reason in FILES])
def test_only_small_pictures_are_shown(
    name: str, content: bytes, shown: bool, reason: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)

    assert (thumbnail(tmp_path, name) is not None) is shown


def test_no_picture_comes_from_outside_the_directory(tmp_path: Path) -> None:
    inside = tmp_path / "imgs"
    inside.mkdir()
    (tmp_path / "secret.png").write_bytes(PNG)
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    (inside / "folder.png").mkdir()
    os.mkfifo(inside / "pipe.png")

    names = (
        "../secret.png",
        str(tmp_path / "secret.png"),
        "link.png",
        "folder.png",
        "pipe.png",
        "gone.png",
        "a\0b",
    )
    assert [thumbnail(inside, name) for name in names] == [None] * len(names)
