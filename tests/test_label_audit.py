"""The label audit: which images are on the sheets, and what becomes of the readings."""

from __future__ import annotations

from pathlib import Path

import pytest
from label_audit import Item, Reading, items, read_readings, report, verdict, write_sheets
from PIL import Image

from model_zoo.errors import DataError
from model_zoo.training.folds import FoldAnswer


def answer(file: str, text: str) -> FoldAnswer:
    return FoldAnswer(file, file[:2], 0, text, 0.9, text, 0.9)


def network(**texts: str) -> list[FoldAnswer]:
    """Ten images; what is not named is read right."""
    return [answer(f"a{n}.png", texts.get(f"a{n}", f"a{n}")) for n in range(10)]


def test_disputed_images_are_mixed_with_as_many_others_in_an_order_of_the_seed() -> None:
    answers = [network(a1="b1"), network(a1="c1", a7="a")]

    chosen = items(answers, seed=7)

    assert [it.number for it in chosen] == [1, 2, 3, 4]
    assert {it.file for it in chosen if it.disputed} == {"a1.png", "a7.png"}
    assert next(it for it in chosen if it.file == "a1.png").answers == ("b1", "c1")
    assert chosen == items(answers, seed=7)
    assert chosen != items(answers, seed=8)


def test_answers_to_different_images_are_refused() -> None:
    with pytest.raises(DataError, match="the two files answer different images"):
        items([network(), network()[1:]], seed=7)


def test_a_sheet_shows_every_image_once(tmp_path: Path) -> None:
    Image.new("RGBA", (200, 50), "red").save(tmp_path / "a1.png")

    count = write_sheets([Item(n, "a1.png", "a1", ("a1",)) for n in range(1, 18)], tmp_path, tmp_path / "out")

    assert count == 2
    with Image.open(tmp_path / "out" / "sheet-02.png") as second:
        colours = {colour: n for n, colour in second.getcolors() or ()}
    assert colours[(255, 0, 0)] == 600 * 150


@pytest.mark.parametrize(
    ("reading", "certain", "wanted"),
    [
        ("a1", True, "stands"),
        ("b1", True, "wrong"),
        ("b1", False, "undecidable"),
        ("a1", False, "undecidable"),
    ],
)
def test_a_label_is_wrong_only_where_the_reading_is_certain(reading: str, certain: bool, wanted: str) -> None:
    assert verdict(Item(1, "a1.png", "a1", ("b1",)), Reading(1, reading, certain, "")) == wanted


def test_the_report_counts_verdicts_and_lists_every_disputed_image() -> None:
    chosen = [
        Item(1, "a1.png", "a1", ("b1", "c1")),
        Item(2, "a2.png", "a2", ("a2", "")),
        Item(3, "a3.png", "a3", ("a3", "a3")),
        Item(4, "a4.png", "a4", ("a4", "a4")),
    ]
    readings = {
        1: Reading(1, "b1", True, "a clear b"),
        2: Reading(2, "a[23]", False, ""),
        3: Reading(3, "a3", True, ""),
        4: Reading(4, "x4", True, ""),
    }

    text = report(chosen, readings)

    assert "**2 images** were disputed" in text
    assert "Verdicts on the 2 labels: **0 right, 1 wrong, 1 undecidable**." in text
    assert "the reading agreed with the label: 1 of 2.\n" in text
    assert "| `a1.png` | a1 | b1, c1 | b1 | wrong | a clear b |" in text
    assert "| `a2.png` | a2 | a2, nothing | a[23] | undecidable |  |" in text
    assert "| `a4.png` | a4 | a4 | x4 | wrong |  |" in text
    assert "a3.png" not in text


def test_readings_of_other_sheets_are_refused() -> None:
    with pytest.raises(DataError, match="the readings are not those of these sheets"):
        report([Item(1, "a1.png", "a1", ("a1",))], {})


def test_a_reading_is_certain_where_both_readers_are_and_see_the_same(tmp_path: Path) -> None:
    rows = {
        "one.csv": ["1,aa,yes,", "2,ab,yes,seen", "3,ac,no,", "4,ad,yes,"],
        "two.csv": ["1,aa,yes,", "2,xb,yes,", "3,ac,yes,", "4,ad,no,"],
    }
    for name, lines in rows.items():
        (tmp_path / name).write_text("\n".join(["number,reading,certain,note", *lines]) + "\n")

    found = read_readings([tmp_path / name for name in rows])

    assert [(it.reading, it.certain) for it in found.values()] == [
        ("aa", True), ("ab", False), ("ac", False), ("ad", False),
    ]  # fmt: skip
    assert found[2].note == "seen"
