"""`model-zoo train`: a folder of labelled images in, a model of the zoo out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_zoo.cli_errors import CONTEXT, Stopped
from model_zoo.cli_options import FOLDER, labels_option
from model_zoo.cli_recipe import STYLE, check_recipe, recipe_options, run_options, take_recipe
from model_zoo.cli_style import BOTH, STYLE_OPTIONS, refuse_foreign, train_by_style
from model_zoo.env_options import FiniteRange, option
from model_zoo.training.output import check_output

if TYPE_CHECKING:
    from model_zoo.cards import ModelCard
    from model_zoo.training.log import EpochLog
    from model_zoo.training.prepare import TrainOptions
    from model_zoo.training.run import TrainStart


_SAID = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)


@click.command(context_settings=CONTEXT)
@run_options
@option("--name", required=True, help="Of the new model.")
@option("--out", type=FOLDER, default="zoo", help="Zoo folder that gets the model.")
@option(
    "--validation",
    default="rest",
    help="What is measured after every epoch: parts, none, rest (the validation part unless it is trained "
    "on), or random (a tenth of all images; the others are trained on).",
)
@recipe_options(STYLE)
@labels_option
@option(
    "--minutes",
    type=FiniteRange(0.5, 10080),
    default=20,
    help="Time for everything, with --recipe style; one pass over the images is made even if that is longer.",
)
@option("--source", default="", show_default=False, help="Where the images come from, for the card.")
@option("--licence", default="not said", help="Of the weights, for the card.")
@option("--resume", is_flag=True, help="Go on with a run that was stopped.")
def train(out: Path, name: str, **options: Any) -> None:
    """Train a model on the training part of a folder; the validation part is looked at after every epoch.

    With nothing but --data and --name, everything else is found out: characters, length, size, how long to
    train. It starts from the model `generic` and ends in a report. The other recipes take the other options.

    Ctrl-C stops the run (exit code 130); the same command with --resume goes on after the last whole epoch.

    \b
    Example: model-zoo train --data DIR --name mine
             model-zoo train --data DIR --name mine --recipe standard --epochs 60
    """
    said = click.get_current_context().get_parameter_source
    given = {key for key in options if said(key) in _SAID}
    check_recipe(options["recipe"])
    refuse_foreign(options["recipe"], given)
    check_output(name, out, resume=options["resume"])  # before the seconds that torch takes to load
    try:
        if options["recipe"] == STYLE:
            train_by_style(out, name, **{key: options[key] for key in (*STYLE_OPTIONS, *BOTH)})
            return
        for key in STYLE_OPTIONS:
            del options[key]
        from model_zoo.training.prepare import TrainOptions

        recipe = take_recipe(options)
        _train(TrainOptions(name=name, out=out, recipe=recipe, **options))
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
            text = f"loss {log.loss:.3f}"
            if log.validation_exact_match is not None:
                text += f", validation {log.validation_exact_match:.1%}"
            progress.update(task, completed=log.epoch, description=text)

        card = run(options, show, announce)
    click.echo(f"{options.out / card.name}.json: {_figure(card)}")
    if card.accuracy and card.accuracy[0].value < 0.5:
        log = options.out / f"{card.name}.csv"
        click.echo(
            "Few are right yet: more epochs (--epochs), more images, or --start-from a model of this "
            f"alphabet may help; model-zoo plot-run {shlex.quote(str(log))} shows whether the loss still "
            "falls",
            err=True,
        )


def _figure(card: ModelCard) -> str:
    if not card.accuracy:
        return "no validation images, so nothing is known of it yet"
    match = card.accuracy[0]
    return (
        f"exact match {match.value:.1%} on {match.n} validation images "
        f"({match.low:.1%} to {match.high:.1%}, 95 % Wilson)"
    )


def _in_words(options: TrainOptions, start: TrainStart) -> str:
    """What is about to happen; all there is to see for a while where there is no terminal."""
    numbers = [str(start.images)] if start.images else []
    if options.recipe.synthetic:
        numbers.append(f"{options.recipe.synthetic} generated")
    after = f" from epoch {start.epochs_done + 1} on" if start.epochs_done else ""
    return (
        f"Training {options.name} on {' and '.join(numbers)} images, {options.recipe.epochs} epochs{after}; "
        f"{start.log} gets a line an epoch."
    )


def _where_it_stopped(out: Path, name: str) -> str:
    from model_zoo.training.stopped import epochs_done

    if done := epochs_done(out / f"{name}.checkpoint"):
        return f"Stopped after epoch {done}; go on with the same command and --resume"
    return "Stopped before the first epoch was done; nothing is kept, so start again with the same command"
