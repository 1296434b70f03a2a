"""`model-zoo train` by the recipe `style`: what it is told, and what it says."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_zoo.cli_recipe import STYLE
from model_zoo.errors import DataError

if TYPE_CHECKING:
    from model_zoo.style.samples import Samples
    from model_zoo.style.tuned import StyleEpoch

# Options of `train` that only this recipe takes, and those that every recipe takes.
STYLE_OPTIONS = ("labels", "minutes")
BOTH = ("data", "seed", "source", "licence", "resume", "start", "device")


def refuse_foreign(recipe: str, given: Collection[str]) -> None:
    """Refuse options that the recipe does not take, rather than pass them over.

    Args:
        recipe: its name.
        given: options that were said, by the names of their parameters.

    Raises:
        DataError: one that belongs to other recipes.
    """
    flags = {"start": "--start-from", "compiled": "--compile"}
    for key in sorted(given):
        flag = flags.get(key, "--" + key.replace("_", "-"))
        if recipe == STYLE and key not in (*STYLE_OPTIONS, *BOTH, "recipe"):
            raise DataError(
                f"{flag} is not for --recipe {STYLE}, which finds that out by itself; leave it out, or add "
                "--recipe standard"
            )
        if recipe != STYLE and key in STYLE_OPTIONS:
            raise DataError(f"{flag} is for --recipe {STYLE} alone, not for {recipe}; leave one of them out")


def train_by_style(out: Path, name: str, *, data: Path | None, start: str | None, **options: Any) -> None:
    """Train, with progress on a terminal, and say what came out.

    Raises:
        DataError: no folder, or one that cannot be learned from.
    """
    if data is None:
        raise DataError("there is nothing to train on; give --data DIR, a folder of labelled images")
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    from model_zoo.style.samples import problems_in_words
    from model_zoo.style.train import START, StyleOptions, train_style
    from model_zoo.told import seconds

    console = Console(stderr=True)
    wish = StyleOptions(data=data, name=name, out=out, start=start or START, **options)
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading the images", total=None)

        def announce(samples: Samples) -> None:
            for line in (*problems_in_words(samples), _about(samples, wish.minutes)):
                console.print(line, soft_wrap=True, markup=False, highlight=False)
            progress.update(task, description="training", total=wish.minutes * 60)

        def show(epoch: StyleEpoch) -> None:
            read = epoch.validation_exact_match
            text = f"round {epoch.round}, loss {epoch.loss:.3f}"
            if read is not None:
                text += f", {read:.1%} of the validation images"
            progress.update(task, completed=epoch.seconds, description=text)
            if epoch.share == 1 and not console.is_terminal:  # a sign of life
                line = f"{text} after {seconds(epoch.seconds)}"
                console.print(line, soft_wrap=True, markup=False, highlight=False)

        report = train_style(wish, announce, show)
    click.echo("\n".join(report.lines()))


def _about(samples: Samples, minutes: float) -> str:
    """What is about to happen; all there is to see for a while where there is no terminal."""
    shortest, longest = samples.min_length, samples.max_length
    span = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
    return (
        f"{len(samples.files):,} images, {span} characters each, {len(samples.charset)} different ones: "
        f"{samples.charset}; training for {minutes:g} {'minute' if minutes == 1 else 'minutes'} at most"
    )
