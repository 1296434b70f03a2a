"""The commands of `model-zoo` that work on a folder of labelled images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from model_zoo import split as splitting
from model_zoo.cli_errors import CONTEXT
from model_zoo.constraints import parse_constraints, parse_length
from model_zoo.visible import visible

if TYPE_CHECKING:
    from model_zoo.evaluate import Evaluation
    from model_zoo.training.run import TrainOptions

_FOLDER = click.Path(path_type=Path)
_PART = click.Choice(list(splitting.PARTS))

data_option = click.option(
    "--data", required=True, type=_FOLDER, help="Folder of images named LABEL.png or LABEL_anything.png."
)


@click.command(context_settings=CONTEXT)
@data_option
@click.option("--name", required=True, help="Of the new model.")
@click.option("--out", type=_FOLDER, default="zoo", show_default=True, help="Zoo folder that gets the model.")
@click.option("--architecture", default="crnn-small", show_default=True)
@click.option(
    "--height", type=click.IntRange(min=16), default=50, show_default=True, help="Input, in pixels."
)
@click.option(
    "--width", type=click.IntRange(min=16), default=200, show_default=True, help="Input, in pixels."
)
@click.option("--length", help="Allowed lengths of labels, like 5 or 4-6. [default: found out]")
@click.option("--epochs", type=click.IntRange(min=1), default=60, show_default=True)
@click.option(
    "--synthetic", type=click.IntRange(min=0), default=0, show_default=True, help="Images an epoch."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--learning-rate", type=float, default=3e-3, show_default=True, help="Peak of the cycle.")
@click.option("--source", default="", help="Where the images come from, for the card.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
def train(
    data: Path,
    name: str,
    out: Path,
    architecture: str,
    height: int,
    width: int,
    length: str | None,
    epochs: int,
    synthetic: int,
    seed: int,
    learning_rate: float,
    source: str,
    resume: bool,
) -> None:
    """Train a model on the training part of a folder; the validation part is looked at after every epoch.

    \b
    Example: model-zoo train --data DIR --name mine --epochs 60 --synthetic 512
    """
    allowed = parse_length(length) if length else None
    from model_zoo.training.recipe import Recipe
    from model_zoo.training.run import TrainOptions

    _train(
        TrainOptions(
            data=data,
            name=name,
            out=out,
            architecture=architecture,
            height=height,
            width=width,
            length=allowed,
            source=source,
            resume=resume,
            recipe=Recipe(epochs=epochs, synthetic=synthetic, seed=seed, learning_rate=learning_rate),
        )
    )


def _train(options: TrainOptions) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from model_zoo.training.log import EpochLog
    from model_zoo.training.run import train as run

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("training", total=options.recipe.epochs)

        def show(log: EpochLog) -> None:
            text = f"loss {log.loss:.3f}, validation {log.validation_exact_match:.1%}"
            progress.update(task, completed=log.epoch, description=text)

        card = run(options, show)
    match = card.accuracy[0]
    click.echo(
        f"{options.out / card.name}.json: exact match {match.value:.1%} on {match.n} validation images"
    )


@click.command(context_settings=CONTEXT)
@click.argument("name", metavar="NAME_OR_PATH")
@data_option
@click.option(
    "--part", "parts", type=_PART, multiple=True, default=["test"], show_default=True, help="Repeatable."
)
@click.option("--decoder", type=click.Choice(["greedy", "beam"]), help="[default: the model's]")
@click.option("--beam-width", type=click.IntRange(min=1), help="[default: the model's]")
@click.option("--charset", help="Allowed characters; :digits:, :lower: and :upper: are classes.")
@click.option("--length", help="Allowed lengths, like 5 or 4-6.")
@click.option("--device", default="auto", show_default=True, envvar="CAPTCHAFLEET_DEVICE", show_envvar=True)
@click.option("--record", is_flag=True, help="Write the accuracy of each part into the model's card.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def evaluate(
    name: str,
    data: Path,
    parts: Sequence[str],
    decoder: str | None,
    beam_width: int | None,
    charset: str | None,
    length: str | None,
    device: str,
    record: bool,
    as_json: bool,
) -> None:
    """Measure a model on parts of a folder of labelled images.

    \b
    Example: model-zoo evaluate crnn-small --data DIR --part test --part validation
    """
    constraints = parse_constraints(charset, length)
    if record and (charset or length):
        raise click.UsageError("--record is for the model as it is; leave --charset and --length out")
    from model_zoo import evaluate as measuring
    from model_zoo.solver import load_solver

    solver = load_solver(name, device)
    files = splitting.of_parts(splitting.labelled_files(data), parts)
    readings = measuring.read_files(solver, files, constraints, decoder=decoder, beam_width=beam_width)
    result = measuring.measure(readings, decoder or solver.method_for(constraints))
    if record:
        measuring.record(name, readings, result.decoder)
    click.echo(json.dumps(asdict(result), indent=2) if as_json else _in_words(name, parts, result))


def _in_words(name: str, parts: Sequence[str], result: Evaluation) -> str:
    match = result.exact_match
    lines = [
        f"model                 {name}, {result.decoder}, parts {' + '.join(parts)}",
        f"exact match           {match.value:.2%} "
        f"({match.low:.2%} to {match.high:.2%}, 95 % Wilson, n = {match.n})",
        f"character accuracy    {result.character_accuracy:.2%}",
        f"character error rate  {result.character_error_rate:.2%}",
        f"errors                {len(result.errors)}",
    ]
    for wrong in result.errors:
        answer = "unreadable" if wrong.text is None else f"{wrong.text} (p = {wrong.probability:.3f})"
        lines.append(f"  {visible(wrong.file)}: {visible(wrong.label)} read as {answer}")
    return "\n".join(lines)


@click.command(context_settings=CONTEXT)
@data_option
@click.option("--part", "parts", type=_PART, multiple=True, required=True, help="Repeatable.")
@click.option("--out", required=True, type=_FOLDER, help="List to write: paths below the folder, one a line.")
def split(data: Path, parts: Sequence[str], out: Path) -> None:
    """List the images of a part, for `producer submit --from-list`.

    \b
    Example: model-zoo split --data DIR --part validation --out validation.txt
    """
    files = splitting.of_parts(splitting.labelled_files(data), parts)
    click.echo(f"{out}: {splitting.write_list(files, data, out)} images of {' + '.join(parts)}")


@click.command(context_settings=CONTEXT)
@click.option("--style", default="kaptcha", show_default=True)
@click.option("--count", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", required=True, type=_FOLDER, help="New folder for the images.")
def generate(style: str, count: int, seed: int, out: Path) -> None:
    """Make labelled synthetic images; their labels never occur in synthetic training images.

    \b
    Example: model-zoo generate --style kaptcha --count 200 --seed 1 --out captchas
    """
    from model_zoo.generators.folder import write_examples

    click.echo(f"{out}: {len(write_examples(out, style=style, count=count, seed=seed))} images")
