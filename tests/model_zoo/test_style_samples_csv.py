"""Labels from a CSV file: which row is whose, and what is said of the others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from labelled import TEXTS, left_out, write_images

from model_zoo.errors import DataError
from model_zoo.style.samples import problems_in_words, read_samples
from producer.labels import read_labels

ROWS = tuple((f"i{number:02}.png", text) for number, text in enumerate(TEXTS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty images whose names say nothing of what they show."""
    return write_images(tmp_path / "imgs", [name for name, _ in ROWS])


def table(
    folder: Path, rows: Iterable[tuple[str, str]] = ROWS, *, header: str = "", separator: str = ","
) -> Path:
    """A CSV file beside the folder."""
    path = folder.parent / "truth.csv"
    lines = [*([header] if header else []), *(separator.join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "separator"),
    [("", ","), ("file,label", ","), ("file;label", ";"), ("\ufefffile\tlabel", "\t"), ("\ufeff", ";")],
    ids=["no header", "header", "semicolons", "byte order mark and tabs", "byte order mark alone"],
)
def test_every_kind_of_table_gives_the_labels(folder: Path, header: str, separator: str) -> None:
    path = table(folder, header=header, separator=separator)
    if header == "\ufeff":
        path.write_text(path.read_text(encoding="utf-8").replace("\ufeff\n", "\ufeff"), encoding="utf-8")

    samples = read_samples(folder, path)

    assert {file.path.name: file.label for file in samples.files} == dict(ROWS)
    assert samples.unusable == ()


def test_a_table_means_the_same_as_for_a_job(folder: Path) -> None:
    rows = [(f"./{name}", text) for name, text in ROWS[:35]] + [("i35.png", ""), ("x/../i36.png", "00a")]
    path = table(folder, rows, header="path,text")

    samples = read_samples(folder, path)

    assert {file.path.name: file.label for file in samples.files} == read_labels(path).labels


def test_files_in_folders_are_named_with_them(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "imgs", [f"{number % 2}/a.{number}.png" for number in range(40)])
    rows = [(f"{number % 2}/a.{number}.png", text) for number, text in enumerate(TEXTS)]
    assert len(read_samples(folder, table(folder, rows)).files) == 40


def test_rows_and_images_that_do_not_meet_are_named(folder: Path) -> None:
    (folder / "notes.txt").write_text("no image")
    rows = [*ROWS[:35], ("i35.png", ""), ("lost.png", "1a"), ("notes.txt", "1b"), ("../i00.png", "1")]

    samples = read_samples(folder, table(folder, rows))

    assert len(samples.files) == 35
    assert left_out(samples) == [
        ("../i00.png", "1", "not_in_folder", "named in line 39 of truth.csv"),
        *((f"i{number}.png", "", "no_label", "truth.csv has no label for it") for number in range(35, 40)),
        ("lost.png", "1a", "not_in_folder", "named in line 37 of truth.csv"),
        ("notes.txt", "1b", "not_in_folder", "named in line 38 of truth.csv"),
    ]
    assert problems_in_words(samples) == [
        "5 images have no label:",
        *(f"  i{number}.png: truth.csv has no label for it" for number in range(35, 40)),
        "3 rows of the CSV file name no image of the folder:",
        "  ../i00.png: named in line 39 of truth.csv",
        "  lost.png: named in line 37 of truth.csv",
        "  notes.txt: named in line 38 of truth.csv",
    ]


def test_a_file_with_two_labels_is_named_with_both(folder: Path) -> None:
    rows = [*ROWS, ("i00.png", TEXTS[0]), ("./i01.png", "1b"), ("i01.png", "1a")]

    samples = read_samples(folder, table(folder, rows, header="file,label"))

    assert left_out(samples) == [
        ("i01.png", "103a", "two_labels", "truth.csv gives it '103a' in line 3 and '1b' in line 43")
    ]
    assert problems_in_words(samples)[0] == "1 image has two labels in the CSV file:"


def test_a_file_without_end_in_a_table_is_shown_in_part(folder: Path) -> None:
    samples = read_samples(folder, table(folder, [*ROWS[:39], ("i39.png", "0a" * 5000)]))
    reason = f"its label '{'0a' * 20}...' has 10,000 characters, the most are 32"
    assert [row[3] for row in left_out(samples)] == [reason]


def test_some_of_many_images_may_be_labelled(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "imgs", [f"i{number:02}.png" for number in range(90)])
    assert len(read_samples(folder, table(folder)).files) == 40


REFUSED = [
    (
        [("imgs/i00.png", "abc")],
        "no row of '{path}' names one of the 40 images in '{folder}' (it names 'imgs/i00.png', say); file "
        "names must be relative to the folder; a header calls the columns file, filename, path or image, and "
        "label or text; without such a header they are the first two",
        "another folder's names",
    ),
    (
        [("id", "image", "solution"), ("1", "i00.png", "abc")],
        "no row of '{path}' names one of the 40 images in '{folder}' (it names 'id', say); file names must "
        "be relative to the folder; a header calls the columns file, filename, path or image, and label or "
        "text; without such a header they are the first two",
        "columns that are not known",
    ),
    (
        [("i00.png", "")],
        "'{path}' has no label at all; expected a row an image: a file name and a label",
        "no label",
    ),
    (
        [("i00.png",)],
        "{path}, line 1 has 1 column, expected at least 2: a file name and a label, separated by a comma, a "
        "semicolon or a tab",
        "one column",
    ),
    (
        ROWS[:3],
        "data folder '{folder}' has 0 usable labelled images, expected at least 30; add labelled images; "
        "left out are i00.png (no other usable image has '0'), i01.png (no other usable image has '1'), "
        "i02.png (no other usable image has '2')",
        "three rows",
    ),
]


@pytest.mark.parametrize(("rows", "message", "reason"), REFUSED, ids=[row[-1] for row in REFUSED])
def test_a_table_that_cannot_be_used_is_refused_in_a_sentence(
    folder: Path, rows: Iterable[tuple[str, str]], message: str, reason: str
) -> None:
    path = table(folder, rows)
    with pytest.raises(DataError) as caught:
        read_samples(folder, path)
    assert str(caught.value) == message.format(path=path, folder=folder)


def test_a_table_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_samples(folder, folder / "lost.csv")
    assert str(caught.value) == (
        f"labels '{folder / 'lost.csv'}' cannot be read (No such file or directory); give the path of "
        "a CSV file"
    )


def test_a_table_in_which_most_rows_are_wrong_names_itself(folder: Path) -> None:
    rows = [(name, text if number < 19 else "a b") for number, (name, text) in enumerate(ROWS)]
    with pytest.raises(DataError) as caught:
        read_samples(folder, table(folder, rows))
    spaced = "(its label has a space, which is no visible character)"
    assert str(caught.value).endswith(
        "cannot be used, expected at most half of them; mend or remove them, and check the labels in "
        f"'truth.csv'; the first are i19.png {spaced}, i20.png {spaced}, i21.png {spaced} and 18 more"
    )
