"""Which image belongs to which part, and what a folder must look like."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from model_zoo.errors import DataError
from model_zoo.split import (
    PARTS,
    LabelledFile,
    check_lengths,
    data_hash,
    label_of,
    labelled_files,
    of_parts,
    part_name,
    write_list,
)


def labelled(label: str, sha256: str = "0") -> LabelledFile:
    return LabelledFile(Path(f"{label}.png"), label, sha256)


def test_the_ten_parts_are_shared_out_once() -> None:
    assert sorted(number for numbers in PARTS.values() for number in numbers) == list(range(10))


@pytest.mark.parametrize(
    ("last_digit", "part"),
    [(0, "test"), (2, "test"), (3, "validation"), (4, "train"), (9, "train")],
)
def test_the_part_is_the_hash_modulo_ten(last_digit: int, part: str) -> None:
    assert part_name(f"{10**70 + last_digit:x}") == part


def test_the_part_depends_on_the_bytes_and_not_on_the_name(tmp_path: Path) -> None:
    (tmp_path / "abc.png").write_bytes(b"pixels")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "xyz_2.PNG").write_bytes(b"pixels")

    first, second = labelled_files(tmp_path)

    assert (first.label, second.label) == ("abc", "xyz")
    assert first.part == second.part == part_name(hashlib.sha256(b"pixels").hexdigest())


def test_only_images_are_listed_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "notes.txt", "c.tiff"):
        (tmp_path / name).write_bytes(name.encode())

    assert [file.path.name for file in labelled_files(tmp_path)] == ["a.jpg", "b.png"]


@pytest.mark.parametrize(
    ("name", "label", "reason"),
    [
        ("3wnd3.png", "3wnd3", "the whole stem"),
        ("3wnd3_17.png", "3wnd3", "a number after it"),
        ("3wnd3_a_b.png", "3wnd3", "the first underscore counts"),
        ("3wnd3.old.png", "3wnd3.old", "only the last dot ends the stem"),
    ],
)
def test_the_label_is_the_stem_up_to_an_underscore(name: str, label: str, reason: str) -> None:
    assert label_of(Path(name)) == label


def test_a_name_without_a_label_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        label_of(Path("_1.png"))
    assert str(caught.value) == (
        "file '_1.png' has no label before its first underscore; rename it to LABEL.png"
    )


def test_a_missing_and_an_empty_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError) as missing:
        labelled_files(tmp_path / "none")
    with pytest.raises(DataError) as empty:
        labelled_files(tmp_path)

    assert str(missing.value) == (
        f"data folder {str(tmp_path / 'none')!r} is not there; give a folder of images named LABEL.png"
    )
    assert str(empty.value) == (
        f"data folder {str(tmp_path)!r} holds no images; expected files named LABEL.png"
    )


def test_an_empty_or_unknown_part_is_refused() -> None:
    with pytest.raises(DataError) as empty:
        of_parts([labelled("abc", "0")], ["validation", "train"])
    with pytest.raises(DataError) as unknown:
        of_parts([labelled("abc", "0")], ["tests"])

    assert str(empty.value) == (
        "no image falls into validation or train; add more images, about one in ten is validation"
    )
    assert str(unknown.value) == "part 'tests' is unknown; known are test, validation, train"


def test_a_label_of_rare_length_is_taken_for_a_misnamed_file() -> None:
    files = [*(labelled("abcde") for _ in range(40)), labelled("holiday2019")]

    with pytest.raises(DataError) as caught:
        check_lengths(files)
    assert str(caught.value) == (
        "label 'holiday2019' of 'holiday2019.png' has 11 characters, expected 5; "
        "rename the file, or say --length 5-11 if it is right"
    )
    assert check_lengths(files, (5, 11)) == (5, 11)


def test_lengths_that_all_occur_often_are_taken_as_they_are() -> None:
    assert check_lengths([labelled("abcd"), labelled("abcdef"), labelled("abcde")]) == (4, 6)


def test_a_length_outside_the_asked_range_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        check_lengths([labelled("abc")], (4, 6))
    assert str(caught.value) == (
        "label 'abc' of 'abc.png' has 3 characters, expected 4 to 6; "
        "rename the file, or say --length 3-3 if it is right"
    )


def test_the_hash_of_the_data_ignores_names_and_order() -> None:
    one, two = labelled("abc", "11"), labelled("xyz", "22")

    assert data_hash([one, two]) == data_hash([two, labelled("other", "11")])
    assert data_hash([one, two]) == hashlib.sha256(b"11\n22").hexdigest()
    assert data_hash([one]) != data_hash([one, one])


def test_a_list_holds_one_relative_path_a_line(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "abc def.png").write_bytes(b"1")
    (tmp_path / "aé.png").write_bytes(b"2")
    out = tmp_path / "list.txt"

    assert write_list(labelled_files(tmp_path), tmp_path, out) == 2
    assert out.read_bytes() == "aé.png\ndeep/abc def.png\n".encode()


def test_a_path_with_a_line_break_cannot_be_listed(tmp_path: Path) -> None:
    (tmp_path / "a\nb.png").write_bytes(b"1")

    with pytest.raises(DataError) as caught:
        write_list(labelled_files(tmp_path), tmp_path, tmp_path / "list.txt")
    assert str(caught.value) == ("path 'a\\nb.png' has a line break, which no list can hold; rename the file")


def test_a_list_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        write_list([], tmp_path, tmp_path / "none" / "list.txt")
    assert str(caught.value) == (
        f"list {str(tmp_path / 'none' / 'list.txt')!r} cannot be written (No such file or directory); "
        "give another path"
    )
