"""`model-zoo cross-validate`: what it prints of the answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from model_zoo.cli import main
from model_zoo.training import folds
from model_zoo.training.folds import FoldAnswer
from model_zoo.training.prepare import TrainOptions

ANSWERS = [
    *(FoldAnswer(f"a{n}.png", "ab", n % 10, "ab", 0.9, "ab", 0.9) for n in range(18)),
    FoldAnswer("bb.png", "bb", 1, "b", 0.5, "bb", 0.75),
    FoldAnswer("ba.png", "ba", 2, "aa", 0.51, "aa", 0.6),
]


def test_the_figures_stand_with_and_without_the_length_and_every_wrong_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(
        options: TrainOptions, out: Path, on_fold: Callable[[int, Sequence[FoldAnswer]], None]
    ) -> list[FoldAnswer]:
        assert (options.recipe.seed, out) == (4, tmp_path / "a.csv")
        on_fold(1, ANSWERS[-2:])
        return ANSWERS

    monkeypatch.setattr(folds, "cross_validate", read)

    result = CliRunner().invoke(
        main, ["cross-validate", "--data", str(tmp_path), "--out", str(tmp_path / "a.csv"), "--seed", "4"]
    )

    assert result.exit_code == 0, result.output
    assert result.stderr == "part 1: 0 of 2 images right\n"
    assert result.stdout.splitlines() == [
        "out of fold           20 images, seed 4",
        "exact match           90.00% (69.90% to 97.21%, 95 % Wilson, n = 20)",
        "with the length       95.00% (76.39% to 99.11%, 95 % Wilson, n = 20)",
        "wrong answers         2",
        "  bb.png: bb read as b (p = 0.5000); with the length bb",
        "  ba.png: ba read as aa (p = 0.5100)",
    ]
