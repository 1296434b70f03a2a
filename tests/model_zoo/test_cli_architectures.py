"""`model-zoo list --architectures`: what can be trained, and what it costs."""

from __future__ import annotations

from click.testing import CliRunner

from model_zoo.architectures import architectures
from model_zoo.cli import main


def test_every_architecture_has_two_lines_and_the_last_one_says_how_large_weights_are_made() -> None:
    result = CliRunner().invoke(main, ["list", "--architectures"])

    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines[:-1:2]] == [known.name for known in architectures()]
    assert [line.split()[0] for line in lines if "(default)" in line] == ["crnn-small"], "that of `train`"
    start = lines.index(
        "crnn-small      (default) Residual CNN and one BiLSTM, a frame per 8 columns, read by CTC."
    )
    assert lines[start + 1] == (
        "                464,596 parameters (1.9 MB), 135 MFLOP an image, 25 time steps"
    )
    start = next(number for number, line in enumerate(lines) if line.startswith("xresnet34-flat  "))
    assert lines[start + 1] == (
        "                28,575,004 parameters (114.3 MB), 1,910 MFLOP an image, 9 time steps"
    )
    assert lines[-1] == (
        "For images of 200x50 pixels and 20 classes. Weights over 16 MB are not shipped: "
        "`model-zoo train --architecture NAME` makes them, from random ones."
    )
