"""What `producer` prints on standard output, and the exit code that goes with a report."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from producer.errors import EXIT_OK, EXIT_RESUMABLE, EXIT_UNANSWERED, Interrupted

if TYPE_CHECKING:
    from producer.report.summary import RunSummary


def exit_code(summary: RunSummary) -> int:
    """What the state of a job means for the shell."""
    if not summary.complete:
        return EXIT_RESUMABLE
    return EXIT_UNANSWERED if summary.errors else EXIT_OK


def print_report(summary: RunSummary, as_json: bool) -> None:
    """The report on standard output. Raises Interrupted where that cannot be written."""
    if as_json:
        from producer.report.document import json_text

        echo(json_text(summary))
        return
    from io import StringIO

    from rich.console import Console

    from producer.report.terminal import render_terminal

    target = Console(highlight=False)
    text = StringIO()
    # Drawn for the terminal that will show it, and written at once.
    render_terminal(
        summary,
        Console(
            file=text,
            width=target.width,
            highlight=False,
            force_terminal=target.is_terminal,
            no_color=target.no_color,
            legacy_windows=False,
        ),
    )
    echo(text.getvalue())


def echo(text: str) -> None:
    """Print, unless nobody reads any more: `| head -1` is no reason for another exit code."""
    try:
        click.echo(text, nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would try once more when it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise Interrupted(
            f"the report cannot be printed: {error.strerror}; it stands in the run folder"
        ) from error
