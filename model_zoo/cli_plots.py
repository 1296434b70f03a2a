"""`model-zoo find-lr`, `show-batch` and `plot-run`: pictures of what training sees and does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_zoo.cli_errors import CONTEXT
from model_zoo.cli_recipe import recipe_options, run_options, take_recipe
from model_zoo.env_options import FiniteRange, option

if TYPE_CHECKING:
    from model_zoo.training.fit import Fit

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("find-lr", context_settings=CONTEXT)
@run_options
@recipe_options()
@option("--steps", type=click.IntRange(30, 100_000), default=100, help="The most that are made.")
@option("--lowest-rate", "low", type=FiniteRange(0, 1, min_open=True), default=1e-7, help="The first one.")
@option("--highest-rate", "high", type=FiniteRange(0, 1000), default=10.0, help="After the last step.")
@option("--out", type=FILE, default="find-lr.png", help="Picture; its figures go beside it, as CSV.")
def find_lr(out: Path, steps: int, low: float, high: float, **options: Any) -> None:
    """Find a peak for the learning rate: train for some steps while the rate grows, watch the loss.

    The valley is the middle of the longest fall of the loss, and a good peak; steepest is where it falls
    fastest. Nothing is kept of the training.

    \b
    Example: model-zoo find-lr --data DIR --recipe post --architecture crnn-resnet34
    """
    if low >= high:
        raise click.UsageError(f"--lowest-rate {low:g} is not below --highest-rate {high:g}.")
    if out.suffix == ".csv":
        raise click.UsageError(f"--out {out} is the picture, and its figures go into a .csv; give a .png.")
    from model_zoo.atomic import check_folder
    from model_zoo.training.curves import check_matplotlib, plot_range
    from model_zoo.training.lr_range import range_test, write_csv

    check_matplotlib()  # what is missing, or cannot be written, shows before the training
    check_folder(out.parent)
    with closing(_prepared(options)) as fit:
        test = range_test(fit, low=low, high=high, steps=steps)
    write_csv(test, out.with_suffix(".csv"))
    plot_range(test, out)
    click.echo(f"valley {test.valley:.2g}, steepest {test.steepest:.2g}: {out} and {out.with_suffix('.csv')}")


@click.command("show-batch", context_settings=CONTEXT)
@run_options
@recipe_options()
@option("--count", type=click.IntRange(1, 10_000), default=40, help="Images.")
@option("--columns", type=click.IntRange(1, 100), default=5, help="Images side by side.")
@option("--out", type=FILE, default="batch.png", help="Picture.")
def show_batch(out: Path, count: int, columns: int, **options: Any) -> None:
    """Draw a sheet of training images with their labels, bent and shaded as a network sees them.

    \b
    Example: model-zoo show-batch --data DIR --recipe post --out batch.png
    """
    from model_zoo.training.sheet import write_sheet

    with closing(_prepared(options)) as fit:
        drawn = write_sheet(fit, count, columns, out)
    click.echo(f"{out}: {drawn} images")


@click.command("plot-run", context_settings=CONTEXT)
@click.argument("logs", nargs=-1, required=True, metavar="NAME.csv...", type=click.Path(path_type=Path))
@option("--out", type=FILE, default="curves.png", help="Picture.")
def plot_run(logs: Sequence[Path], out: Path) -> None:
    """Draw loss and accuracy of logged runs against their epochs.

    \b
    Example: model-zoo plot-run docs/runs/*.csv --out curves.png
    """
    from model_zoo.training.curves import plot_runs, read_log

    plot_runs([read_log(path) for path in logs], out)
    click.echo(f"{out}: {len(logs)} run{'s' * (len(logs) > 1)}")


def _prepared(options: dict[str, Any]) -> Fit:
    from model_zoo.training.prepare import Prepared, TrainOptions

    recipe = take_recipe(options)
    return Prepared(TrainOptions(recipe=recipe, validation="none", **options)).fit
