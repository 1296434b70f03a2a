"""Help and docs say what is true: every command, option, variable, exit code and error code."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from producer import errors
from producer.cli import EXIT_CODES, main
from producer.errors import BrokerUnreachable, Interrupted, ProducerError, UsageError
from worker.cli import main as worker_main
from worker.contract import ERROR_CODES

ROOT = Path(__file__).parents[2]
ERRORS_DOC = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(main.commands)
MEANINGS = {
    errors.EXIT_OK: "every image was answered",
    errors.EXIT_UNANSWERED: "some image could not be read or answered",
    errors.EXIT_USAGE: "usage: a wrong option, an unknown model, an impossible constraint",
    errors.EXIT_UNREACHABLE: "broker or worker unreachable",
    errors.EXIT_RESUMABLE: "stopped before the end and resumable (disk full, broker lost, cancelled)",
    errors.EXIT_CTRL_C: "Ctrl-C; resumable too",
}


def help_of(*command: str) -> str:
    """What --help prints, in one line."""
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0
    return " ".join(result.output.split())


def table(text: str, title: str) -> dict[str, str]:
    """The first two columns of the table under a heading."""
    section = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = [re.split(r"\s*\|\s*", line)[1:3] for line in section.splitlines() if line.startswith("|")]
    return {key.strip("`"): value for key, value in rows[2:]}


def test_there_are_five_commands() -> None:
    assert COMMANDS == ["cancel", "report", "resume", "status", "submit"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_sentence_and_an_example(name: str) -> None:
    command = main.commands[name]
    lines = [line.strip() for line in (command.help or "").splitlines() if line.strip()]

    assert lines[0].endswith(".")
    assert lines[-1].startswith(f"Example: producer {name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_can_be_parsed(name: str) -> None:
    command = main.commands[name]
    example = (command.help or "").rpartition(f"Example: producer {name} ")[2]

    assert example
    command.make_context(name, example.split(), resilient_parsing=True)
    options = {word for word in example.split() if word.startswith("--")}
    assert options <= {name for each in command.params for name in each.opts}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help_and_its_variable(name: str) -> None:
    shown = help_of(name)
    for each in main.commands[name].params:
        if isinstance(each, click.Option):
            flag = each.opts[0]
            variable = f"CAPTCHAFLEET_{flag.removeprefix('--').replace('-', '_').upper()}"
            assert each.help, flag
            assert each.envvar == variable
            assert f"env var: {variable}" in shown


@pytest.mark.parametrize("name", ["", "submit", "resume", "report"])
def test_help_shows_the_exit_codes(name: str) -> None:
    shown = help_of(*([name] if name else []))

    for code, meaning in MEANINGS.items():
        assert f" {code} {meaning}" in shown


@pytest.mark.parametrize("name", ["status", "cancel"])
def test_a_command_that_only_asks_has_exit_codes_of_its_own(name: str) -> None:
    shown = help_of(name)

    for code, meaning in {0: "done", 2: "usage", 3: "broker unreachable"}.items():
        assert f" {code} {meaning}" in shown
    assert "resumable" not in shown


def test_the_exit_codes_are_these_and_no_others() -> None:
    listed = {int(code): text for code, text in re.findall(r"^  (\d+) +(.*)$", EXIT_CODES, re.MULTILINE)}
    constants = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}

    assert listed == MEANINGS
    assert constants == set(MEANINGS)


def test_every_error_has_its_exit_code() -> None:
    assert {kind: kind.exit_code for kind in ProducerError.__subclasses__()} == {
        UsageError: 2,
        BrokerUnreachable: 3,
        Interrupted: 4,
    }


def test_the_docs_explain_every_exit_code() -> None:
    assert set(table(ERRORS_DOC, "Of a command")) == {str(code) for code in MEANINGS}


def test_the_docs_explain_every_error_code_in_the_words_of_the_contract() -> None:
    explained = table(ERRORS_DOC, "Of one image")

    assert list(explained) == list(ERROR_CODES)
    for code, meaning in ERROR_CODES.items():
        assert explained[code].startswith(meaning), code


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_readme(name: str) -> None:
    assert re.search(rf"^producer {name}\b|`producer {name}\b", README, re.MULTILINE)


def test_the_worker_stands_in_the_readme() -> None:
    for name in worker_main.commands:
        assert f"worker {name}" in README


def test_every_option_and_variable_of_the_docs_exists() -> None:
    options = {
        name
        for group in (main, worker_main)
        for command in group.commands.values()
        for each in command.params
        for name in (*each.opts, *each.secondary_opts)
    }
    lines = [line for line in README.splitlines() if re.match(r"\s*(producer|worker) ", line)]
    used = {flag for line in lines for flag in re.findall(r"(?<!\S)--[a-z-]+", line)}
    assert used <= options
    assert used, "the README shows options"
