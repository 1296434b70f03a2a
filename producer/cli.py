"""`producer submit | resume | report | status | cancel`: parse, call one function, print, exit."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from model_zoo.env_options import FiniteRange, option, reading_options
from model_zoo.interrupts import interrupts_after_imports
from model_zoo.visible import visible
from producer.errors import (
    EXIT_CTRL_C,
    EXIT_USAGE,
    BrokerUnreachable,
    Interrupted,
    ProducerError,
    UsageError,
)
from producer.levels import PRIORITIES
from producer.options import (
    MEGABYTE,
    broker_options,
    named_broker_options,
    transport_options,
)
from producer.output import echo, exit_code, print_report
from worker.settings import SettingsError

if TYPE_CHECKING:
    from producer.report.summary import RunSummary
    from producer.request import SubmitRequest, Transport

EXIT_CODES = """
\b
Exit codes:
  0    every image was answered
  1    some image could not be read or answered
  2    usage: a wrong option, an unknown model, an impossible constraint
  3    broker or worker unreachable
  4    stopped before the end and resumable (disk full, broker lost, cancelled)
  130  Ctrl-C; resumable too
"""

QUERY_EXIT_CODES = """
\b
Exit codes:
  0    done
  2    usage: a wrong option, a job that the broker does not know
  3    broker unreachable
"""


class _Group(click.Group):
    """Turns our errors into one sentence and an exit code, for every command alike."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run as a program."""
        with interrupts_after_imports("producer", "worker", "model_zoo"):
            return super().main(*args, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProducerError as error:
            click.echo(f"Error: {visible(str(error))}", err=True)
            sys.exit(error.exit_code)
        except SettingsError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(EXIT_USAGE)
        except KeyboardInterrupt:
            click.echo("Stopped by Ctrl-C.", err=True)
            sys.exit(EXIT_CTRL_C)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(package_name="captchafleet")
def main() -> None:
    """Submit directories of captchas to the fleet, and report truthfully how well they were read."""


@main.command(epilog=EXIT_CODES)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@option("--model", metavar="NAME[@FINGERPRINT]", help="Model to read with; a path with the embedded default.")
@option("--labels", default="stem", metavar="stem|none|FILE.csv", help="Where the right texts stand.")
@option("--from-list", metavar="LIST", help="File with the names to send, one a line; - is standard input.")
@option("--min-probability", type=FiniteRange(0, 1), metavar="P",
        help="Answers below it are unsure: they count as not right. [default: none]")  # fmt: skip
@reading_options
@option("--beam-width", type=click.IntRange(1, 200), default=10, help="Readings a beam keeps.")
@option("--n-best", type=click.IntRange(1, 100), default=1, help="Readings to report for each image.")
@option("--batch-size", type=click.IntRange(1, 65536),
        help="Images a message. [default: from 16, growing to 256]")  # fmt: skip
@option(
    "--max-batch-mb",
    type=FiniteRange(0, 256, min_open=True),
    default=8,
    help="Size of a message's images.",
)
@option("--max-image-mb", type=FiniteRange(0, 256, min_open=True), default=10,
        help="Larger files are answered too_many_bytes.")  # fmt: skip
@option("--priority", type=click.Choice(PRIORITIES), default="normal",
        help="Which jobs go first where several wait for a model.")  # fmt: skip
@option("--run-dir", type=click.Path(path_type=Path), metavar="DIR", help="Run folder. [default: runs/JOB]")
@broker_options
@transport_options
def submit(**options: Any) -> None:
    """Read every image below DIR and report the accuracy.

    Without --broker it starts a private server and one local worker, and stops both at the end. The run
    folder takes manifest.jsonl, results.jsonl, report.json and report.html.

    Example: producer submit ./imgs --length 5 --charset :digits::lower:
    """
    from producer.job import submit as carry_out

    with _session(options) as (transport, display, show):
        show(carry_out(_request(options), transport, display))


@main.command(epilog=EXIT_CODES)
@click.argument("run_dir", metavar="RUN_DIR", type=click.Path(path_type=Path))
@broker_options
@transport_options
def resume(run_dir: Path, **options: Any) -> None:
    """Send what has no answer yet, and report on the whole job.

    Example: producer resume runs/20260401-101500-3fa9c1
    """
    from producer.job import resume as carry_out

    with _session({**options, "run_dir": run_dir}) as (transport, display, show):
        show(carry_out(run_dir, transport, display))


@main.command(epilog=EXIT_CODES)
@click.argument("run_dir", metavar="RUN_DIR", type=click.Path(path_type=Path))
@option("--labels", metavar="stem|none|FILE.csv", help="Where the right texts stand. [default: as submitted]")
@option(
    "--ignore-case/--match-case",
    default=None,
    help="Compare without case, or exactly. [default: as submitted]",
)
@option("--min-probability", type=FiniteRange(0, 1), metavar="P",
        help="Answers less probable than this are unsure. [default: as submitted]")  # fmt: skip
@option("--json", "as_json", is_flag=True, help="Print report.json, and nothing else, on stdout.")
def report(
    run_dir: Path,
    labels: str | None,
    ignore_case: bool | None,
    min_probability: float | None,
    as_json: bool,
) -> None:
    """Measure a run folder again, offline, and write its reports anew.

    Example: producer report runs/20260401-101500-3fa9c1 --labels truth.csv
    """
    from producer.labels import parse_labels_option
    from producer.manifest import read_facts
    from producer.run_folder import RunFolder
    from producer.session import store
    from producer.summary import summarise

    folder = RunFolder.existing(run_dir)
    source = parse_labels_option(labels or read_facts(folder.manifest).request.labels)
    summary = summarise(folder, source, ignore_case, min_probability)
    print_report(summary, as_json)
    store(folder, summary)
    sys.exit(exit_code(summary))


@main.command(epilog=QUERY_EXIT_CODES)
@click.argument("job", required=False)
@named_broker_options
@option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(job: str | None, broker: str | None, as_json: bool) -> None:
    """Show the workers and jobs of a broker, or one JOB.

    Example: producer status --broker redis://gpu-queue:6379/0
    """
    from producer.overview import look, render, to_json

    overview = look(_named(broker), job)
    click.echo(to_json(overview) if as_json else render(overview))


@main.command(epilog=QUERY_EXIT_CODES)
@click.argument("job")
@named_broker_options
def cancel(job: str, broker: str | None) -> None:
    """Stop JOB: its producer ends with exit code 4, its batches are dropped. `resume` can go on with it.

    Example: producer cancel 20260401-101500-3fa9c1 --broker redis://gpu-queue:6379/0
    """
    from producer.overview import cancel as carry_out

    carry_out(_named(broker), job)
    click.echo(f"job {job} is cancelled; what was answered stays in its run folder")


def _named(broker: str | None) -> str:
    if broker is None:
        raise UsageError(
            "name the broker with --broker or CAPTCHAFLEET_BROKER; a private one ends with its job"
        )
    return broker


def _request(options: dict[str, Any]) -> SubmitRequest:
    from producer.manifest import BatchLimits
    from producer.request import SubmitRequest
    from worker.contract import JobOptions

    reading = JobOptions(
        decoder=options["decoder"],
        beam_width=options["beam_width"],
        n_best=options["n_best"],
        charset=options["charset"],
        length=options["length"],
        pattern=options["pattern"],
        regex=options["regex"],
        max_image_bytes=int(options["max_image_mb"] * MEGABYTE),
    )
    return SubmitRequest(
        directory=options["directory"],
        run_dir=options["run_dir"],
        from_list=options["from_list"],
        model=options["model"],
        labels=options["labels"],
        ignore_case=options["ignore_case"],
        options=reading,
        lexicon=options["lexicon"],
        unconstrained=options["unconstrained"],
        limits=BatchLimits(options["batch_size"], int(options["max_batch_mb"] * MEGABYTE)),
        min_probability=options["min_probability"],
        priority=options["priority"],
    )


def _transport(options: dict[str, Any]) -> Transport:
    from producer.request import Transport

    return Transport(
        broker=options["broker"],
        wait_s=options["wait"],
        max_in_flight_bytes=int(options["max_in_flight_mb"] * MEGABYTE),
        job_ttl_s=options["job_ttl"],
    )


@contextmanager
def _session(options: dict[str, Any]) -> Iterator[tuple[Transport, Any, Any]]:
    """What `submit` and `resume` share: display, signals, the report, and the way on after a stop."""
    from producer.display import Display

    def stop(number: int, _: object) -> NoReturn:
        raise Interrupted(f"stopped by {signal.Signals(number).name}")

    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, stop)
    # The run folder holds what the captchas say: nothing in it is for others.
    os.umask(0o077)
    display = Display(quiet=options["quiet"] or options["as_json"])
    outcome: list[RunSummary] = []
    try:
        yield _transport(options), display, outcome.append
    except (BrokerUnreachable, Interrupted) as error:
        _say_how_to_go_on(f"Error: {error}", display.run_dir)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say_how_to_go_on("Stopped by Ctrl-C.", display.run_dir)
        sys.exit(EXIT_CTRL_C)
    print_report(outcome[0], options["as_json"])
    if not options["as_json"]:
        echo(f"Run folder: {visible(str(display.run_dir))}\n")
    sys.exit(exit_code(outcome[0]))


def _say_how_to_go_on(why: str, run_dir: Path | None) -> None:
    click.echo(visible(why), err=True)
    if run_dir is not None:
        folder = shlex.quote(visible(str(run_dir)))
        click.echo(f"What was answered is kept. Go on with: producer resume {folder}", err=True)


if __name__ == "__main__":
    main()
