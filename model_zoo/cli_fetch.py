"""`model-zoo fetch-data`: a public data set in, a folder of labelled images out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from model_zoo.cli_errors import CONTEXT
from model_zoo.cli_options import FOLDER
from model_zoo.env_options import FiniteRange, option

if TYPE_CHECKING:
    from model_zoo.fetch import Fetched, FetchOptions


@click.command("fetch-data", context_settings=CONTEXT)
@click.argument("name")
@option("--out", type=FOLDER, help="Folder that gets the images. [default: the name]")
@option("--url", help="Of another zip of images named LABEL.png; needs --sha256.")
@option("--sha256", metavar="HEX", help="That the zip must have.")
@option("--force", is_flag=True, help="Replace what is there.")
@option("--max-mb", type=FiniteRange(0, 1e6, min_open=True), default=200.0, help="Largest zip.")
@option("--timeout", type=FiniteRange(0, 3600, min_open=True), default=30.0, help="Seconds without a byte.")
def fetch_data(
    name: str,
    out: Path | None,
    url: str | None,
    sha256: str | None,
    force: bool,
    max_mb: float,
    timeout: float,
) -> None:
    """Download a data set, check it and unpack it; all or nothing.

    Known: captcha_images_v2, the 1,040 images of Wilhelmy and Rosas (2013), as packed in
    AakashKumarNain/CaptchaCracker. They carry no licence, so they are for your own use.

    \b
    Example: model-zoo fetch-data captcha_images_v2 --out captcha_images_v2
    """
    from model_zoo.download import DownloadLimits
    from model_zoo.fetch import FetchOptions

    limits = DownloadLimits(round(max_mb * 10**6), timeout)
    options = FetchOptions(name, out or Path(name), url, sha256, force, limits)
    found = _fetch(options)
    checked = "as asked for" if sha256 else "not compared: give --sha256 to insist on one"
    click.echo(f"{options.out}: {found.images:,} images; the archive has sha256 {found.sha256} ({checked})")


def _fetch(options: FetchOptions) -> Fetched:
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

    from model_zoo.fetch import fetch

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("downloading", total=None)
        return fetch(options, lambda done, total: progress.update(task, completed=done, total=total))
