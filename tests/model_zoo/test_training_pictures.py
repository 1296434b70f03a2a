"""The learning-rate range test and the pictures of training."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from model_zoo.cli import main
from model_zoo.errors import DataError
from model_zoo.training import curves, lr_range
from model_zoo.training.prepare import Prepared, TrainOptions
from model_zoo.training.recipe import recipe_named
from model_zoo.training.sheet import draw_sheet

LOG = """epoch,images,loss,validation_loss,validation_exact_match,weights
1,20,3.0,2.5,0.0,network
2,20,1.0,,0.5,network
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_valley_is_the_middle_of_the_longest_fall() -> None:
    """The longest falling subsequence is 9 8 7 6 5 4 (places 2 to 9, with two bumps in between)."""
    losses = [5, 10, 9, 8, 8.5, 7, 6, 6.2, 5, 4, 7, 20]

    # As fastai counts: from 9 - 7 on (10 belongs to the fall), a third and half a third of 7 further.
    assert lr_range.valley(losses) == 2 + 2 + 1


def test_the_steepest_place_is_where_the_loss_falls_fastest_per_factor_of_the_rate() -> None:
    assert lr_range.steepest([1, 10, 100, 1000], [9, 8, 3, 2]) == 1
    assert lr_range.steepest([1, 1.1, 100, 1000], [9, 8, 3, 2]) == 0


def test_a_range_test_leaves_the_run_as_it_was(small_images: Path) -> None:
    recipe = recipe_named("standard", batch_size=8)
    fit = Prepared(TrainOptions(small_images, height=16, width=64, recipe=recipe, validation="none")).fit
    before = [value.clone() for value in fit.state.network.state_dict().values()]

    test = lr_range.range_test(fit, steps=40)

    assert all(
        torch.equal(a, b) for a, b in zip(before, fit.state.network.state_dict().values(), strict=True)
    )
    assert fit.state.optimizer.state_dict()["state"] == {}
    assert test.rates[0] == 1e-7
    assert test.rates[20] == pytest.approx(1e-3), "half way in the logarithm"
    assert test.smoothed[0] == pytest.approx(test.losses[0])
    assert test.smoothed[1] == pytest.approx((0.98 * test.losses[0] + test.losses[1]) / 1.98)
    assert test.valley in test.rates[4:-5]
    assert test.steepest in test.rates[4:-5]


def test_a_loss_that_diverges_at_once_suggests_nothing(small_images: Path) -> None:
    recipe = recipe_named("standard", batch_size=8)
    fit = Prepared(TrainOptions(small_images, height=16, width=64, recipe=recipe, validation="none")).fit
    with torch.no_grad():
        fit.state.network.head.weight.fill_(torch.nan)  # type: ignore[union-attr, operator]

    with pytest.raises(DataError) as caught:
        lr_range.range_test(fit, steps=40)
    assert str(caught.value) == (
        "the loss diverged after 1 of 40 steps, too early to see a fall; "
        "check images and labels, or begin at a lower rate"
    )


def test_find_lr_writes_a_picture_and_its_figures(small_images: Path, tmp_path: Path) -> None:
    out = tmp_path / "rates.png"

    result = run(
        *("find-lr", "--data", small_images, "--height", "16", "--width", "64"),
        *("--batch-size", "8", "--steps", "30", "--out", out),
    )

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("valley ")
    assert result.stdout.endswith(f": {out} and {tmp_path / 'rates.csv'}\n")
    lines = (tmp_path / "rates.csv").read_text().splitlines()
    assert lines[0] == "learning_rate,loss,smoothed_loss"
    assert lines[1].startswith("1e-07,")
    with Image.open(out) as image:
        assert image.size == (840, 528)
    wrong = run("find-lr", "--lowest-rate", "1", "--highest-rate", "1")
    assert (wrong.exit_code, wrong.stderr.splitlines()[-1]) == (
        2, "Error: --lowest-rate 1 is not below --highest-rate 1."
    )  # fmt: skip
    wrong = run("find-lr", "--out", "it.csv")
    assert (wrong.exit_code, wrong.stderr.splitlines()[-1]) == (
        2, "Error: --out it.csv is the picture, and its figures go into a .csv; give a .png."
    )  # fmt: skip


def test_a_sheet_has_every_image_below_its_label() -> None:
    images = torch.rand(5, 1, 50, 200)

    sheet = draw_sheet(images, ["ab", "cd", "ef", "gh", "ij"], columns=2)

    assert sheet.size == (2 * 208 + 8, 3 * 78 + 8)
    place = sheet.crop((216, 28 + 78, 416, 78 + 78))
    assert np.array_equal(np.asarray(place), (images[3, 0] * 255).round().byte().numpy())
    above = sheet.crop((216, 8 + 78, 416, 26 + 78))
    assert above.getextrema()[0] < 64, "its label"


def test_show_batch_draws_what_there_is(small_images: Path, tmp_path: Path) -> None:
    out = tmp_path / "batch.png"

    first = run("show-batch", "--data", small_images, "--recipe", "post", "--count", "500", "--out", out)
    again = run("show-batch", "--synthetic", "3", "--out", tmp_path / "generated.png")

    assert first.exit_code == 0, first.output
    assert first.stdout == f"{out}: 22 images\n"
    assert again.stdout == f"{tmp_path / 'generated.png'}: 3 images\n"


def test_plot_run_draws_old_and_new_logs_to_the_same_bytes_each_time(tmp_path: Path) -> None:
    log, old = tmp_path / "new.csv", Path("docs/runs/crnn-small.csv")
    log.write_text(LOG)
    result = run("plot-run", log, old, "--out", tmp_path / "a.png")
    run("plot-run", log, old, "--out", tmp_path / "b.png")

    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'a.png'}: 2 runs\n"
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert curves.read_log(log).points("validation_loss") == ([1.0], [2.5])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "has no epoch and loss; give the NAME.csv of a run"),
        ("", "has no epoch and loss; give the NAME.csv of a run"),
        (
            "epoch,loss\n1,2-3\n",
            "cannot be read: could not convert string to float: '2-3'; give the NAME.csv of a run",
        ),
    ],
    ids=["other", "empty", "no number"],
)
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "it.csv").write_text(content)

    result = run("plot-run", tmp_path / "it.csv", "--out", tmp_path / "it.png")

    assert result.exit_code == 2
    assert result.stderr == f"Error: log {str(tmp_path / 'it.csv')!r} {message}\n"


def test_a_log_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    result = run("plot-run", tmp_path / "nope.csv", "--out", tmp_path / "it.png")

    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: log {str(tmp_path / 'nope.csv')!r} is not there; give the NAME.csv of a run\n"
    )


def test_without_matplotlib_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "it.csv").write_text(LOG)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    result = run("plot-run", tmp_path / "it.csv", "--out", tmp_path / "it.png")
    before_training = run("find-lr", "--data", "none")

    assert result.exit_code == 2
    assert before_training.stderr == result.stderr
    # A package that is really missing is named alone.
    assert result.stderr.replace("matplotlib.figure", "matplotlib") == (
        "Error: this command needs captchafleet[train] (matplotlib is not installed); "
        "run: pip install 'captchafleet[train]'\n"
    )


def test_the_pictures_leave_nobody_drawing(
    small_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    monkeypatch.setattr("model_zoo.training.fit.Fit.close", lambda fit: closed.append(fit))
    options = ("--data", small_images, "--recipe", "standard", "--height", "16", "--width", "64")

    assert run("show-batch", *options, "--out", tmp_path / "batch.png").exit_code == 0
    assert (
        run("find-lr", *options, "--steps", "30", "--batch-size", "8", "--out", tmp_path / "lr.png").exit_code
        == 0
    )

    assert len(closed) == 2
