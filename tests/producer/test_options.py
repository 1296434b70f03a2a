"""The options that commands share: their variables, and how a broker's password gets in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from model_zoo.env_options import option
from producer.errors import UsageError
from producer.options import broker_options, transport_options

pytestmark = pytest.mark.usefixtures("untouched")

SECRET = "hunter2"


@click.command()
@broker_options
@transport_options
@option("--shape/--no-shape", default=None, help="A flag with two sides.")
def command(**options: Any) -> None:
    """Pass on what it was given."""
    raise ReturnedError(options)


class ReturnedError(Exception):
    """What the command was given."""


def given(*arguments: str, **env: str) -> dict[str, Any]:
    """What the command is given for these arguments and variables."""
    result = CliRunner().invoke(command, arguments, env=env)
    if isinstance(result.exception, UsageError):
        raise result.exception
    assert isinstance(result.exception, ReturnedError), result.output
    found: dict[str, Any] = result.exception.args[0]
    return found


def test_the_defaults_of_a_job_on_its_way() -> None:
    assert given() == {
        "broker": None,
        "quiet": False,
        "as_json": False,
        "job_ttl": 604_800,
        "max_in_flight_mb": 64.0,
        "wait": 60.0,
        "shape": None,
    }


def test_every_option_has_its_variable() -> None:
    found = given(
        CAPTCHAFLEET_BROKER="redis://host",
        CAPTCHAFLEET_QUIET="1",
        CAPTCHAFLEET_JSON="true",
        CAPTCHAFLEET_JOB_TTL="60",
        CAPTCHAFLEET_MAX_IN_FLIGHT_MB="1",
        CAPTCHAFLEET_WAIT="0",
        CAPTCHAFLEET_SHAPE="0",
    )

    assert found == {
        "broker": "redis://host",
        "quiet": True,
        "as_json": True,
        "job_ttl": 60,
        "max_in_flight_mb": 1.0,
        "wait": 0.0,
        "shape": False,
    }


def test_the_command_line_wins_over_the_environment() -> None:
    assert given("--wait", "5", CAPTCHAFLEET_WAIT="7")["wait"] == 5.0
    assert given("--broker", "redis://near", CAPTCHAFLEET_BROKER="redis://far")["broker"] == "redis://near"


def test_help_shows_variables_and_defaults() -> None:
    text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())

    assert "[env var: CAPTCHAFLEET_JOB_TTL; default: 604800; x>=60]" in text
    assert "[env var: CAPTCHAFLEET_BROKER_PASSWORD_FILE]" in text
    assert "[env var: CAPTCHAFLEET_SHAPE]" in text


def test_a_password_on_the_command_line_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        given("--broker", f"redis://:{SECRET}@host")
    assert str(caught.value) == (
        "a password on the command line is seen by everyone on this machine; put the URL into "
        "CAPTCHAFLEET_BROKER, or only the password into CAPTCHAFLEET_BROKER_PASSWORD or a file "
        "for --broker-password-file"
    )


def test_a_password_in_the_environment_is_taken() -> None:
    url = f"redis://:{SECRET}@host"

    assert given(CAPTCHAFLEET_BROKER=url)["broker"] == url
    assert given("--broker", "redis://host", CAPTCHAFLEET_BROKER_PASSWORD=SECRET)["broker"] == url


def test_a_password_file_is_read_without_its_end_of_line(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{SECRET} \r\n")

    joined = f"redis://user:{SECRET}%20@host/1"
    assert given("--broker", "redis://user@host/1", "--broker-password-file", str(path))["broker"] == joined
    other = {"CAPTCHAFLEET_BROKER_PASSWORD": "other", "CAPTCHAFLEET_BROKER_PASSWORD_FILE": str(path)}
    assert given("--broker", "redis://user@host/1", **other)["broker"] == joined, "the file wins"


def test_without_a_broker_a_password_means_nothing() -> None:
    assert given(CAPTCHAFLEET_BROKER_PASSWORD=SECRET)["broker"] is None


def test_a_broken_broker_is_refused_without_its_password() -> None:
    with pytest.raises(UsageError) as caught:
        given(CAPTCHAFLEET_BROKER=f"amqp://user:{SECRET}@host")
    assert str(caught.value) == (
        "broker 'amqp://user:***@host' is no Redis URL; give redis://HOST:PORT/DB, rediss://... for TLS, "
        "or redis+socket:///PATH for a Unix socket"
    )


OUT_OF_RANGE = [
    ("--job-ttl", "59", "59 is not in the range x>=60."),
    ("--max-in-flight-mb", "0", "0.0 is not in the range x>0."),
    ("--wait", "-1", "-1.0 is not in the range x>=0."),
    ("--broker-password-file", "/nonexistent", "File '/nonexistent' does not exist."),
]


@pytest.mark.parametrize(("name", "value", "message"), OUT_OF_RANGE, ids=[row[0] for row in OUT_OF_RANGE])
def test_a_value_out_of_range_is_refused(name: str, value: str, message: str) -> None:
    result = CliRunner().invoke(command, [name, value])

    variable = f"CAPTCHAFLEET_{name[2:].replace('-', '_').upper()}"
    assert result.exit_code == 2
    assert f"Error: Invalid value for '{name}' (env var: '{variable}'): {message}\n" in result.stderr
