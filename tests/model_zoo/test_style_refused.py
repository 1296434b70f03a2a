"""What `model-zoo train` refuses before it loads anything, and how it says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from labelled import write_images

from model_zoo.cli import main
from model_zoo.cli_style import _about
from model_zoo.style.samples import read_samples

KNOWN = "known are style, standard, kaptcha-zero, kaptcha, generic, post"

# The command, and then the heavy modules that it loaded on its standard output.
ALONE = """
import sys
from model_zoo.cli import main
try:
    main()
finally:
    print(sorted({"torch", "numpy", "cv2", "PIL"} & set(sys.modules)))
"""


def refused(*arguments: object) -> str:
    """What the command says when it refuses, in a process of its own that has loaded nothing heavy."""
    command = [sys.executable, "-c", ALONE, "train", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "[]\n")
    return result.stderr


@pytest.mark.parametrize("more", [(), ("--minutes", 1), ("--epochs", 3)], ids=str)
def test_an_unknown_recipe_is_said_to_be_unknown(more: tuple[object, ...], tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["train", "--name", "mine", "--out", str(tmp_path), "--recipe", "foo", *map(str, more)]
    )

    assert (result.exit_code, result.stderr) == (2, f"Error: recipe 'foo' is unknown; {KNOWN}\n")


@pytest.mark.parametrize("recipe", ["style", "standard"])
def test_a_name_that_is_taken_is_refused_at_once(recipe: str, tmp_path: Path) -> None:
    (tmp_path / "mine.json").touch()

    assert refused("--data", "x", "--name", "mine", "--out", tmp_path, "--recipe", recipe) == (
        f"Error: model 'mine' is in {tmp_path} already; choose another name, or delete its files "
        f"{tmp_path / 'mine'}.*\n"
    )


@pytest.mark.parametrize("recipe", ["style", "standard"])
def test_nothing_to_resume_is_refused_at_once(recipe: str, tmp_path: Path) -> None:
    told = refused("--data", "x", "--name", "mine", "--out", tmp_path, "--recipe", recipe, "--resume")

    assert told == (
        f"Error: there is no run to resume at {tmp_path / 'mine.checkpoint'}; start it without --resume\n"
    )


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.5, "0.5 minutes"), (1.0, "1 minute"), (1.5, "1.5 minutes"), (20.0, "20 minutes")],
)
def test_the_minutes_in_words(minutes: float, words: str, tmp_path: Path) -> None:
    samples = read_samples(write_images(tmp_path / "images"))

    assert _about(samples, minutes) == (
        "40 images, 3 to 5 characters each, 12 different ones: 0123456789ab; training for "
        + words
        + " at most"
    )
