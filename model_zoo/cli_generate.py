"""`model-zoo generate`: labelled images that nobody had to label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from model_zoo.cli_errors import CONTEXT
from model_zoo.cli_options import FOLDER
from model_zoo.constraints import parse_charset, parse_length
from model_zoo.env_options import option
from model_zoo.errors import DataError

Value = TypeVar("Value")

# Options that Kaptcha's styles do not take, by their parameters.
_OF_STYLES = ("style_seed", "charset", "length", "size", "fonts")
_SAID = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)


@click.command(context_settings=CONTEXT)
@option(
    "--style",
    default="kaptcha",
    help="Of captcha: kaptcha; kaptcha-two-fonts; random, one that --style-seed draws; many, each image in "
    "another one.",
)
@option("--style-seed", type=int, default=0, help="Draws the style of --style random.")
@option("--count", type=click.IntRange(1, 1_000_000), default=200, help="Images.")
@option("--seed", type=int, default=0, help="The same seed makes the same images.")
@option("--charset", metavar="CHARS", help="Of the labels, with --style random or many. [default: drawn]")
@option("--length", metavar="N|N-M", help="Of the labels, likewise. [default: drawn]")
@option("--size", metavar="WxH", help="Of the images in pixels, likewise. [default: drawn]")
@option(
    "--fonts",
    type=click.Choice(("shipped", "listed")),
    default="shipped",
    help="Likewise: those that come along, or those of Debian's packages that generic was trained with.",
)
@option("--out", required=True, type=FOLDER, help="New folder for the images.")
def generate(style: str, count: int, seed: int, out: Path, **options: Any) -> None:
    """Make labelled synthetic images; their labels never occur in synthetic training images.

    A style of --style random is the same wherever it is drawn. With another charset, length or size a seed
    draws another style.

    \b
    Example: model-zoo generate --style kaptcha --count 200 --seed 1 --out captchas
             model-zoo generate --style random --style-seed 5 --count 1000 --out captchas
    """
    from model_zoo.generators.folder import write_examples
    from model_zoo.generators.styles.example_options import KINDS, ExampleOptions, parse_size

    _refuse_foreign(style, KINDS)
    asked = ExampleOptions(
        options["style_seed"],
        _parsed(parse_charset, options["charset"]),
        _parsed(parse_length, options["length"]),
        _parsed(parse_size, options["size"]),
        options["fonts"],
    )
    paths = write_examples(out, style=style, count=count, seed=seed, options=asked)
    click.echo(f"{out}: {len(paths)} images")


def _parsed(parse: Callable[[str], Value], text: str | None) -> Value | None:
    return None if text is None else parse(text)


def _refuse_foreign(style: str, kinds: tuple[str, ...]) -> None:
    """Refuse an option that the style does not take, rather than pass it over."""
    said = click.get_current_context().get_parameter_source
    for key in _OF_STYLES:
        flag = "--" + key.replace("_", "-")
        if said(key) not in _SAID:
            continue
        if style not in kinds:
            raise DataError(f"{flag} is for --style {' and '.join(kinds)}, not for {style}; leave it out")
        if key == "style_seed" and style == "many":
            raise DataError(f"{flag} is for --style random; every image of many has a style of its own")
