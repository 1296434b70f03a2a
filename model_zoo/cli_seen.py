"""`model-zoo remember`: the list of training images of a model that has none."""

from __future__ import annotations

from pathlib import Path

import click

from model_zoo import split as splitting
from model_zoo.cli_errors import CONTEXT
from model_zoo.cli_options import data_option
from model_zoo.env_options import option


@click.command(context_settings=CONTEXT)
@click.argument("name", metavar="NAME_OR_PATH")
@data_option
@option("--parts", default="train", help="What it was trained on: train, all, or numbers like 2-9.")
def remember(name: str, data: Path, parts: str) -> None:
    """List the images that a model was trained on beside its card, by their hashes alone.

    `train` does so itself; this is for a model of before. The folder must be the one that it was trained on.
    Workers and `evaluate` then tell which images it has seen.

    \b
    Example: model-zoo remember zoo/mine.json --data DIR
    """
    from model_zoo.seen import remember as write
    from model_zoo.training.selection import part_numbers

    count = write(name, splitting.labelled_files(data), part_numbers(parts))
    click.echo(f"{name}: {count:,} training images are listed")
