"""`model-zoo`: models that read captchas, used alone, without a queue.

Thin: a command parses, calls one function, prints. Only this layer knows click's exceptions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_zoo.cards import DEFAULT_MODEL, available_models, find_card
from model_zoo.cli_audit import audit
from model_zoo.cli_cards import calibrate, combine
from model_zoo.cli_data import evaluate, split
from model_zoo.cli_errors import CONTEXT, ZooGroup
from model_zoo.cli_export import export
from model_zoo.cli_fetch import fetch_data
from model_zoo.cli_folds import cross_validate, record_folds
from model_zoo.cli_generate import generate
from model_zoo.cli_notes import answer_lines, naming_the_cards, note_foreign
from model_zoo.cli_options import min_probability_option, solver_options, wish
from model_zoo.cli_plots import find_lr, plot_run, show_batch
from model_zoo.cli_seen import remember
from model_zoo.cli_show import best_figure, described
from model_zoo.cli_train import train
from model_zoo.env_options import option
from model_zoo.sure import is_unsure
from model_zoo.visible import visible

if TYPE_CHECKING:
    from model_zoo.solver import Prediction


@click.group(cls=ZooGroup, context_settings=CONTEXT)
@click.version_option(package_name="captchafleet")
def main() -> None:
    """Models that read text captchas: list, try, train and measure them.

    Models are looked up in the folders of CAPTCHAFLEET_ZOO, then in the built-in zoo.
    Exit codes: 0 done, 1 some image could not be read, 2 usage or an impossible wish,
    130 stopped by Ctrl-C.
    """


@main.command("list")
@option("--architectures", is_flag=True, help="List what `train --architecture` takes, and what it costs.")
def list_models(architectures: bool) -> None:
    """List the models there are.

    \b
    Example: model-zoo list
    """
    if architectures:
        from model_zoo.cli_architectures import architecture_lines

        click.echo("\n".join(architecture_lines()))
        return
    for card in available_models():
        default = " (default)" if card.name == DEFAULT_MODEL else ""
        click.echo(f"{card.name}@{card.fingerprint}{default}  {card.description}{best_figure(card)}")


@main.command()
@click.argument("name", metavar="NAME_OR_PATH")
@option("--json", "as_json", is_flag=True, help="Print the card itself.")
def show(name: str, as_json: bool) -> None:
    """Show what a model is, what it was trained on and how well it reads.

    \b
    Example: model-zoo show kaptcha
    """
    card = find_card(name).card
    click.echo(card.to_json() if as_json else described(card), nl=not as_json)


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@option("--model", default=DEFAULT_MODEL, metavar="NAME_OR_PATH", help="Model to read with.")
@solver_options
@option(
    "--n-best",
    type=click.IntRange(1, 100),
    default=1,
    help="Readings an image; more than one: exact and beam.",
)
@min_probability_option
@option("--json", "as_json", is_flag=True, help="Print a JSON list, one object an image.")
def solve(
    files: Sequence[Path],
    model: str,
    decoder: str,
    beam_width: int | None,
    n_best: int,
    min_probability: float | None,
    as_json: bool,
    device: str,
    **constraint_options: Any,
) -> None:
    """Read images; each answer comes with its probability among all allowed texts.

    A remark follows where the answer is less probable than --min-probability, where it is not proven to be
    the most probable one, and where the model gives all allowed texts less than 0.001 together.

    \b
    Example: model-zoo solve examples/captchas/*.png --length 5
    """
    wished = wish(**constraint_options)
    from model_zoo.solver import load_solver

    solver = load_solver(model, device)
    constraints = wished.of(solver.card)
    with naming_the_cards(wished.added_by(solver.card)):
        note_foreign(constraints, solver.card)
        predictions = solver.solve(files, constraints, decoder=decoder, beam_width=beam_width, n_best=n_best)
    if as_json:
        _print_json(files, predictions, min_probability)
    else:
        _print_lines(files, predictions, decoder, min_probability)
    if any(prediction.error for prediction in predictions):
        raise click.exceptions.Exit(1)


for command in (
    train,
    find_lr,
    show_batch,
    plot_run,
    cross_validate,
    audit,
    record_folds,
    evaluate,
    split,
    generate,
    fetch_data,
    export,
    calibrate,
    combine,
    remember,
):
    main.add_command(command)


def _print_lines(
    files: Sequence[Path], predictions: Sequence[Prediction], decoder: str, min_probability: float | None
) -> None:
    for file, prediction in zip(files, predictions, strict=True):
        if prediction.error:
            said = f"{file}: {prediction.error.code}: {prediction.error.message}"
            click.echo(visible(said), err=True)
        for line in answer_lines(file, prediction, decoder, min_probability):
            click.echo(line)


def _print_json(
    files: Sequence[Path], predictions: Sequence[Prediction], min_probability: float | None
) -> None:
    from dataclasses import asdict

    rows = []
    for file, prediction in zip(files, predictions, strict=True):
        unsure = prediction.text is not None and is_unsure(prediction.probability, min_probability)
        told = {} if min_probability is None else {"unsure": unsure}
        rows.append({"file": str(file), **asdict(prediction), **told})
    click.echo(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
