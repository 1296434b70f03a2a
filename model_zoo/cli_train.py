"""`model-zoo train`: a folder of labelled images in, a model of the zoo out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_zoo.cli_errors import CONTEXT, Stopped
from model_zoo.cli_options import FOLDER, data_option
from model_zoo.constraints import parse_length
from model_zoo.env_options import FiniteRange, option

if TYPE_CHECKING:
    from model_zoo.training.log import EpochLog
    from model_zoo.training.run import TrainOptions, TrainStart


@click.command(context_settings=CONTEXT)
@data_option
@option("--name", required=True, help="Of the new model.")
@option("--out", type=FOLDER, default="zoo", help="Zoo folder that gets the model.")
@option("--architecture", default="crnn-small", help="Kind of network.")
@option("--height", type=click.IntRange(16, 512), default=50, help="Input, in pixels.")
@option("--width", type=click.IntRange(16, 2048), default=200, help="Input, in pixels.")
@option("--length", help="Allowed lengths of labels, like 5 or 4-6. [default: found out]")
@option("--epochs", type=click.IntRange(1, 10_000), default=60, help="Passes over the images.")
@option(
    "--synthetic",
    type=click.IntRange(0, 100_000),
    default=0,
    help="Extra images an epoch in the style of Kaptcha; useful only if your captcha looks like it.",
)
@option("--seed", type=int, default=0, help="Of everything random.")
@option("--learning-rate", type=FiniteRange(0, 1, min_open=True), default=3e-3, help="Peak of the cycle.")
@option("--source", default="", show_default=False, help="Where the images come from, for the card.")
@option("--licence", default="not said", help="Of the weights, for the card.")
@option("--resume", is_flag=True, help="Go on with a run that was stopped.")
def train(length: str | None, out: Path, name: str, **options: Any) -> None:
    """Train a model on the training part of a folder; the validation part is looked at after every epoch.

    Ctrl-C stops the run (exit code 130); the same command with --resume goes on after the last whole epoch.

    \b
    Example: model-zoo train --data DIR --name mine --epochs 60
    """
    allowed = parse_length(length) if length else None
    try:
        from model_zoo.training.recipe import Recipe
        from model_zoo.training.run import TrainOptions

        recipe = Recipe(**{key: options.pop(key) for key in ("epochs", "synthetic", "seed", "learning_rate")})
        _train(TrainOptions(name=name, out=out, length=allowed, recipe=recipe, **options))
    except KeyboardInterrupt as interrupt:
        raise Stopped(_where_it_stopped(out, name)) from interrupt


def _train(options: TrainOptions) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from model_zoo.training.run import train as run

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("training", total=options.recipe.epochs)

        def announce(start: TrainStart) -> None:
            progress.update(task, completed=start.epochs_done)
            console.print(_in_words(options, start), soft_wrap=True, markup=False, highlight=False)

        def show(log: EpochLog) -> None:
            text = f"loss {log.loss:.3f}, validation {log.validation_exact_match:.1%}"
            progress.update(task, completed=log.epoch, description=text)

        card = run(options, show, announce)
    match = card.accuracy[0]
    click.echo(
        f"{options.out / card.name}.json: exact match {match.value:.1%} on {match.n} validation images"
    )


def _in_words(options: TrainOptions, start: TrainStart) -> str:
    """What is about to happen; all there is to see for a while where there is no terminal."""
    extra = f" and {options.recipe.synthetic} generated" if options.recipe.synthetic else ""
    after = f" from epoch {start.epochs_done + 1} on" if start.epochs_done else ""
    return (
        f"Training {options.name} on {start.images}{extra} images, {options.recipe.epochs} epochs{after}; "
        f"{start.log} gets a line an epoch."
    )


def _where_it_stopped(out: Path, name: str) -> str:
    from model_zoo.training.stopped import epochs_done

    if done := epochs_done(out / f"{name}.checkpoint"):
        return f"Stopped after epoch {done}; go on with the same command and --resume"
    return "Stopped before the first epoch was done; nothing is kept, so start again with the same command"
