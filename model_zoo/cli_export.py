"""`model-zoo export`: a model for programs without torch."""

from __future__ import annotations

from pathlib import Path

import click

from model_zoo.cli_errors import CONTEXT
from model_zoo.cli_options import FOLDER
from model_zoo.env_options import option


@click.command(context_settings=CONTEXT)
@click.argument("name", metavar="NAME_OR_PATH")
@option("--format", "kind", type=click.Choice(["onnx"]), default="onnx", help="Of the file.")
@option("--out", required=True, type=FOLDER, help="File to write.")
@option("--force", is_flag=True, help="Replace what is there.")
def export(name: str, kind: str, out: Path, force: bool) -> None:
    """Write a model as ONNX; the file is kept only if ONNX Runtime gives the same log-probabilities.

    It takes grey pixels, uint8 (N, 1, H, W), and gives log-probabilities, float32 (N, T, C). Charset and
    sizes are in the file's metadata. Needs captchafleet[worker].

    \b
    Example: model-zoo export kaptcha --format onnx --out kaptcha.onnx
    """
    from model_zoo.export import export as write

    difference = write(name, out, force=force)
    click.echo(f"{out}: log-probabilities under ONNX Runtime differ by {difference:.1g} at most")
