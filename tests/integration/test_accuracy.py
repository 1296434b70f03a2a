"""A shipped model on real images that it never trained on, through the system and from the zoo alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment, producer, report_of

pytestmark = [pytest.mark.data, pytest.mark.redis]

HELD_OUT = ("--part", "test", "--part", "validation")


def zoo(*arguments: str | Path, cwd: Path) -> str:
    """What `model-zoo` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "model_zoo.cli", *map(str, arguments)],
        cwd=cwd, env=environment(), capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    return done.stdout


def test_crnn_small_reads_the_held_out_parts_and_both_ways_of_measuring_agree(
    captcha_data: Path, tmp_path: Path
) -> None:
    images = captcha_data / "captcha_images_v2"
    zoo("split", "--data", images, *HELD_OUT, "--out", "held-out.txt", cwd=tmp_path)
    alone = json.loads(
        zoo(
            "evaluate",
            "crnn-small",
            "--data",
            images,
            *HELD_OUT,
            "--decoder",
            "greedy",
            "--json",
            cwd=tmp_path,
        )
    )

    done = producer(
        "submit",
        images,
        "--model",
        "crnn-small",
        "--from-list",
        "held-out.txt",
        "--decoder",
        "greedy",
        "--run-dir",
        "run",
        cwd=tmp_path,
    )

    assert done.code == 0, done.err
    through = report_of(tmp_path / "run")
    assert through["exact_match"]["n"] == 360
    assert through["exact_match"]["value"] >= 0.985
    assert {**through["exact_match"], **alone["exact_match"]} == through["exact_match"]
    assert through["character_accuracy"] == pytest.approx(alone["character_accuracy"])
    assert through["character_error_rate"] == pytest.approx(alone["character_error_rate"])
