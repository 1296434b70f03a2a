"""benchmarks/overlap.py: what it measures, tells and writes; no speed is asserted."""

from __future__ import annotations

import json
import time
from pathlib import Path

import overlap
import pytest
import torch
from overlap import HIDDEN, PLAIN, StandIn, measure, show


class Made:
    """Made-up: a machine that decodes 1,000 images and 4,000 items a second, and hides nearly all of it."""

    def solve(self, rate: float, overlaps: bool) -> float:
        """Nine tenths of what is possible, or half."""
        return min(rate, 800.0) * (0.9 if overlaps else 0.5)

    def images(self) -> float:
        """D."""
        return 1000.0

    def ctc(self) -> float:
        """C."""
        return 4000.0


def test_the_bound_is_the_slowest_part_and_cores_are_shared() -> None:
    content = measure(Made(), [100.0, 5000.0], rounds=2)  # type: ignore[arg-type]

    bounds = [point["bound"]["median"] for point in content["points"]]
    assert bounds == [100.0, pytest.approx(800.0)]
    assert [point["over_bound"][HIDDEN]["median"] for point in content["points"]] == pytest.approx([0.9, 0.9])
    assert content["worst"] == pytest.approx(0.9)
    text = show(content)
    assert text.startswith("Images a second; image decoding alone 1,000, CTC decoding alone 4,000:")
    assert "| 100 | 100 | 90 | 50 | 0.90 | 0.50 |" in text
    assert "| 5,000 | 800 | 720 | 400 | 0.90 | 0.50 |" in text
    assert text.endswith("At worst 0.90 of the slowest part; goal 0.9.")


def test_the_stand_in_waits_as_long_as_its_device_would(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    frames = torch.arange(6.0).reshape(3, 1, 2)
    device = StandIn(frames, 100.0, 32)

    found = device.log_probs(torch.zeros((5, 1, 2, 2), dtype=torch.uint8))

    assert waited == [0.05]
    assert found[:, 0, 0].tolist() == [0.0, 2.0, 4.0, 0.0, 2.0]


def test_the_whole_of_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "overlap.json"
    small = ["--model", "nano", "--images", "8", "--seconds", "0", "--rounds", "1", "--threads", "2"]

    assert overlap.main([*small, "--rates", "4000", "--micro-batch", "4", "--json", str(out)]) == 0

    told = json.loads(out.read_text())
    assert (told["benchmark"], told["model"], told["threads"]) == ("overlap", "nano", 2)
    assert [point["device"] for point in told["points"]] == [4000.0]
    assert told["points"][0][PLAIN]["median"] > 0
    assert show(told) in capsys.readouterr().out


def test_without_images_one_sentence_says_where_they_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(overlap, "DATA", tmp_path / "none")
    monkeypatch.setattr(overlap, "EXAMPLES", tmp_path)

    assert overlap.main([]) == 2

    assert capsys.readouterr().err == (
        f"overlap.py: no images in {tmp_path}; set CAPTCHAFLEET_DATA to the folder with captcha_images_v2/\n"
    )
