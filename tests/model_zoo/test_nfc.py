"""`é` as one code point and as two, as macOS writes it into file names: one character wherever it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled import TEXTS, write_images

from model_zoo.constraints import parse_charset
from model_zoo.lexicon import Lexicon, read_lexicon
from model_zoo.nfc import nfc
from model_zoo.pattern import match_pattern
from model_zoo.regex import regex_places
from model_zoo.split import labelled_files
from model_zoo.style.samples import read_samples

COMPOSED, APART = "\u00e9", "e\u0301"

# Texts with the letter, alternately in one form and in the other.
SPELT = tuple(f"{(COMPOSED, APART)[number % 2]}{text}" for number, text in enumerate(TEXTS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(APART, COMPOSED, id="a letter and its accent"),
        pytest.param("\u212b", "\u00c5", id="a unit that is a letter"),
        pytest.param("x\u0302", "x\u0302", id="no code point for both"),
        pytest.param("\ufb01\u00b2", "\ufb01\u00b2", id="a ligature and a small two are no other writing"),
        pytest.param("2b\udce9", "2b\udce9", id="a byte that is no UTF-8"),
    ],
)
def test_a_text_has_one_form(text: str, expected: str) -> None:
    assert nfc(text) == expected


def test_file_names_give_composed_labels_and_open_as_they_are(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "imgs", [f"{APART}1.png", f"{COMPOSED}2.png"])

    files = {file.label: file.path for file in labelled_files(folder)}

    assert files == {f"{COMPOSED}1": folder / f"{APART}1.png", f"{COMPOSED}2": folder / f"{COMPOSED}2.png"}
    assert all(path.is_file() for path in files.values())


def test_a_style_has_one_class_for_both_forms(tmp_path: Path) -> None:
    names = [f"{text}.png" for text in SPELT]
    samples = read_samples(write_images(tmp_path / "imgs", names))

    assert samples.unusable == ()
    assert samples.charset == f"0123456789ab{COMPOSED}"
    assert sorted(file.label for file in samples.files) == sorted(COMPOSED + text for text in TEXTS)
    assert sorted(file.path.name for file in samples.files) == sorted(names)


def test_copies_named_in_both_forms_have_one_label(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "imgs", [f"{text}.png" for text in SPELT])
    copy = folder / f"{APART}{TEXTS[0]}.png"
    copy.write_bytes((folder / f"{COMPOSED}{TEXTS[0]}.png").read_bytes())

    samples = read_samples(folder)

    assert samples.conflicts == ()
    assert [{path.name for path in paths} for paths in samples.duplicates] == [
        {copy.name, f"{COMPOSED}{TEXTS[0]}.png"}
    ]


@pytest.mark.parametrize(
    ("in_table", "in_folder"), [(COMPOSED, APART), (APART, COMPOSED)], ids=["NFC", "NFD"]
)
def test_a_table_in_the_other_form_names_the_same_files(
    in_table: str, in_folder: str, tmp_path: Path
) -> None:
    numbered = list(enumerate(TEXTS))
    folder = write_images(tmp_path / "imgs", [f"{in_folder}{number}.png" for number, _ in numbered])
    table = tmp_path / "truth.csv"
    rows = [f"{in_table}{number}.png,{in_table}{text}\n" for number, text in numbered]
    table.write_text("".join(rows), encoding="utf-8")

    samples = read_samples(folder, table)

    assert samples.unusable == ()
    assert {file.path.name: file.label for file in samples.files} == {
        f"{in_folder}{number}.png": COMPOSED + text for number, text in numbered
    }


def test_constraints_mean_the_composed_character(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text(f"{APART}a\n{COMPOSED}a\n{COMPOSED}b\n", encoding="utf-8")

    assert parse_charset(f"{APART}a{COMPOSED}:digits:") == f"{COMPOSED}a0123456789"
    assert match_pattern(f"{APART}D", f"{COMPOSED}7") == match_pattern(f"{COMPOSED}D", f"{COMPOSED}7")
    assert regex_places(f"{APART}+", COMPOSED) == regex_places(f"{COMPOSED}+", COMPOSED)
    assert read_lexicon(words) == Lexicon.from_words([f"{COMPOSED}a", f"{COMPOSED}b"])
    assert read_lexicon(words).words == (f"{COMPOSED}a", f"{COMPOSED}b")
