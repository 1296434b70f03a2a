"""Every option of `model-zoo`: its environment variable, and the numbers it refuses."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from model_zoo.cli import main

OPTIONS = [
    (name, parameter)
    for name, command in sorted(main.commands.items())
    for parameter in command.params
    if isinstance(parameter, click.Option)
]


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[f"{name} {it.opts[0]}" for name, it in OPTIONS])
def test_every_option_has_its_variable_and_shows_it(name: str, option: click.Option) -> None:
    variable = "CAPTCHAFLEET_" + option.opts[0].removeprefix("--").replace("-", "_").upper()
    context = click.Context(main.commands[name], info_name=name, terminal_width=1000, max_content_width=1000)
    (line,) = [it for it in context.get_help().splitlines() if it.strip().startswith(f"{option.opts[0]} ")]

    assert option.envvar == variable
    assert f"env var: {variable}" in line


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[f"{name} {it.opts[0]}" for name, it in OPTIONS])
def test_every_option_says_what_it_is(name: str, option: click.Option) -> None:
    assert option.help


def test_a_variable_stands_for_its_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_DATA", "nowhere")
    monkeypatch.setenv("CAPTCHAFLEET_PART", "test validation")
    monkeypatch.setenv("CAPTCHAFLEET_OUT", "list.txt")

    result = CliRunner().invoke(main, ["split"])

    assert result.exit_code == 2
    assert result.stderr == (
        "Error: data folder 'nowhere' is not there; give a folder of images named LABEL.png\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "message", "reason"),
    [
        ("--learning-rate", "nan", "nan is not a finite number.", "no comparison refuses it"),
        ("--learning-rate", "-1", "-1.0 is not in the range 0<x<=1.", "it would unlearn"),
        ("--learning-rate", "0", "0.0 is not in the range 0<x<=1.", "it would learn nothing"),
        ("--learning-rate", "1e9", "1000000000.0 is not in the range 0<x<=1.", "it would end in NaN"),
        ("--width", "2049", "2049 is not in the range 16<=x<=2048.", "no captcha is as wide"),
        ("--height", "513", "513 is not in the range 16<=x<=512.", "no captcha is as high"),
        ("--epochs", "10001", "10001 is not in the range 1<=x<=10000.", "weeks"),
        ("--synthetic", "100001", "100001 is not in the range 0<=x<=100000.", "they are held in memory"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_in_one_line(
    option: str, value: str, message: str, reason: str
) -> None:
    result = CliRunner().invoke(
        main, ["train", "--recipe", "standard", "--data", "nowhere", "--name", "mine", option, value]
    )

    assert result.exit_code == 2
    assert (
        result.stderr.splitlines()[-1] == f"Error: Invalid value for '{option}' (env var: "
        f"'CAPTCHAFLEET_{option[2:].replace('-', '_').upper()}'): {message}"
    )
