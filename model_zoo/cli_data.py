"""The commands of `model-zoo` that measure on, list and make labelled images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_zoo import split as splitting
from model_zoo.cards import find_card
from model_zoo.cli_errors import CONTEXT
from model_zoo.cli_notes import figure, naming_the_cards, note_foreign, ruled_out
from model_zoo.cli_options import (
    FOLDER,
    data_option,
    min_probability_option,
    part_option,
    solver_options,
    wish,
)
from model_zoo.env_options import option
from model_zoo.visible import visible

if TYPE_CHECKING:
    from model_zoo.evaluate import Evaluation, Overlap, Sure

# Errors that are listed for a reader.
_SHOWN_ERRORS = 20


@click.command(context_settings=CONTEXT)
@click.argument("name", metavar="NAME_OR_PATH")
@data_option
@part_option(default=["test"])
@solver_options
@min_probability_option
@option("--record", is_flag=True, help="Write the accuracy of each part into the model's card; never train.")
@option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def evaluate(
    name: str,
    data: Path,
    parts: Sequence[str],
    decoder: str,
    beam_width: int | None,
    device: str,
    min_probability: float | None,
    record: bool,
    as_json: bool,
    **constraint_options: Any,
) -> None:
    """Measure a model on parts of a folder of labelled images.

    \b
    Example: model-zoo evaluate crnn-small --data DIR --part test --part validation
    """
    wished = wish(**constraint_options)
    if record and (named := _named({**constraint_options, "min_probability": min_probability is not None})):
        raise click.UsageError(f"--record is for the model as it is; leave {named} out")
    from model_zoo import evaluate as measuring
    from model_zoo.solver import load_solver

    if record:
        measuring.check_record(name, parts)
    solver = load_solver(name, device)
    files = splitting.of_parts(splitting.labelled_files(data), parts)
    if record:
        measuring.check_unseen(solver.training_images, files)
    constraints = wished.of(solver.card)
    with naming_the_cards(wished.added_by(solver.card)):
        note_foreign(constraints, solver.card)
        readings = measuring.read_files(
            solver,
            files,
            constraints,
            decoder=decoder,
            beam_width=beam_width,
            min_probability=min_probability,
        )
    result = measuring.measure(readings, decoder, min_probability)
    overlap = measuring.overlap(solver.training_images, files, readings)
    if record:
        measuring.record(name, readings, result.decoder)
    impossible = ruled_out([file.label for file in files], constraints, solver.card)
    proven = sum(bool(reading.proven) for reading in readings)
    if as_json:
        told = {
            "model": f"{solver.card.name}@{solver.card.fingerprint}",
            "parts": list(parts),
            "constraints": wished.held(solver.card),
            "ignore_case": wished.ignore_case,
        }
        seen = None if overlap is None else asdict(overlap)
        figures = {**told, **asdict(result), "proven": proven, "labels_ruled_out": impossible}
        click.echo(json.dumps({**figures, "seen_in_training": seen}, indent=2))
    else:
        title = f"{name}, {', '.join([decoder, *wished.told(solver.card)])}, parts {' + '.join(parts)}"
        click.echo(_in_words(title, result, proven))
    _warn_of(overlap)
    if impossible:
        said = f"{impossible:,} of {len(files):,} labels can be no answer"
        click.echo(f"{said}: the constraints or the model's characters rule them out", err=True)
    if record:
        click.echo(f"recorded in {_card_file(name)}", err=as_json)  # JSON stands alone on stdout


def _warn_of(overlap: Overlap | None) -> None:
    """Say which images the model was trained on, and how well it reads the others."""
    if overlap is None or overlap.warning is None:
        return
    click.echo(overlap.warning, err=True)
    if match := overlap.exact_match_unseen:
        figure_of_others = (
            f"{match.value:.2%} ({match.low:.2%} to {match.high:.2%}, 95 % Wilson, n = {match.n})"
        )
        click.echo(f"exact match of the others: {figure_of_others}", err=True)


def _card_file(name: str) -> Path:
    """Where the card lies that `--record` wrote."""
    card, directory = find_card(name)
    return directory / f"{card.name}.json"


def _named(options: dict[str, Any]) -> str:
    """The options that were given, as "--charset and --length"."""
    return " and ".join(f"--{name.replace('_', '-')}" for name, value in options.items() if value)


def _in_words(title: str, result: Evaluation, proven: int) -> str:
    match = result.exact_match
    more = len(result.errors) - _SHOWN_ERRORS
    lines = [
        f"model                 {title}",
        f"exact match           {match.value:.2%} "
        f"({match.low:.2%} to {match.high:.2%}, 95 % Wilson, n = {match.n})",
        f"character accuracy    {result.character_accuracy:.2%}",
        f"character error rate  {result.character_error_rate:.2%}",
        *([f"proven                {proven} of {match.n}"] if result.decoder == "exact" else []),
        *([] if result.sure is None else _sure_in_words(result.sure, match.n)),
        f"wrong answers         {len(result.errors)}",
    ]
    for wrong in result.errors[:_SHOWN_ERRORS]:
        text = wrong.text or "nothing"
        answer = "unreadable" if wrong.text is None else f"{text} (p = {figure(wrong.probability or 0)})"
        lines.append(f"  {visible(wrong.file)}: {visible(wrong.label)} read as {answer}")
    if more > 0:
        lines.append(f"  and {more} more; --json lists them all")
    return "\n".join(lines)


def _sure_in_words(sure: Sure, n: int) -> Iterator[str]:
    if match := sure.precision:
        interval = f"{match.low:.2%} to {match.high:.2%}, 95 % Wilson, n = {match.n}"
        yield f"precision             {match.value:.2%} of the sure answers ({interval})"
    right = f", {sure.unsure_right} of them with the right text" if sure.unsure else ""
    yield f"unsure                {sure.unsure} of {n} below {sure.min_probability:.15g}{right}"
    yield f"coverage              {sure.coverage:.2%}"


@click.command(context_settings=CONTEXT)
@data_option
@part_option(required=True)
@option("--out", required=True, type=FOLDER, help="List to write: paths below the folder, one a line.")
def split(data: Path, parts: Sequence[str], out: Path) -> None:
    """List the images of a part, for `producer submit --from-list`.

    \b
    Example: model-zoo split --data DIR --part validation --out validation.txt
    """
    files = splitting.of_parts(splitting.labelled_files(data), parts)
    click.echo(f"{out}: {splitting.write_list(files, data, out)} images of {' + '.join(parts)}")
