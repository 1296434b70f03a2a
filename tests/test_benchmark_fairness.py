"""benchmarks/fairness.py: its table and verdict, one small run, and a large job that ends too early."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fairness import ALONE, SIDES, Fairness, main
from speed.common import Runs


def found(beside: float) -> Fairness:
    seconds = {ALONE: Runs((1.0, 2.0, 4.0)), "beside one": Runs((beside, beside * 2, 16.0))}
    walls = {ALONE: Runs((2.0, 2.0, 2.0)), "beside one": Runs((3.0, 4.0, 5.0))}
    return Fairness(seconds, walls)


def test_the_ratios_are_of_each_round_and_the_verdict_of_their_median() -> None:
    assert found(2.5).text() == (
        "| the small job | s | x alone | range | command s | x alone |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| alone | 2.00 | 1.00 | 1.00 to 1.00 | 2.00 | 1.00 |\n"
        "| beside one | 5.00 | 2.50 | 2.50 to 4.00 | 4.00 | 2.00 |\n"
        "\n"
        "With default settings at most 2.50 x the time alone; goal 3 x: held"
    )
    assert found(3.5).text().endswith("at most 3.50 x the time alone; goal 3 x: MISSED")


def test_what_was_asked_for_by_priority_is_no_part_of_the_verdict() -> None:
    slow = Runs((9.0, 9.0, 9.0))
    sides = {name: slow for name, side in SIDES.items() if side.priority != "normal"}
    seconds = {**found(2.0).seconds, **sides}

    assert len(sides) == 2
    assert Fairness(seconds, seconds).worst == 2.0


@pytest.mark.redis
def test_a_small_run(redis_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--images", "40", "--large-images", "40000", "--rate", "600", "--rounds", "1")
    file = tmp_path / "found.json"

    code = main([*given, "--sides", "beside one", "--folder", str(tmp_path), "--json", str(file)])

    assert code == 0, capsys.readouterr().err
    content = json.loads(file.read_text())
    assert (content["benchmark"], content["images"], content["rate"]) == ("fairness", 40, 600)
    assert list(content["sides"]) == [ALONE, "beside one"]
    for side in content["sides"].values():
        assert [len(runs["values"]) for runs in side.values()] == [1, 1, 1]
        assert side["seconds"]["median"] >= 40 / 600, "as long as the device sleeps"
    assert capsys.readouterr().out.startswith(
        "40 images beside jobs of 40,000; workers: 1 of 600 images/s; medians of 1 rounds\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


@pytest.mark.redis
def test_a_large_job_that_ends_too_early_is_told(
    redis_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--large-images", "20", "--rate", "1e6", "--folder", str(tmp_path)]) == 1

    said = capsys.readouterr().err
    assert said.startswith("fairness.py: a large job ended, see ")
    assert said.endswith("; if it was done, give more --large-images\n")
