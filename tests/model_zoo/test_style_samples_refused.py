"""Folders that nothing can be learned from, each with the sentence that says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labelled import STEMS, noise, write_images

from model_zoo.errors import DataError
from model_zoo.style.samples import read_samples


def refusal(data: Path, **options: Any) -> str:
    """Why the folder is refused."""
    with pytest.raises(DataError) as caught:
        read_samples(data, **options)
    return str(caught.value)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    lost, file, empty = tmp_path / "lost", tmp_path / "file", tmp_path / "empty"
    file.write_text("")
    empty.mkdir()
    assert refusal(lost) == f"data folder '{lost}' is not there; give a folder of labelled images"
    assert refusal(file) == f"data folder '{file}' is a file; give a folder of labelled images"
    assert refusal(empty) == (
        f"data folder '{empty}' holds no images; expected files named LABEL.png, or a CSV file of labels "
        "(--labels) and the images that it names"
    )


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_images(tmp_path / "imgs")

    def deny(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", deny)
    assert refusal(folder) == (
        f"folder '{folder}' cannot be listed (Permission denied); give this user the right to read it, or "
        "another folder"
    )


def _few(folder: Path) -> None:
    write_images(folder, STEMS[:29])


def _few_and_bad(folder: Path) -> None:
    write_images(folder, STEMS[:25])
    for number in range(5):
        (folder / f"{number}.png").write_bytes(b"")


def _one_and_its_copies(folder: Path) -> None:
    write_images(folder, ["11.png", "1.png"])
    for number in range(98):
        shutil.copy(folder / "11.png", folder / f"11_{number}.png")


def _mostly_bad(folder: Path) -> None:
    write_images(folder)
    for number in range(41):
        (folder / f"a{number}.png").write_bytes(b"")


def _mostly_in_conflict(folder: Path) -> None:
    write_images(folder, [f"{('ab', 'ba')[number % 2]}_{number:02}.png" for number in range(30)])
    for number in range(0, 30, 2):
        shutil.copy(folder / f"ab_{number:02}.png", folder / f"bb_{number:02}.png")


def _one_label(folder: Path) -> None:
    write_images(folder, [f"abc_{number}.png" for number in range(40)])


def _one_label_and_a_stranger(folder: Path) -> None:
    _one_label(folder)
    write_images(folder, ["xyz.png"])


def _one_character(folder: Path) -> None:
    for number in range(40):
        name = f"{'a' * (1 + number % 4)}_{number}.png"
        folder.mkdir(exist_ok=True)
        noise(name).save(folder / name)


EMPTY = "(the file is empty; expected an image)"
BY_NAME = (
    "is what stands before the first underscore of a file's name, or in a table: give --labels FILE.csv, or "
    "other names"
)
ELSEWHERE = "(the same image has another label elsewhere)"
REFUSED: list[tuple[str, Callable[[Path], None], str]] = [
    (
        "29 images",
        _few,
        "data folder {folder} has 29 usable labelled images, expected at least 30; add labelled images",
    ),
    (
        "30 files, five of them empty",
        _few_and_bad,
        "data folder {folder} has 25 usable labelled images, expected at least 30; add labelled images; left "
        f"out are 0.png {EMPTY}, 1.png {EMPTY}, 2.png {EMPTY} and 2 more",
    ),
    (
        "copies are no more images",
        _one_and_its_copies,
        "data folder {folder} has 2 usable labelled images (and 98 files of the same bytes), expected at "
        "least 30; add labelled images",
    ),
    (
        "more than half are empty",
        _mostly_bad,
        "41 of 81 labelled images in data folder {folder} cannot be used, expected at most half of them; "
        f"mend or remove them, and check the labels in the file names; the first are a0.png {EMPTY}, "
        f"a1.png {EMPTY}, a10.png {EMPTY} and 38 more",
    ),
    (
        "two labels for half of the images, which makes more than half of the files",
        _mostly_in_conflict,
        "30 of 45 labelled images in data folder {folder} cannot be used, expected at most half of them; "
        f"mend or remove them, and check the labels in the file names; the first are ab_00.png {ELSEWHERE}, "
        f"ab_02.png {ELSEWHERE}, ab_04.png {ELSEWHERE} and 27 more",
    ),
    (
        "one label",
        _one_label,
        "all 40 usable images in data folder {folder} have the label 'abc' alone, expected several; a "
        f"label {BY_NAME}",
    ),
    (
        "one label, and another whose characters are rare",
        _one_label_and_a_stranger,
        "all 40 usable images in data folder {folder} have the label 'abc' alone, expected several; a "
        f"label {BY_NAME}; left out are xyz.png (no other usable image has 'x')",
    ),
    (
        "one character",
        _one_character,
        "all 40 usable images in data folder {folder} have the character 'a' alone, expected several; add "
        "images of other texts",
    ),
]


@pytest.mark.parametrize(("make", "message"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_what_cannot_be_learned_from_is_refused_in_a_sentence(
    make: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    make(tmp_path / "imgs")
    assert refusal(tmp_path / "imgs") == message.format(folder=repr(str(tmp_path / "imgs")))


def test_half_of_the_images_may_be_unusable(tmp_path: Path) -> None:
    _mostly_bad(tmp_path / "imgs")
    (tmp_path / "imgs/a0.png").unlink()
    assert len(read_samples(tmp_path / "imgs").unusable) == 40


def test_thirty_images_of_two_labels_are_enough(tmp_path: Path) -> None:
    write_images(tmp_path / "imgs", [f"{'ab'[number % 2]}_{number}.png" for number in range(30)])
    assert read_samples(tmp_path / "imgs").charset == "ab"
