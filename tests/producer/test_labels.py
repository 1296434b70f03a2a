"""Where labels come from, and what is said of labels that cannot be used."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from producer.errors import EXIT_USAGE
from producer.labels import LabelError, NoLabels, StemLabels, parse_labels_option, read_labels

STEMS = [
    ("2b827.png", "2b827", "the plain case"),
    ("sub/dir/2b827.png", "2b827", "directories do not count"),
    ("2b827_0017.png", "2b827", "what follows the underscore is a remark"),
    ("2b827_a_b.png", "2b827", "the first underscore ends the label"),
    ("a_b/2b827.png", "2b827", "an underscore of a directory does not count"),
    ("AbC.JPEG", "AbC", "case is kept"),
    ("v1.2.png", "v1.2", "only the last dot starts the extension"),
    ("2b827", "2b827", "a file without an extension"),
    ("straße.png", "straße", "labels may be Unicode"),
    ("e\u0301te\u0301.png", "\u00e9t\u00e9", "a name from macOS: letters and accents apart"),
    ("two words.png", "two words", "and have spaces"),
    ("caf\udce9.png", "caf\udce9", "a byte that is no UTF-8"),
    ("_0017.png", None, "nothing before the underscore"),
    (".png", None, "nothing before the extension"),
    ("", None, "no name at all"),
]


@pytest.mark.parametrize(("file", "label", "reason"), STEMS, ids=[reason for *_, reason in STEMS])
def test_the_label_is_the_stem_up_to_the_first_underscore(file: str, label: str | None, reason: str) -> None:
    assert StemLabels().label_of(file) == label


def test_the_option_names_a_source() -> None:
    assert parse_labels_option("stem") == StemLabels()
    assert parse_labels_option("none") == NoLabels()
    assert NoLabels().label_of("2b827.png") is None


TABLES = [
    (b"file,label\na.png,abc\n", "a header of the usual names"),
    (b"\xef\xbb\xbffile,label\r\na.png,abc\r\n", "a byte order mark and Windows line ends"),
    (b"Label,Index,FileName\nabc,7,a.png\n", "other columns, another order, another case"),
    (b"path,text\na.png,abc\n", "other names: path, text"),
    (b"image,label\na.png,abc\n", "other names: image"),
    (b"a.png,abc\n", "no header: the first two columns"),
    (b"a.png,abc,7,remark\n", "no header, more columns"),
    (b"file,solution\na.png,abc\n", "half a header is none"),
    (b"a.png,abc", "no newline at the end"),
    (b"\na.png,abc\n\n", "empty lines"),
    (b'"a.png","abc"\n', "quotes"),
    (b"a.png, abc\n", "a space after the comma"),
    (b"./a.png,abc\n", "the same file in other words"),
    (b"x/..//a.png,abc\n", "the same file in many words"),
    (b"a.png,abc\na.png,abc\n", "said twice"),
    (b"a.png,\na.png,abc\n", "an empty label says nothing"),
    (b"a.png;abc\n", "semicolons"),
    (b"\xef\xbb\xbffile;label\r\na.png; abc\r\n", "semicolons of a spreadsheet"),
    (b"file\tlabel\na.png\tabc\n", "tabs"),
]


@pytest.mark.parametrize(("content", "reason"), TABLES, ids=[reason for _, reason in TABLES])
def test_a_csv_file_gives_the_label_of_each_file(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)

    labels = parse_labels_option(str(path))

    assert labels.name == str(path)
    assert [labels.label_of(file) for file in ("a.png", "./a.png", "b.png")] == ["abc", "abc", None]


def test_a_quoted_cell_keeps_commas_newlines_and_spaces(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes('"a,\nb.png"," ä b "\n'.encode())

    assert read_labels(path).labels == {"a,\nb.png": " ä b "}


COMPOSED, APART = "\u00e9", "e\u0301"  # é as one code point, and as the two that macOS makes of it


@pytest.mark.parametrize("written", [COMPOSED, APART], ids=["NFC", "NFD"])
@pytest.mark.parametrize("file", [COMPOSED, APART], ids=["NFC file", "NFD file"])
def test_rows_and_files_meet_in_either_form_and_labels_are_composed(
    written: str, file: str, tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"file,label\n{written}.png,{written}1\n", encoding="utf-8")

    assert read_labels(path).label_of(f"{file}.png") == f"{COMPOSED}1"


def test_two_forms_of_one_label_do_not_contradict(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"a.png,{COMPOSED}\na.png,{APART}\n", encoding="utf-8")

    assert read_labels(path).labels == {"a.png": COMPOSED}


REFUSED = [
    (
        b"a.png,abc\nb.png\n",
        "{path}, line 2 has 1 column, expected at least 2: a file name and a label, separated by a comma",
        "one column",
    ),
    (
        b"a.png abc\n",
        "{path}, line 1 has 1 column, expected at least 2: a file name and a label, "
        "separated by a comma, a semicolon or a tab",
        "no separator",
    ),
    (
        b"a.png;abc\nb.png,abd\n",
        "{path}, line 2 has 1 column, expected at least 2: a file name and a label, separated by a semicolon",
        "another separator than in the first row",
    ),
    (
        b"file,id,label\n\na.png,7\n",
        "{path}, line 3 has 2 columns, expected at least 3: a file name and a label, separated by a comma",
        "a row shorter than the header",
    ),
    (
        b"file,label\na.png,abc\nb.png,x\n./a.png,abd\n",
        "{path} gives './a.png' two labels, 'abc' in line 2 and 'abd' in line 4; keep the right one",
        "two labels of one file",
    ),
    (
        "a.png,straße\n".encode("latin-1"),
        "{path} is not UTF-8 (byte 0xdf); save it as 'CSV UTF-8', or convert it: "
        "iconv -f WINDOWS-1252 -t UTF-8",
        "an old encoding",
    ),
    (
        "a.png,abc\n".encode("utf-16"),
        "{path} is not UTF-8 (byte 0xff); save it as 'CSV UTF-8', or convert it: "
        "iconv -f WINDOWS-1252 -t UTF-8",
        "what a spreadsheet calls Unicode",
    ),
    (
        b"a.png," + b"x" * 200_000,
        "{path}, line 1 is not CSV: field larger than field limit (131072)",
        "a field beyond all measure",
    ),
]


@pytest.mark.parametrize(("content", "message", "reason"), REFUSED, ids=[reason for *_, reason in REFUSED])
def test_a_csv_file_that_cannot_be_used_is_refused_in_one_sentence(
    content: bytes, message: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)

    with pytest.raises(LabelError) as caught:
        parse_labels_option(str(path))

    assert str(caught.value) == message.format(path=path)
    assert caught.value.exit_code == EXIT_USAGE


def test_the_separator_is_what_ends_the_first_cell(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"a.png;1,2\n")
    assert read_labels(path).labels == {"a.png": "1,2"}
    path.write_bytes(b"a.png,x;y\nb;c.png,z\n")
    assert read_labels(path).labels == {"a.png": "x;y", "b;c.png": "z"}
    path.write_bytes(b'"a,b;c.png"\tx,y;z\n')
    assert read_labels(path).labels == {"a,b;c.png": "x,y;z"}


def test_labels_may_come_through_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"a.png,abc\n",))
    writer.start()
    assert read_labels(path).labels == {"a.png": "abc"}
    writer.join()


def test_a_missing_file_is_refused_with_what_labels_may_be(tmp_path: Path) -> None:
    with pytest.raises(LabelError) as caught:
        parse_labels_option("stems")
    assert str(caught.value) == (
        "labels 'stems' cannot be read (No such file or directory); give stem, none or the path of a CSV file"
    )
    with pytest.raises(LabelError, match="Is a directory"):
        read_labels(tmp_path)


def test_a_csv_file_of_which_no_row_fits_is_worth_a_note(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"imgs/a.png,abc\nimgs/b.png,abd\n")
    labels = read_labels(path)

    assert labels.note(images=2, labelled=0) == (
        f"no row of {path} names one of the 2 images (it names 'imgs/a.png', say), so nothing was measured; "
        "file names must be relative to the directory of the images; a header calls the columns file, "
        "filename, path or image, and label or text; without such a header they are the first two"
    )
    assert labels.note(2, 1) == f"{path} has a label for 1 of 2 images; the others are not measured"
    assert labels.note(2, 2) is None


def test_a_csv_file_without_labels_is_worth_a_note(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"file,label\n")

    assert read_labels(path).note(2, 0) == f"{path} has no label at all, so nothing was measured"


def test_names_without_a_label_are_worth_a_note() -> None:
    assert StemLabels().note(5, 5) is None
    assert StemLabels().note(5, 4) == "1 of 5 images has no label: the file's name starts with '_' or '.'"
    assert StemLabels().note(5, 3) == "2 of 5 images have no label: the file's name starts with '_' or '.'"
    assert NoLabels().note(5, 0) is None
