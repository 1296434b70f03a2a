"""A training of a style by a clock of its own: budget, rounds, suspects, and what a stop costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from styled import Clock, in_a_program, quickly, write_style

from model_zoo.errors import DataError
from model_zoo.generators.styles.style import DIGITS
from model_zoo.split import LabelledFile, labelled_files
from model_zoo.style import tuning
from model_zoo.style.tuned import Suspect, Tuned, in_words
from model_zoo.style.tuning import RESERVE, tune

Tune = Callable[..., Tuned]

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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty images of four digits."""
    return write_style(tmp_path_factory.mktemp("digits") / "images", 40)


@pytest.fixture
def files(folder: Path) -> list[LabelledFile]:
    return labelled_files(folder)


@pytest.fixture
def tuned(make: Callable[..., Any], files: list[LabelledFile], monkeypatch: pytest.MonkeyPatch) -> Tune:
    """`tune` on thirty images with ten to validate, from a tiny model of random weights."""
    quickly(monkeypatch)
    make("tiny", charset=DIGITS, height=16)

    def run(clock: Clock | None = None, **options: Any) -> Tuned:
        (clock or Clock()).install(monkeypatch.setattr)
        given = {"seconds": 100.0, "start": "tiny", "device": "cpu", **options}
        return tune(given.pop("training", files[:30]), given.pop("validation", files[30:]), **given)

    return run


def stopping_after(saves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes after so many checkpoints are written."""
    save, count = tuning.save_checkpoint, iter(range(1, 1000))

    def save_and_stop(*arguments: Any, **options: Any) -> None:
        save(*arguments, **options)
        if next(count) == saves:
            raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "save_checkpoint", save_and_stop)


@pytest.mark.parametrize(
    ("budget", "per_image"), [(0.0, 0.01), (0.5, 0.01), (2.0, 0.01), (4.0, 0.01), (11.0, 0.01), (11.0, 0.001)]
)
def test_no_epoch_begins_after_the_budget_but_the_very_first(
    tuned: Tune, budget: float, per_image: float
) -> None:
    clock = Clock(per_image, figures=(0.1, 0.2, 0.3, 0.4, 0.5))

    done = tuned(clock, seconds=budget)

    end = (1 - RESERVE) * budget
    assert clock.begun, "without one epoch there is no reader"
    assert all(begun < end for begun in clock.begun[1:])
    assert done.moments[-1].seconds == clock.now == done.seconds
    assert [it.epoch for it in done.moments] == list(range(1, len(clock.begun) + 1))
    assert done.stopped in (f"the budget of {in_words(budget)} is used", "5 rounds are the most")


def test_a_round_whose_single_epoch_does_not_fit_is_not_begun(
    tuned: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_zoo.style.epochs.LEAST_IMAGES", 300)
    clock = Clock(per_image=0.01)

    # 4 s an epoch of 400 images: after the first there are 2 s left, enough for a quarter of the round.
    done = tuned(clock, seconds=8.0)

    assert len(done.moments) == 1
    assert clock.now < 8.0
    assert done.stopped == "the budget of 8 seconds is used"


def test_rounds_grow_until_nothing_gets_better_and_the_best_is_kept(tuned: Tune) -> None:
    done = tuned(Clock(figures=(0.4, 0.9, 0.6, 0.7)))

    rounds = [it.round for it in done.moments]
    # 80 images an epoch; rounds of 128, 256, 512 and 1024.
    assert [rounds.count(number) for number in (1, 2, 3, 4, 5)] == [1, 3, 6, 12, 0]
    assert [it.share for it in done.moments if it.round == 2] == pytest.approx([1 / 3, 2 / 3, 1])
    assert done.stopped == "two rounds made nothing better"
    assert set(done.network.state_dict()["head.bias"].tolist()) == {1.0}, "of the second round"
    assert not done.network.training
    assert (done.images, done.length, done.charset.chars) == (30, (4, 4), DIGITS)
    assert (done.height, done.width, done.time_steps) == (16, 96, 12)
    assert (done.recipe.epochs, done.recipe.start) == (22, done.start.name)


def test_a_validation_loss_of_nothing_is_the_least(tuned: Tune) -> None:
    done = tuned(Clock(figures=(0.9,), validation_losses=(0.5, 0.0, 0.25)))
    assert set(done.network.state_dict()["head.bias"].tolist()) == {1.0}, "of the second round"


def test_it_ends_when_all_validation_images_are_read(tuned: Tune) -> None:
    assert tuned(Clock(figures=(0.4, 0.9, 1.0))).stopped == "all 10 validation images are read"


def test_without_validation_images_there_is_an_end_as_well(tuned: Tune) -> None:
    assert tuned(validation=[]).stopped == "there are no validation images to tell whether more helps"


def test_a_suspected_image_is_not_trained_on_in_the_next_round(
    tuned: Tune, files: list[LabelledFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    suspects = (Suspect(files[4], "0000", 0.99), Suspect(files[35], "1111", 0.95))
    monkeypatch.setattr(tuning, "find_suspects", lambda *_: suspects)
    clock = Clock()

    done = tuned(clock)

    every, kept = clock.rounds[0], clock.rounds[-1]
    # Generated ones follow.
    assert every[:60] == tuple(file.label for file in files[:30]) * 2
    assert kept[:58] == tuple(file.label for file in files[:30] if file != files[4]) * 2
    assert done.suspects == suspects


@pytest.mark.parametrize("saves", [1, 2, 4, 13])
def test_a_stop_at_any_checkpoint_costs_no_moment(
    saves: int, tuned: Tune, files: list[LabelledFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspects = (Suspect(files[4], "0000", 0.99),)
    monkeypatch.setattr(tuning, "find_suspects", lambda *_: suspects)
    checkpoint = tmp_path / "it.checkpoint"
    whole = tuned()
    with monkeypatch.context() as patch:
        stopping_after(saves, patch)
        with pytest.raises(KeyboardInterrupt):
            tuned(checkpoint=checkpoint)

    clock = Clock(now=1e6)
    resumed = tuned(clock, checkpoint=checkpoint)

    assert [replace(it, seconds=0) for it in resumed.moments] == [
        replace(it, seconds=0) for it in whole.moments
    ]
    assert [it.seconds for it in resumed.moments] == pytest.approx([it.seconds for it in whole.moments])
    assert len(clock.begun) < len(whole.moments)
    assert (resumed.stopped, resumed.suspects) == (whole.stopped, whole.suspects)


def test_kill_9_costs_the_epoch_that_was_on_and_ends_in_the_same_weights(
    tuned: Tune, folder: Path, own_zoo: Path, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "it.checkpoint"
    assert own_zoo.is_dir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(checkpoint)], env=environment, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    clock = Clock(trains=True)

    resumed = tuned(clock, seconds=4.5, checkpoint=checkpoint)

    whole = tuned(Clock(trains=True), seconds=4.5)
    assert [it.loss for it in resumed.moments] == [it.loss for it in whole.moments]
    assert len(clock.begun) == len(whole.moments) - 2
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
    tuned: Tune, files: list[LabelledFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stopping_after(1, patch)
        with pytest.raises(KeyboardInterrupt):
            tuned(checkpoint=tmp_path / "it.checkpoint")

    with pytest.raises(DataError, match="had other images, labels, seed or start"):
        tuned(checkpoint=tmp_path / "it.checkpoint", training=[replace(files[0], label="1234"), *files[1:30]])


def test_a_file_that_is_no_checkpoint_is_named(tuned: Tune, tmp_path: Path) -> None:
    (tmp_path / "it.checkpoint").write_bytes(b"nothing of the kind")

    with pytest.raises(DataError, match=r"there is no run to resume at .*it\.checkpoint"):
        tuned(checkpoint=tmp_path / "it.checkpoint")


@pytest.mark.parametrize(
    ("seconds", "words"), [(30, "30 seconds"), (90, "90 seconds"), (120, "2 minutes"), (1234, "20.6 minutes")]
)
def test_a_budget_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
