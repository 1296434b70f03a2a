"""The tables of docs/models.md and docs/reproduction.md: made-up answers and logs in, cells out."""

from __future__ import annotations

from pathlib import Path

import accuracy
import models
import pytest
import reproduction
import train_default
import zoo_speed

from model_zoo.cards import BUILT_IN, read_card
from model_zoo.statistics import wilson_interval
from model_zoo.training.folds import FoldAnswer

SHIPPED = read_card(BUILT_IN / "crnn-small.json")


def answer(file: str, text: str, length_text: str, part: int) -> FoldAnswer:
    return FoldAnswer(file, file[:2], part, text, 0.9, length_text, 0.9)


ANSWERS = [
    answer("aa.png", "aa", "aa", 0),
    answer("bb.png", "b", "bb", 5),  # right with the length alone
    answer("cc.png", "dc", "dc", 6),  # right where the label was audited
    answer("ee.png", "ee", "ee", 7),  # its label cannot be decided
]


def test_an_undecidable_label_counts_as_an_error_and_a_wrong_one_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "audited_labels", lambda: {"cc.png": "dc", "ee.png": None})

    row = models.out_of_fold({("kaptcha", 2): ANSWERS}).splitlines()[2]
    errors = models.errors({("kaptcha", 2): ANSWERS}).splitlines()[2:]

    cells = [cell.strip().partition(";")[0] for cell in row.strip("|").split("|")]
    assert cells == [
        "kaptcha", "2", "50.00% (2 wrong", "75.00% (1 wrong", "33.33% (2 wrong", "50.00% (2 wrong",
    ]  # fmt: skip
    assert errors == [
        "| `bb.png` | bb | b (0.900); with the length right | - |",
        "| `cc.png` | cc | dc (0.900) | dc |",
    ]


def test_an_ablation_names_every_part_once_and_a_curve_sees_as_many_images_at_every_count() -> None:
    ablation, samples = list(accuracy.ablation()), list(accuracy.samples())

    assert len({it.name for it in ablation}) == len(ablation)
    assert [(it.images, it.synthetic_start) for it in samples] == [
        *((count, True) for count in accuracy.SAMPLES),
        *((count, False) for count in accuracy.SAMPLES if count),
    ]
    seen = [it.recipe.epochs * it.images for it in samples if it.images]
    assert all(accuracy.SEEN <= number < accuracy.SEEN + 700 for number in seen)


def test_runs_come_back_from_their_csv_and_stand_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [
        accuracy.Run("curve", seed, 50, "scratch", 188, 180 + seed, 181, 752, 700, 0.5, 2.0)
        for seed in (0, 1)
    ]
    monkeypatch.setattr(models, "RUNS", tmp_path)
    for run in runs:
        accuracy._append(tmp_path / "samples.csv", run)

    assert accuracy.read_runs(tmp_path / "samples.csv") == runs
    assert accuracy.read_runs(tmp_path / "none.csv") == []
    assert models.samples_table().splitlines()[2:] == ["| 50 | - | 180, 181 |"]


def test_the_best_epoch_and_the_last_one_are_told_apart() -> None:
    run = [reproduction.Epoch(n, 1.0, 1.0, share, 10.0 * n) for n, share in ((1, 0.2), (2, 0.9), (3, 0.5))]
    none: dict[str, list[reproduction.Epoch]] = {name: [] for name in reproduction.NETWORKS}

    found = reproduction.summary(run)
    lines = reproduction.tables(none, {**none, "crnn-resnet34": run}).splitlines()

    assert found == reproduction.Summary(3, 0.9, 2, 0.5, 20.0)
    assert lines[7] == "| crnn-resnet34 | here | 3 | 90.0% (2) | 50.0% | 39.8% to 60.2% | 20 |"
    assert "| 1 | - / - | - / - | - / 20.0% |" in lines


def test_a_network_read_by_ctc_is_judged_after_beam_search(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "epoch,loss,validation_loss,validation_exact_match,validation_beam_exact_match,seconds\n1,1,1,0.1,0.2,5\n"
    )

    shares = [reproduction.read_own(log, name)[0].exact_match for name in reproduction.NETWORKS]

    assert shares == [0.1, 0.1, 0.2]


def test_the_steps_to_a_shipped_model_name_each_other_s_files(tmp_path: Path) -> None:
    zero, *folds, train, record = train_default.steps("nano", tmp_path)

    assert zero[zero.index("--architecture") + 1] == "crnn-nano"
    assert "--data" not in zero, "no real image"
    start = str(tmp_path / "nano-zero.json")
    assert all(step[step.index("--start-from") + 1] == start for step in (*folds, train))
    assert [step[step.index("--seed") + 1] for step in folds] == ["0", "1", "2"]
    outs = [step[step.index("--out") + 1] for step in folds]
    assert record == ["record-folds", str(tmp_path / "nano.json"), *(f"--answers={out}" for out in outs)]


def test_a_model_that_is_there_is_not_trained_again_and_a_stopped_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr("subprocess.call", lambda command, env: called.append(command[3:]) or 0)
    (tmp_path / "a.json").touch()
    (tmp_path / "b.checkpoint").touch()

    codes = [train_default.run(["train", "--name", name], tmp_path) for name in ("a", "b")]

    assert codes == [0, 0]
    assert called == [["train", "--name", "b", "--resume"]]


def test_new_figures_stand_beside_the_shipped_ones() -> None:
    lines = train_default.comparison(SHIPPED, SHIPPED).splitlines()

    assert [line.split()[0] for line in lines] == ["here", "shipped", "the"]
    assert lines[2] == "the weights are the same to the last bit"


def test_a_model_is_placed_by_the_worst_of_its_seeds_or_by_its_test_part() -> None:
    entry = zoo_speed.Entry("a", 1000, 12.4, 99.0, 1.0, None, None, None, "nothing")

    value, low, high, measured_on = zoo_speed.honest_figure(SHIPPED)

    assert (value, measured_on) == (pytest.approx(271 / 272), "test, n = 272")
    assert (low, high) == wilson_interval(271, 272)
    assert zoo_speed.speed_table([entry]).splitlines()[2] == "| a | 1,000 | 12 | 99 | 1.00 | - | nothing |"
