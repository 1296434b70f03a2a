"""benchmarks/styles.py: what is taken for known of a style, and where it comes from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from styles_sets import Style, style_of

from model_zoo.split import part_name


def put(folder: Path, label: str, part: str) -> Path:
    """A file whose content lies in that part; it only bears an image's name."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = (f"{label}{number}".encode() for number in range(1000))
    content = next(it for it in contents if part_name(hashlib.sha256(it).hexdigest()) == part)
    path = folder / f"{label}.png"
    path.write_bytes(content)
    return path


def made(charset: str = "ab", low: int = 1, high: int = 2, case_blind: bool = False) -> Style:
    return Style("made", Path("made"), (), charset, low, high, case_blind)


def test_what_is_known_comes_from_the_training_part_alone(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    put(folder, "ba4", "train")
    put(folder, "c", "train")
    held = put(folder, "XYZ78", "test")
    put(folder, "qq", "validation")

    style = style_of(folder)

    assert [file.path for file in style.test] == [held]
    assert style == Style("one", folder, style.test, "4abc", 1, 3, case_blind=True)


@pytest.mark.parametrize(
    ("labels", "blind"),
    [
        pytest.param(["ab1", "c2"], True, id="lower"),
        pytest.param(["AB1", "C2"], True, id="upper"),
        pytest.param(["aB1", "c2"], False, id="both"),
        pytest.param(["123", "45"], False, id="digits"),
    ],
)
def test_labels_with_letters_of_one_case_are_case_blind(
    tmp_path: Path, labels: list[str], blind: bool
) -> None:
    for label in labels:
        put(tmp_path / "one", label, "train")
    put(tmp_path / "one", "x", "test")
    assert style_of(tmp_path / "one").case_blind is blind


@pytest.mark.parametrize(
    ("text", "case_blind", "right"),
    [("aB", True, True), ("aB", False, False), ("ab", False, True), ("a", True, False), (None, True, False)],
)
def test_case_counts_unless_the_labels_are_blind_to_it(
    text: str | None, case_blind: bool, right: bool
) -> None:
    assert made(case_blind=case_blind).is_right(text, "ab") is right


def test_a_case_blind_style_has_its_letters_in_both_cases_once() -> None:
    assert made("1ab", case_blind=True).characters == "1abAB"
    assert made("1ab").characters == "1ab"
