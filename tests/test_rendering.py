"""benchmarks/rendering.py: what it measures and writes; no speed is asserted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import rendering


def test_both_sides_are_measured_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rendering.json"
    small = ["--images", "8", "--turns", "2", "--warm-up", "0", "--fonts", "shipped"]
    monkeypatch.setattr(sys, "argv", ["rendering.py", *small, "--json", str(out)])

    rendering.main()

    told = json.loads(out.read_text())
    assert (told["architecture"], told["images"], told["turns"], told["faces"]) == ("crnn-deep", 8, 2, 8)
    assert told["ratio"] == pytest.approx(told["drawn"] / told["trained"])
    assert told["drawn"] > 0
    assert capsys.readouterr().out.splitlines()[2] == f"ratio    {told['ratio']:8.2f}"


def test_the_median_of_the_turns_is_told_and_the_first_turn_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # By turns: drawing, then training; the first pair is the warm-up.
    seconds = iter([100.0, 100.0, 1.0, 2.0, 4.0, 8.0, 2.0, 4.0])
    monkeypatch.setattr(rendering, "timed", lambda work: (work(), next(seconds)))

    rates = rendering.measure("crnn-small", 8, 3, 0, "shipped")

    assert (rates.drawn, rates.trained, rates.ratio) == (4.0, 2.0, 2.0)
