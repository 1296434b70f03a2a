"""benchmarks/cold_files.py: what it reads and writes; no time is asserted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cold_files
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples" / "captchas"


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system takes no advice")
def test_all_files_are_read_by_both_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cold.json"
    places = ["--originals", str(EXAMPLES), "--folder", str(tmp_path), "--json", str(out)]

    assert cold_files.main(["--files", "300", "--rounds", "1", *places]) == 0

    told = json.loads(out.read_text())
    assert (told["benchmark"], told["files"], list(told["gain"])) == (
        "cold_files",
        300,
        ["in memory", "on disk"],
    )
    sides = ["one after another, in memory", "one after another, on disk"]
    sides += ["a batch at once, in memory", "a batch at once, on disk"]
    assert list(told["microseconds"]) == sides
    medians = [
        told["microseconds"][f"{side}, on disk"]["median"] for side in (cold_files.ONE, cold_files.MANY)
    ]
    assert told["gain"]["on disk"]["median"] == pytest.approx(medians[0] / medians[1])
    assert "| a batch at once, on disk |" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_without_images_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cold_files.main(["--originals", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"cold_files.py: {tmp_path} holds no PNG; see --help\n"


def test_files_are_copies_in_the_order_of_their_names(tmp_path: Path) -> None:
    originals = sorted(EXAMPLES.glob("*.png"))[:3]

    files = cold_files._write(tmp_path, 5, originals)

    assert files == ["00000000.png", "00000001.png", "00000002.png", "00000003.png", "00000004.png"]
    assert (tmp_path / files[4]).read_bytes() == originals[1].read_bytes()
