"""docs/probability.md says what the code does: its example, its commands, its numbers."""

from __future__ import annotations

import doctest
import itertools
import math
import re
import shlex
from pathlib import Path

import click
import pytest

from model_zoo.calibration import GRID, N_BINS, TARGETS
from model_zoo.card_parts import answers_needed
from model_zoo.cli import main

TEXT = (Path(__file__).parents[2] / "docs" / "probability.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"^```\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("model-zoo ")
]


def test_a_folder_is_made_before_a_card_is_copied_into_it() -> None:
    assert "```\nmkdir -p zoo\ncp model_zoo/weights/crnn-small.* zoo/ " in TEXT


def test_the_example_gives_what_it_shows() -> None:
    (block,) = [it for it in re.findall(r"^```\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL) if ">>>" in it]
    example = doctest.DocTestParser().get_doctest(block, {}, "docs/probability.md", None, None)

    assert doctest.DocTestRunner().run(example) == (0, len(example.examples))


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_are_taken_as_they_stand(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *arguments = shlex.split(line)[1:]
    command = main.commands[name]
    monkeypatch.setattr(click.Path, "convert", lambda self, value, parameter, context: value)

    with command.make_context(name, arguments) as context:
        assert context.args == []


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"**Equal width**: {N_BINS} bins" in TEXT
    assert f"**Equal mass**: {N_BINS} bins" in TEXT
    assert TARGETS == (0.99, 0.995)
    assert [f"{answers_needed(target):,}" for target in (0.99, 0.995, 0.9995)] == ["299", "598", "5,990"]
    for number in ("299", "598", "5,990"):
        assert number in TEXT
    steps = [round(b - a, 6) for a, b in itertools.pairwise(GRID)]
    wanted = [0.01 if level < 0.985 else 0.001 if level < 0.9985 else 0.0001 for level in GRID[:-1]]
    assert steps == wanted
    assert math.isclose(GRID[-1], 0.9999)


def test_the_tolerance_is_the_one_that_is_tested() -> None:
    tests = (Path(__file__).parent / "test_probability.py").read_text(encoding="utf-8")

    assert "within **1e-5**" in TEXT
    assert "TOLERANCE = 1e-5" in tests
