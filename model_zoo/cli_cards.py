"""The commands of `model-zoo` that write cards: a temperature into one's own, an ensemble's anew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import click

from model_zoo import split as splitting
from model_zoo.cli_errors import CONTEXT
from model_zoo.cli_options import FOLDER, data_option
from model_zoo.cli_show import described
from model_zoo.env_options import option

# What a temperature may be fitted to; the images a model was fitted to would make it too sure.
_PARTS = ("validation", "test")


View = tuple[float, float, float]


def _views(context: click.Context, parameter: click.Parameter, texts: Sequence[str]) -> tuple[View, ...]:
    """DX,DY or DX,DY,SCALE as numbers. Fails like any value of a wrong type."""
    return tuple(_view(text, context, parameter) for text in texts)


def _view(text: str, context: click.Context, parameter: click.Parameter) -> View:
    try:
        dx, dy, scale = (float(part) for part in (f"{text},1" if text.count(",") == 1 else text).split(","))
    except ValueError:
        dx = dy = scale = math.nan
    if not (math.isfinite(dx) and math.isfinite(dy) and 0 < scale < math.inf):
        raise click.BadParameter(
            f"{text!r} is no view; give DX,DY or DX,DY,SCALE, e.g. 1,0 or 0,0,1.05", context, parameter
        )
    return dx, dy, scale


@click.command(context_settings=CONTEXT)
@click.argument("name", metavar="NAME_OR_PATH")
@data_option
@option("--part", type=click.Choice(_PARTS), default="validation", help="Images to fit to.")
@option("--device", default="auto", help="Where to run: auto, cpu, cuda or cuda:N.")
def calibrate(name: str, data: Path, part: str, device: str) -> None:
    """Fit a temperature to labelled images and write it, with what was measured, into a card of your own.

    The temperature is part of the model: its fingerprint changes, and to workers and producers it is another
    model than before. Copy a built-in model to a folder of your own first.

    \b
    Example: model-zoo calibrate zoo/mine.json --data DIR --part validation
    """
    from model_zoo.calibrated import calibrate as carry_out

    files = splitting.of_parts(splitting.labelled_files(data), [part])
    done = carry_out(name, files, part, device)
    click.echo(described(done.new))
    click.echo(
        f"{done.old.name}@{done.old.fingerprint} is now {done.new.name}@{done.new.fingerprint}: with another "
        "temperature it is another model to workers and producers"
    )


@click.command(context_settings=CONTEXT)
@click.argument("members", nargs=-1, required=True, metavar="MODEL...")
@option("--name", required=True, help="Of the ensemble.")
@option("--out", required=True, type=FOLDER, help="Folder of the zoo for its card.")
@option(
    "--view",
    "views",
    multiple=True,
    callback=_views,
    metavar="DX,DY[,SCALE]",
    help="Each member looks at the image moved so many pixels, and scaled. Repeatable.",
)
def combine(
    members: Sequence[str], name: str, out: Path, views: Sequence[tuple[float, float, float]]
) -> None:
    """Make one model of several, or of one that looks several times; the card names its members.

    \b
    Example: model-zoo combine kaptcha zoo/mine.json --name both --out zoo
    """
    from model_zoo.combine import CombineOptions
    from model_zoo.combine import combine as carry_out

    card = carry_out(CombineOptions(members, name, out, views))
    click.echo(f"{out / f'{card.name}.json'}: {card.name}@{card.fingerprint}  {card.description}")
