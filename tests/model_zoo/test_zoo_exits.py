"""How `model-zoo` ends where the system refuses, nobody reads, or Ctrl-C comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from model_zoo.cli import main

PROGRAM = f"{sys.executable} -c 'from model_zoo.cli import main; main()'"


@pytest.mark.parametrize("command", ["list", "show crnn-small", "--help"])
def test_a_full_output_is_one_sentence(command: str) -> None:
    done = subprocess.run(
        f"{PROGRAM} {command} > /dev/full", shell=True, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr == (
        "Error: the output cannot be written (No space left on device); make room, or send it elsewhere\n"
    )


@pytest.mark.parametrize("command", ["list >&-", "show crnn-small --json | true"])
def test_an_output_that_nobody_reads_is_no_complaint(command: str) -> None:
    done = subprocess.run(f"{PROGRAM} {command}", shell=True, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_refusal_of_the_system_names_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError(13, "Permission denied", "zoo/mine.json")

    monkeypatch.setattr("model_zoo.cli.available_models", refuse)

    result = CliRunner().invoke(main, ["list"])

    assert result.exit_code == 2
    assert result.stderr == (
        "Error: 'zoo/mine.json' cannot be used (Permission denied); check the path and its rights\n"
    )


def test_ctrl_c_is_one_sentence_and_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("model_zoo.cli.available_models", interrupt)

    result = CliRunner().invoke(main, ["list"])

    assert (result.exit_code, result.stderr, result.stdout) == (130, "Stopped by Ctrl-C.\n", "")


def test_the_help_names_every_exit_code() -> None:
    text = " ".join(CliRunner().invoke(main, ["--help"]).stdout.split())

    assert (
        "Exit codes: 0 done, 1 some image could not be read, 2 usage or an impossible wish, "
        "130 stopped by Ctrl-C." in text
    )


@pytest.mark.parametrize("name", ["README.md", "nowhere"])
def test_a_zoo_variable_that_names_no_folder_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "README.md").touch()
    monkeypatch.setenv("CAPTCHAFLEET_ZOO", str(tmp_path / name))

    for arguments in (["list"], ["show", "crnn-small"]):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert result.stderr == (
            f"Error: CAPTCHAFLEET_ZOO names {str(tmp_path / name)!r}, which is no folder; correct it\n"
        )
