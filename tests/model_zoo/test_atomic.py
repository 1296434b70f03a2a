"""Files written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_zoo.atomic import check_folder, write_whole
from model_zoo.errors import DataError


def test_a_link_stays_a_link_and_nothing_is_left_beside(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "card.json", tmp_path / "card.json"
    target.write_bytes(b"old")
    link.symlink_to(target)

    write_whole(link, b"new")

    assert (link.is_symlink(), target.read_bytes()) == (True, b"new")
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["card.json"]


def test_a_write_that_fails_leaves_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(b"old")
    (tmp_path / "card.json.part").mkdir()

    with pytest.raises(DataError) as caught:
        write_whole(path, b"new")

    assert str(caught.value) == (
        f"file {str(path)!r} cannot be written (Is a directory); make room, or give another place"
    )
    assert path.read_bytes() == b"old"


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")

    assert list((tmp_path / "a" / "b").iterdir()) == []
