"""`model-zoo train` on one folder and nothing else: what it says and leaves, and what Ctrl-C costs."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from styled import quickly, write_style

from model_zoo.cards import ModelCard, find_card
from model_zoo.cli import main
from model_zoo.errors import ModelNotFound
from model_zoo.generators.styles.style import DIGITS
from model_zoo.solver import load_solver
from model_zoo.split import labelled_files, of_parts
from model_zoo.style import train as style_train
from model_zoo.style import tuning
from model_zoo.told import seconds
from model_zoo.training.stopped import epochs_done


def run(*arguments: object) -> Result:
    """The command's result in this process."""
    return CliRunner().invoke(main, ["train", *map(str, arguments)])


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A hundred images of four digits, and the name of the one in the training part whose label is wrong."""
    folder = write_style(tmp_path_factory.mktemp("planted") / "images", 100)
    victim = of_parts(labelled_files(folder), ["train"])[7].path
    wrong = victim.with_name(f"0000_{victim.name}")
    victim.rename(wrong)
    return folder, wrong.name


@pytest.fixture(scope="module")
def trained(planted: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A zoo with the model `mine`, and what was said while it was trained."""
    zoo = tmp_path_factory.mktemp("trained") / "zoo"
    with pytest.MonkeyPatch.context() as patch:
        quickly(patch)
        return zoo, run("--data", planted[0], "--name", "mine", "--out", zoo, "--minutes", 0.5)


def test_it_says_what_it_found_what_it_does_and_what_came_out(
    trained: tuple[Path, Result], planted: tuple[Path, str]
) -> None:
    zoo, result = trained
    report = json.loads((zoo / "mine.report").read_text())

    assert (result.exit_code, result.exception) == (0, None)
    about, *rounds = result.stderr.splitlines()
    assert about == (
        "100 images, 4 characters each, 10 different ones: 0123456789; training for 0.5 minutes at most"
    )
    ended = [it for it in report["training"]["epochs"] if it["share"] == 1]
    assert len(rounds) == len(ended) > 0, "one line a round"
    for line, it in zip(rounds, ended, strict=True):
        assert line == (
            f"round {it['round']}, loss {it['loss']:.3f}, {it['validation_exact_match']:.1%} of the "
            f"validation images after {seconds(it['seconds'])}"
        )
    lines = result.stdout.splitlines()
    match = find_card(zoo / "mine.json").card.accuracy[0]
    assert lines[0].startswith(
        f"mine: {100 * match.value:.1f} % of {match.n} test images read exactly right ("
    )
    assert lines[1].endswith(f": {report['training']['stopped']}")
    assert lines[-2:] == [
        f"report: {zoo / 'mine.html'}",
        f"use it: producer submit DIR --model {zoo / 'mine.json'}",
    ]
    assert len(lines) == 5, "one more, about the wrong label"


def test_it_leaves_weights_card_list_and_report_and_nothing_else(trained: tuple[Path, Result]) -> None:
    names = {path.name for path in trained[0].iterdir()}

    assert names == {f"mine.{end}" for end in ("safetensors", "json", "seen", "html", "report")}


def test_the_reports_in_a_zoo_are_not_taken_for_cards(
    trained: tuple[Path, Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_ZOO", str(trained[0]))

    listed = CliRunner().invoke(main, ["list"])

    assert (listed.exit_code, listed.stderr) == (0, "")
    assert "mine" in listed.stdout
    assert find_card(trained[0]).card == find_card("mine").card, "a folder with one card"
    with pytest.raises(ModelNotFound, match=r"available: .*, kaptcha-zero, mine, nano;"):
        find_card("mien")


def test_the_figure_is_what_the_model_reads_of_the_test_part(
    trained: tuple[Path, Result], planted: tuple[Path, str]
) -> None:
    card = find_card(trained[0] / "mine.json").card
    files = of_parts(labelled_files(planted[0]), ["test"])

    solver = load_solver(trained[0] / "mine.json", "cpu")
    right = sum(
        it.text == file.label for it, file in zip(solver.solve([f.path for f in files]), files, strict=True)
    )

    (match,) = card.accuracy
    assert (match.part, match.decoder, match.n) == ("test", "exact", len(files))
    assert match.value == right / len(files)
    assert match.value >= 0.8, "an easy style, read nearly always"
    assert [row.part for row in card.calibration] == [row.part for row in card.precision] == ["test"]


def test_the_card_says_what_it_reads_and_how_it_was_made(
    trained: tuple[Path, Result], planted: tuple[Path, str]
) -> None:
    card, generic = find_card(trained[0] / "mine.json").card, find_card("generic").card
    files = labelled_files(planted[0])

    assert (card.architecture, card.charset, card.decoder) == ("crnn-deep", DIGITS, "exact")
    assert (card.height, card.width, card.time_steps) == (48, 192, 24)
    assert card.constraints is not None
    assert card.constraints.length == "4", "all labels have four characters"
    assert (card.data.train, card.data.validation, card.data.test) == tuple(
        len(of_parts(files, [part])) for part in ("train", "validation", "test")
    )
    assert card.recipe["start"] == f"generic@{generic.fingerprint}"
    assert card.description == (
        "Reads texts of 4 characters, each one of 0123456789, from images like images; trained from "
        f"generic@{generic.fingerprint}."
    )


def test_the_images_trained_on_are_listed_and_no_others(
    trained: tuple[Path, Result], planted: tuple[Path, str]
) -> None:
    seen = load_solver(trained[0] / "mine.json", "cpu").training_images

    assert seen is not None
    for file in labelled_files(planted[0]):
        assert seen.has_digest(file.sha256) == (file.part == "train")


def test_a_wrong_label_is_a_suspect_and_no_other(
    trained: tuple[Path, Result], planted: tuple[Path, str]
) -> None:
    suspects = json.loads((trained[0] / "mine.report").read_text())["suspects"]

    assert [it["file"] for it in suspects] == [planted[1]]
    assert suspects[0]["label"] == "0000"
    assert suspects[0]["text"] == planted[1].split("_")[1]
    assert planted[1] in (trained[0] / "mine.html").read_text()


def test_the_same_name_is_not_trained_again(trained: tuple[Path, Result], planted: tuple[Path, str]) -> None:
    again = run("--data", planted[0], "--name", "mine", "--out", trained[0])

    assert (again.exit_code, again.stderr) == (
        2,
        f"Error: model 'mine' is in {trained[0]} already; choose another name, or delete its files "
        f"{trained[0] / 'mine'}.*\n",
    )


def test_ctrl_c_counts_the_epochs_of_all_rounds_and_resume_goes_on(
    planted: tuple[Path, str],
    make: Callable[..., ModelCard],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quickly(monkeypatch)
    make("tiny", charset=DIGITS, height=16)
    command = ("--data", planted[0], "--name", "mine", "--out", tmp_path / "zoo", "--start-from", "tiny")
    save, count = tuning.save_checkpoint, iter(range(1, 1000))

    def save_and_stop(*arguments: Any, **options: Any) -> None:
        save(*arguments, **options)
        if next(count) == 4:  # the first round, what stands between, and two epochs of the second
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(tuning, "save_checkpoint", save_and_stop)
    stopped = run(*command)
    monkeypatch.setattr(tuning, "save_checkpoint", save)

    assert stopped.exit_code == 130
    assert stopped.stderr.splitlines()[-1] == (
        "Stopped after epoch 3; go on with the same command and --resume"
    )
    assert epochs_done(tmp_path / "zoo" / "mine.checkpoint") == 3
    other = run(*command)
    assert other.stderr == (
        f"Error: a stopped run is at {tmp_path / 'zoo' / 'mine.checkpoint'}; go on with --resume, or delete "
        "the file\n"
    )
    recipe = run(*command, "--recipe", "standard", "--resume", "--height", 16, "--width", 80)
    assert recipe.exit_code == 2
    assert recipe.stderr.startswith(f"Error: the run at {tmp_path / 'zoo' / 'mine.checkpoint'} had ")
    resumed = run(*command, "--resume")
    assert resumed.exit_code == 0, resumed.output
    epochs = json.loads((tmp_path / "zoo" / "mine.report").read_text())["training"]["epochs"]
    assert [it["epoch"] for it in epochs] == list(range(1, len(epochs) + 1))
    assert len(epochs) > 3


def test_ctrl_c_before_the_first_epoch_says_that_nothing_is_kept(
    planted: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style_train, "tune", lambda *_, **__: signal.raise_signal(signal.SIGINT))

    stopped = run("--data", planted[0], "--name", "mine", "--out", tmp_path / "zoo")

    assert stopped.exit_code == 130
    assert stopped.stderr.splitlines()[1:] == [
        "Stopped before the first epoch was done; nothing is kept, so start again with the same command"
    ]


def test_a_stopped_run_of_another_recipe_is_not_gone_on_with(
    small_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("--data", small_images, "--name", "mine", "--out", tmp_path / "zoo")
    with monkeypatch.context() as patch:
        patch.setattr("model_zoo.training.run.Run.finish", lambda _: signal.raise_signal(signal.SIGINT))
        small = ("--recipe", "standard", "--epochs", 1, "--height", 16, "--width", 64)
        assert run(*command, *small).exit_code == 130
    quickly(monkeypatch)

    result = run(*command, "--resume")

    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        f"Error: the run at {tmp_path / 'zoo' / 'mine.checkpoint'} had another recipe; resume with its "
        "--recipe, or delete the file",
    )
