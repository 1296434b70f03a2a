"""What a stop costs a training of a style, and which runs are not gone on with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from styled import Clock, Tune, in_a_program

from model_zoo.errors import DataError
from model_zoo.generators.styles.style import DIGITS
from model_zoo.split import LabelledFile
from model_zoo.style import tuning
from model_zoo.style.tuned import Suspect

# Goes the whole way with a clock that stands still but for the epochs, until it is killed.
KILLED = f"""
import os, signal, sys
from pathlib import Path
from unittest import mock
from styled import Clock
from model_zoo.split import labelled_files
from model_zoo.style import tuning
{in_a_program()}
Clock(trains=True).install(lambda name, value: mock.patch(name, value).start())
save, saved = tuning.save_checkpoint, []
def save_and_die(*arguments, **options):
    save(*arguments, **options)
    saved.append(None)
    if len(saved) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
tuning.save_checkpoint = save_and_die
files = labelled_files(Path(sys.argv[1]))
tuning.tune(files[:30], files[30:], seconds=4.5, start="tiny", checkpoint=Path(sys.argv[2]), device="cpu")
"""


def stopping_after(saves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes after so many checkpoints are written."""
    save, count = tuning.save_checkpoint, iter(range(1, 1000))

    def save_and_stop(*arguments: Any, **options: Any) -> None:
        save(*arguments, **options)
        if next(count) == saves:
            raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "save_checkpoint", save_and_stop)


@pytest.mark.parametrize("saves", [1, 2, 4, 13])
def test_a_stop_at_any_checkpoint_costs_no_epoch(
    saves: int, tuned: Tune, digits: list[LabelledFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspects = (Suspect(digits[4], "0000", 0.99),)
    monkeypatch.setattr(tuning, "find_suspects", lambda *_, **__: suspects)
    checkpoint = tmp_path / "it.checkpoint"
    whole = tuned()
    with monkeypatch.context() as patch:
        stopping_after(saves, patch)
        with pytest.raises(KeyboardInterrupt):
            tuned(checkpoint=checkpoint)

    clock = Clock(now=1e6)
    resumed = tuned(clock, checkpoint=checkpoint)

    assert [replace(it, seconds=0) for it in resumed.epochs] == [
        replace(it, seconds=0) for it in whole.epochs
    ]
    assert [it.seconds for it in resumed.epochs] == pytest.approx([it.seconds for it in whole.epochs])
    assert len(clock.begun) < len(whole.epochs)
    assert (resumed.stopped, resumed.suspects) == (whole.stopped, whole.suspects)


def test_kill_9_costs_the_epoch_that_was_on_and_ends_in_the_same_weights(
    tuned: Tune, digits: list[LabelledFile], own_zoo: Path, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "it.checkpoint"
    assert own_zoo.is_dir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", KILLED, str(digits[0].path.parent), str(checkpoint)]
    killed = subprocess.run(command, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    clock = Clock(trains=True)

    resumed = tuned(clock, seconds=4.5, checkpoint=checkpoint)

    whole = tuned(Clock(trains=True), seconds=4.5)
    assert [it.loss for it in resumed.epochs] == [it.loss for it in whole.epochs]
    assert len(clock.begun) == len(whole.epochs) - 2
    weights = whole.network.state_dict()
    assert all(torch.equal(weights[key], value) for key, value in resumed.network.state_dict().items())


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"seed": 1}, id="seed"),
        pytest.param({"charset": DIGITS + "a"}, id="characters"),
        pytest.param({"start": "other"}, id="start"),
        pytest.param({"validation": []}, id="images"),
    ],
)
def test_a_stopped_run_is_not_gone_on_with_on_anything_else(
    changed: dict[str, Any],
    tuned: Tune,
    make: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make("other", seed=1, charset=DIGITS, height=16)
    checkpoint = tmp_path / "it.checkpoint"
    with monkeypatch.context() as patch:
        stopping_after(2, patch)
        with pytest.raises(KeyboardInterrupt):
            tuned(checkpoint=checkpoint)

    with pytest.raises(DataError) as caught:
        tuned(checkpoint=checkpoint, **changed)

    assert str(caught.value) == (
        f"the run at {checkpoint} had other images, labels, seed or start; resume with its options, or "
        "delete the file"
    )


def test_a_label_that_was_put_right_is_another_run(
    tuned: Tune, digits: list[LabelledFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stopping_after(1, patch)
        with pytest.raises(KeyboardInterrupt):
            tuned(checkpoint=tmp_path / "it.checkpoint")

    with pytest.raises(DataError, match="had other images, labels, seed or start"):
        tuned(
            checkpoint=tmp_path / "it.checkpoint", training=[replace(digits[0], label="1234"), *digits[1:30]]
        )


def test_a_file_that_is_no_checkpoint_is_named(tuned: Tune, tmp_path: Path) -> None:
    (tmp_path / "it.checkpoint").write_bytes(b"nothing of the kind")

    with pytest.raises(DataError) as caught:
        tuned(checkpoint=tmp_path / "it.checkpoint")

    assert re.fullmatch(
        rf"the run at {re.escape(str(tmp_path))}/it\.checkpoint cannot be read \(.+\); delete the file, and "
        "start it without --resume",
        str(caught.value),
    )


def test_the_notes_of_another_version_are_refused(
    tuned: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "it.checkpoint"
    with monkeypatch.context() as patch:
        stopping_after(1, patch)
        patch.setattr("model_zoo.style.notes.VERSION", 3)
        with pytest.raises(KeyboardInterrupt):
            tuned(checkpoint=checkpoint)

    with pytest.raises(DataError) as caught:
        tuned(checkpoint=checkpoint)

    assert str(caught.value) == (
        f"the run at {checkpoint} was written by another version of captchafleet (its notes are of version "
        "3, expected 2); resume with that one, or delete the file"
    )
