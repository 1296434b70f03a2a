"""`model-zoo cross-validate`: what a recipe reaches on images that its networks never saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_zoo.cli_errors import CONTEXT, Stopped
from model_zoo.cli_options import FOLDER, data_option
from model_zoo.cli_recipe import length_option, recipe_options, take_recipe
from model_zoo.env_options import option
from model_zoo.visible import visible

if TYPE_CHECKING:
    from model_zoo.training.folds import FoldAnswer


@click.command("cross-validate", context_settings=CONTEXT)
@data_option
@option(
    "--out", type=FOLDER, required=True, help="CSV of the answers; folds that it holds are not run again."
)
@option("--architecture", help="Kind of network. [default: crnn-small, or that of --start-from]")
@option("--height", type=click.IntRange(16, 512), default=50, help="Input, in pixels.")
@option("--width", type=click.IntRange(16, 2048), default=200, help="Input, in pixels.")
@length_option
@option("--start-from", "start", metavar="NAME_OR_PATH", help="Model whose weights to begin with.")
@recipe_options()
@option("--device", default="auto", help="Where to run: auto, cpu, cuda or cuda:N.")
def cross_validate(out: Path, **options: Any) -> None:
    """Train ten networks, each on nine of ten parts, and let each read the part that it never saw.

    Ctrl-C stops (exit code 130); the same command goes on after the last whole fold.

    \b
    Example: model-zoo cross-validate --data DIR --start-from kaptcha-zero --recipe kaptcha --out answers.csv
    """
    from model_zoo.training.folds import cross_validate as run
    from model_zoo.training.prepare import TrainOptions

    recipe = take_recipe(options)
    try:
        answers = run(TrainOptions(recipe=recipe, **options), out, _tell)
    except KeyboardInterrupt as interrupt:
        raise Stopped("Stopped; go on after the last whole fold with the same command") from interrupt
    click.echo(_in_words(answers, f"seed {recipe.seed}"))


@click.command("record-folds", context_settings=CONTEXT)
@click.argument("name", metavar="NAME_OR_PATH")
@option(
    "--answers",
    "outs",
    type=FOLDER,
    multiple=True,
    required=True,
    help="CSV of cross-validate; one for each seed, the first sets the temperature.",
)
def record_folds(name: str, outs: Sequence[Path]) -> None:
    """Write what cross-validate found into the card of a model trained on all parts by the same recipe.

    \b
    Example: model-zoo record-folds zoo/kaptcha.json --answers seed-0.csv --answers seed-1.csv
    """
    from model_zoo.training.record import record_folds as record

    card = record(name, outs)
    click.echo(f"{card.name}@{card.fingerprint}: {len(outs)} x {card.accuracy[0].n} answers out of fold")


def _tell(fold: int, answers: Sequence[FoldAnswer]) -> None:
    """A line a fold, for a long wait."""
    right = sum(it.text == it.label for it in answers)
    click.echo(f"part {fold}: {right} of {len(answers)} images right", err=True)


def _in_words(answers: Sequence[FoldAnswer], title: str) -> str:
    from model_zoo.training.folds import share

    lines = [f"out of fold           {len(answers)} images, {title}"]
    for known, name in ((False, "exact match"), (True, "with the length")):
        found = share(answers, length_known=known)
        lines.append(
            f"{name:22}{found.value:.2%} ({found.low:.2%} to {found.high:.2%}, 95 % Wilson, n = {found.n})"
        )
    wrong = [it for it in answers if it.text != it.label]
    lines.append(f"wrong answers         {len(wrong)}")
    for it in wrong:
        also = "" if it.length_text == it.text else f"; with the length {it.length_text or 'nothing'}"
        lines.append(
            f"  {visible(it.file)}: {visible(it.label)} read as {it.text or 'nothing'} "
            f"(p = {it.probability:.4f}){also}"
        )
    return "\n".join(lines)
