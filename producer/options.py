"""The options that commands share; each has its CAPTCHAFLEET_OPTION variable. Imports nothing heavy."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import click

from model_zoo.env_options import Command, FiniteRange, option
from producer.errors import UsageError
from worker import broker as brokers
from worker.settings import read_password

MEGABYTE = 2**20


def broker_options(command: Command) -> Command:
    """`--broker` and `--broker-password-file`, given to the command as one checked `broker` (or None)."""
    return _broker_options(command, "Redis of the fleet. [default: a private one, with a local worker]")


def named_broker_options(command: Command) -> Command:
    """The same for a command that has no use for a private broker."""
    return _broker_options(command, "Redis of the fleet; to be named here or by its variable.")


def _broker_options(command: Command, help_text: str) -> Command:
    @option("--broker", metavar="URL", help=help_text)
    @option(
        "--broker-password-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File that holds the broker's password; or set CAPTCHAFLEET_BROKER_PASSWORD.",
    )
    @click.pass_context
    @functools.wraps(command)
    def checked(
        context: click.Context, /, broker: str | None, broker_password_file: Path | None, **rest: Any
    ) -> Any:
        from_command_line = context.get_parameter_source("broker") == click.core.ParameterSource.COMMANDLINE
        return command(broker=_checked_broker(broker, broker_password_file, from_command_line), **rest)

    return checked  # type: ignore[return-value]


def transport_options(command: Command) -> Command:
    """The options that `submit` and `resume` share, beside the broker's."""
    for decorate in (
        option("--quiet", is_flag=True, help="Print no progress; warnings and the report remain."),
        option("--json", "as_json", is_flag=True, help="Print report.json, and nothing else, on stdout."),
        option("--job-ttl", type=click.IntRange(60), default=7 * 86400, metavar="SECONDS",
               help="How long Redis keeps the job when nothing is heard of its producer."),
        option("--max-in-flight-mb", type=FiniteRange(0, min_open=True), default=64,
               help="Memory that this job's images take in Redis at most."),
        option("--wait", type=FiniteRange(0), default=60, metavar="SECONDS",
               help="Patience with an absent worker or broker."),
    ):  # fmt: skip
        command = decorate(command)
    return command


def _checked_broker(url: str | None, password_file: Path | None, from_command_line: bool) -> str | None:
    if not url:
        return None
    if from_command_line and brokers.has_password(url):
        raise UsageError(
            "a password on the command line is seen by everyone on this machine; put the URL into "
            "CAPTCHAFLEET_BROKER, or only the password into CAPTCHAFLEET_BROKER_PASSWORD or a file "
            "for --broker-password-file"
        )
    try:
        brokers.check(url)
    except brokers.BrokerURLError as error:
        raise UsageError(str(error)) from error
    password = os.environ.get("CAPTCHAFLEET_BROKER_PASSWORD")
    if password_file is not None:
        password = read_password(password_file)
    return brokers.with_password(url, password) if password else url
