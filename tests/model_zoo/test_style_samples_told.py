"""What people and programs are told of a folder of labelled images."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from labelled import STEMS, noise, write_images

from model_zoo.style.problems import TITLES, Problem
from model_zoo.style.report.facts import left_out_in_words
from model_zoo.style.samples import case_of, problems_in_words, read_samples, samples_json

ROOT = Path(__file__).parent.parent.parent


def test_ten_files_of_a_kind_are_named_on_the_terminal_and_all_for_programs(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "imgs")
    for number in range(1, 13):
        (folder / f"{number}.png").write_bytes(b"")
    write_images(folder, ["_1.png"])

    samples = read_samples(folder)

    lines = problems_in_words(samples)
    assert lines[0] == "12 images cannot be read:"
    assert lines[1] == "  1.png: the file is empty; expected an image"
    assert lines[11:] == [
        "  and 2 more",
        "1 image has no label:",
        "  _1.png: nothing stands before the first underscore or dot of its name",
    ]
    report = samples_json(samples)
    assert len(report["unusable"]) == 13
    assert report["unusable"][0] == {
        "file": "1.png",
        "label": "1",
        "kind": "unreadable",
        "reason": "the file is empty; expected an image",
    }


def test_the_json_tells_what_there_is(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "imgs", [*STEMS, "1\udce9.png"])
    noise("wide", (300, 20)).save(folder / "1a_wide.png")
    shutil.copy(folder / "000.png", folder / "000_1.png")
    shutil.copy(folder / "1a_wide.png", folder / "1b_wide.png")
    noise("wider", (301, 20)).save(folder / "1a_wider.png")

    report = json.loads(json.dumps(samples_json(read_samples(folder)), ensure_ascii=False).encode())

    assert report.pop("unusable")[0]["file"] == "1\\xe9.png"
    assert report == {
        "folder": str(folder),
        "images": 45,
        "used": 41,
        "distinct_labels": 41,
        "charset": "0123456789ab",
        "min_length": 2,
        "max_length": 5,
        "case": "lower",
        "sizes": [{"width": 24, "height": 8, "images": 40}, {"width": 301, "height": 20, "images": 1}],
        "duplicates": [["000.png", "000_1.png"]],
        "conflicts": [[{"file": "1a_wide.png", "label": "1a"}, {"file": "1b_wide.png", "label": "1b"}]],
    }


def test_every_kind_of_problem_stands_in_the_docs() -> None:
    docs = (ROOT / "docs/errors.md").read_text()
    assert set(TITLES) <= set(re.findall(r"^\| `(\w+)` \|", docs, re.MULTILINE))


@pytest.mark.parametrize(
    ("labels", "case"),
    [(["ab1", "c2"], "lower"), (["AB1", "2"], "upper"), (["ab", "AB"], "both"), (["12", "中"], "none")],
)
def test_the_case_of_labels(labels: list[str], case: str) -> None:
    assert case_of(labels) == case


def test_what_was_left_out_and_what_was_used_add_up(tmp_path: Path) -> None:
    samples = read_samples(write_images(tmp_path / "imgs"))
    row = Problem(tmp_path / "imgs" / "gone.png", "abcd", "named in line 2 of it.csv", "not_in_folder")
    empty = Problem(tmp_path / "imgs" / "empty.png", "abcd", "is empty")
    told = [
        left_out_in_words(replace(samples, images=40 + images, unusable=(empty,) * images + (row,) * rows))
        for images, rows in [(0, 0), (1, 0), (11, 1), (0, 2)]
    ]

    assert told == [
        "",
        "1 image",
        "11 images and 1 row of the CSV file without an image",
        "2 rows of the CSV file without an image",
    ]
