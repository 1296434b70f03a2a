"""`model-zoo train`: what it says and leaves, and what a kill, Ctrl-C or an unusable folder costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from model_zoo.card_parts import Accuracy
from model_zoo.cards import find_card
from model_zoo.cli import main
from model_zoo.split import labelled_files, of_parts
from model_zoo.statistics import wilson_interval
from model_zoo.training import checkpoint
from model_zoo.training.stopped import epochs_done

# A process that is killed as soon as its first checkpoint is whole.
KILLED = """
import os, signal
from model_zoo.cli import main
from model_zoo.training import checkpoint
write = checkpoint.write_safetensors
def write_and_die(*arguments, **options):
    write(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
checkpoint.write_safetensors = write_and_die
main()
"""

POST = ("--recipe", "post", "--precision", "bfloat16")


def run(*arguments: str | Path) -> Result:
    """The command's result in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def train_command(data: Path, out: Path, *more: str) -> list[str]:
    return [
        *("train", "--data", str(data), "--name", "mine", "--out", str(out)),
        *(("--recipe", "standard") if "--recipe" not in more else ()),
        *("--epochs", "2"),
        *("--height", "16", "--width", "64"),
        *more,
    ]


def few_right(out: Path) -> str:
    """What follows a training after which fewer than half are right."""
    return (
        "Few are right yet: more epochs (--epochs), more images, or --start-from a model of this alphabet "
        f"may help; model-zoo plot-run {out / 'mine.csv'} shows whether the loss still falls\n"
    )


@pytest.fixture
def interrupted_after(monkeypatch: pytest.MonkeyPatch) -> object:
    """A call sets the epoch after whose checkpoint Ctrl-C comes."""
    save = checkpoint.save_checkpoint

    def set_epoch(epoch: int) -> None:
        def save_and_stop(path: Path, state: checkpoint.TrainingState, *rest: object) -> None:
            save(path, state, *rest)  # type: ignore[arg-type]
            if state.epoch == epoch:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(checkpoint, "save_checkpoint", save_and_stop)

    return set_epoch


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_number_of_epochs(
    small_images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "zoo"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *train_command(small_images, out, *POST)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    images = len(of_parts(labelled_files(small_images), ["train"]))

    result = run(*train_command(small_images, out, *POST, "--resume"))

    match = find_card(out / "mine.json").card.accuracy[0]
    assert result.exit_code == 0
    assert result.stderr == (
        f"Training mine on {images} images, 2 epochs from epoch 2 on; "
        f"{out / 'mine'}.csv gets a line an epoch.\n{few_right(out)}"
    ), "whole lines, and no progress where there is no terminal"
    low, high = wilson_interval(round(match.value * match.n), match.n)
    assert result.stdout == (
        f"{out / 'mine'}.json: exact match {match.value:.1%} on {match.n} validation images "
        f"({low:.1%} to {high:.1%}, 95 % Wilson)\n"
    )
    lines = (out / "mine.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == ["1", "2"]


def test_evaluate_records_the_test_part_beside_the_validation_of_the_training(
    small_images: Path, tmp_path: Path
) -> None:
    card = tmp_path / "zoo" / "mine.json"
    trained = run(*train_command(small_images, tmp_path / "zoo", "--epochs", "1", "--synthetic", "2"))

    recorded = run("evaluate", card, "--data", small_images, "--record")

    images = len(of_parts(labelled_files(small_images), ["train"]))
    assert trained.stderr == (
        f"Training mine on {images} and 2 generated images, 1 epochs; "
        f"{card.with_suffix('.csv')} gets a line an epoch.\n{few_right(card.parent)}"
    )
    after = find_card(card).card
    assert recorded.exit_code == 0
    assert recorded.output.splitlines()[-1] == f"recorded in {card}"
    assert [it.part for it in after.accuracy] == ["test", "validation"]
    assert after.accuracy[0].n == after.data.test


def test_ctrl_c_says_how_far_the_run_came_and_how_to_go_on(
    small_images: Path, tmp_path: Path, interrupted_after: object
) -> None:
    out = tmp_path / "zoo"
    interrupted_after(1)  # type: ignore[operator]

    result = run(*train_command(small_images, out))

    assert result.exit_code == 130
    assert result.stderr.splitlines()[1:] == [
        "Stopped after epoch 1; go on with the same command and --resume"
    ]
    assert epochs_done(out / "mine.checkpoint") == 1
    assert run(*train_command(small_images, out, "--resume")).exit_code == 0
    assert epochs_done(out / "mine.checkpoint") == 0, "the checkpoint goes when the model is there"


def test_ctrl_c_before_the_first_epoch_says_that_nothing_is_kept(
    small_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "model_zoo.training.fit.Fit.epoch", lambda *a, **b: signal.raise_signal(signal.SIGINT)
    )

    result = run(*train_command(small_images, tmp_path / "zoo"))

    assert result.exit_code == 130
    assert result.stderr.splitlines()[1:] == [
        "Stopped before the first epoch was done; nothing is kept, so start again with the same command"
    ]


def test_weights_and_card_have_the_rights_that_the_umask_gives(small_images: Path, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        result = run(*train_command(small_images, tmp_path / "zoo", "--epochs", "1"))
    finally:
        os.umask(before)

    assert result.exit_code == 0
    modes = {path.name: f"{path.stat().st_mode & 0o777:o}" for path in (tmp_path / "zoo").iterdir()}
    written = ("mine.csv", "mine.json", "mine.safetensors", "mine.seen")
    assert modes == dict.fromkeys(written, "640")


@pytest.mark.parametrize(
    ("more", "licence"), [([], "not said"), (["--licence", "CC0-1.0"], "CC0-1.0")], ids=["silent", "said"]
)
def test_the_licence_is_what_its_owner_says(
    small_images: Path, tmp_path: Path, more: list[str], licence: str
) -> None:
    result = run(*train_command(small_images, tmp_path / "zoo", "--epochs", "1", *more))

    assert result.exit_code == 0
    assert find_card(tmp_path / "zoo" / "mine.json").card.licence == licence


def test_a_model_without_its_card_is_finished_by_resuming(
    small_images: Path, tmp_path: Path, interrupted_after: object
) -> None:
    """As after a kill between the two files of the model."""
    out = tmp_path / "zoo"
    interrupted_after(2)  # type: ignore[operator]
    assert run(*train_command(small_images, out)).exit_code == 130
    (out / "mine.safetensors").touch()

    result = run(*train_command(small_images, out, "--resume"))

    assert result.exit_code == 0
    assert find_card(out / "mine.json").card.name == "mine"


def test_a_folder_that_cannot_be_written_is_refused_before_any_training(
    small_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "README.md"
    file.touch()
    monkeypatch.setattr("model_zoo.training.fit.Fit.epoch", lambda *a, **b: pytest.fail("it trained"))

    on_file = run(*train_command(small_images, file))
    below_file = run(*train_command(small_images, file / "zoo"))
    on_proc = run(*train_command(small_images, Path("/proc/zoo")))

    assert [it.exit_code for it in (on_file, below_file, on_proc)] == [2, 2, 2]
    assert on_file.stderr == f"Error: {str(file)!r} is a file; give a folder\n"
    assert below_file.stderr == (
        f"Error: folder {str(file / 'zoo')!r} cannot be written (Not a directory); give another one\n"
    )
    assert on_proc.stderr.startswith("Error: folder '/proc/zoo' cannot be written (")


def test_a_model_without_validation_images_is_said_to_be_unknown(small_images: Path, tmp_path: Path) -> None:
    result = run(*train_command(small_images, tmp_path / "zoo", "--epochs", "1", "--parts", "all"))

    assert result.exit_code == 0
    assert result.stdout == (
        f"{tmp_path / 'zoo' / 'mine'}.json: no validation images, so nothing is known of it yet\n"
    )


@pytest.mark.parametrize(
    ("right", "interval", "advised"),
    [(0, "0.0% to 32.4%", True), (3, "13.7% to 69.4%", True), (4, "21.5% to 78.5%", False)],
)
def test_the_last_line_has_an_interval_and_few_right_answers_bring_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: int, interval: str, advised: bool
) -> None:
    row = Accuracy("validation", "greedy", right / 8, *wilson_interval(right, 8), 8)
    card = replace(find_card("crnn-small").card, name="mine", accuracy=(row,))
    monkeypatch.setattr("model_zoo.training.run.train", lambda *a: card)

    result = run("train", "--name", "mine", "--out", tmp_path, "--recipe", "standard")

    assert result.exit_code == 0
    assert result.stdout == (
        f"{tmp_path / 'mine'}.json: exact match {right / 8:.1%} on 8 validation images "
        f"({interval}, 95 % Wilson)\n"
    )
    assert result.stderr == (few_right(tmp_path) if advised else "")


def test_an_unknown_recipe_and_nothing_to_train_on_are_refused_in_one_line(tmp_path: Path) -> None:
    recipe = run("train", "--name", "mine", "--out", tmp_path, "--recipe", "fast")
    nothing = run("train", "--name", "mine", "--out", tmp_path, "--recipe", "standard")
    no_folder = run("train", "--name", "mine", "--out", tmp_path)

    assert [recipe.exit_code, nothing.exit_code, no_folder.exit_code] == [2, 2, 2]
    assert recipe.stderr.startswith("Error: recipe 'fast' is unknown; known are style, standard, ")
    assert nothing.stderr == (
        "Error: there is nothing to train on; give --data DIR, or --synthetic N for generated images\n"
    )
    assert no_folder.stderr == (
        "Error: there is nothing to train on; give --data DIR, a folder of labelled images\n"
    )


def test_a_checkpoint_that_is_none_holds_no_epoch(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"\x05")
    (tmp_path / "other").write_bytes((2).to_bytes(8, "little") + b"{}")

    (tmp_path / "list").write_bytes((2).to_bytes(8, "little") + b"[]")
    (tmp_path / "huge").write_bytes(b"\xff" * 20)

    names = ("none", "short", "other", "list", "huge")
    assert [epochs_done(tmp_path / name) for name in names] == [0] * len(names)
