"""What the card of a style's model says, by a training that takes no time; and what is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from labelled import write_images
from styled import untrained, write_style

from model_zoo.cards import ModelCard, find_card
from model_zoo.cli import main
from model_zoo.seen import TrainingImages, with_list
from model_zoo.solver import load_solver
from model_zoo.split import LabelledFile, labelled_files, of_parts
from model_zoo.style import train as style_train
from model_zoo.style.samples import read_samples
from model_zoo.style.train import StyleOptions, train_style


def run(*arguments: object) -> Result:
    """The command's result in this process."""
    return CliRunner().invoke(main, ["train", *map(str, arguments)])


def tuned_at_once(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[LabelledFile], list[LabelledFile]]]:
    """Nothing is trained: `tune` gives the start. What it was called with is in the list."""
    called = []

    def tune(training: list[LabelledFile], validation: list[LabelledFile], **options: Any) -> Any:
        called.append((training, validation))
        return untrained(training, validation, start=options["start"], charset=options["charset"])

    monkeypatch.setattr(style_train, "tune", tune)
    return called


NOT_FOR_STYLE = (
    " is not for --recipe style, which finds that out by itself; leave it out, or add --recipe standard"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred images of four digits."""
    return write_style(tmp_path_factory.mktemp("style") / "images", 100)


def test_nothing_but_the_first_two_parts_is_trained_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = tuned_at_once(monkeypatch)

    train_style(StyleOptions(data=folder, name="mine", out=tmp_path / "zoo"))

    ((training, validation),) = called
    assert {file.part for file in training} == {"train"}
    assert {file.part for file in validation} == {"validation"}
    assert len(training) + len(validation) < 100


def test_labels_of_several_lengths_are_no_constraint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned_at_once(monkeypatch)
    several = write_style(tmp_path / "images", 40, length=(3, 5))

    train_style(StyleOptions(data=several, name="mine", out=tmp_path / "zoo", source="me", licence="MIT"))

    card = find_card(tmp_path / "zoo" / "mine.json").card
    assert card.constraints is None
    assert (card.min_length, card.max_length) == (3, 5)
    assert (card.data.source, card.licence) == ("me", "MIT")
    assert "texts of 3 to 5 characters" in card.description


def test_a_folder_whose_name_is_no_text_gets_a_card_and_a_report(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned_at_once(monkeypatch)
    odd = tmp_path / os.fsdecode(b"b\xffd")
    shutil.copytree(folder, odd)

    train_style(StyleOptions(data=odd, name="mine", out=tmp_path / "zoo", source="\udcff", licence="\udcff"))

    card = find_card(tmp_path / "zoo" / "mine.json").card
    assert (card.data.name, card.data.source, card.licence) == ("b\\xffd", "\\xff", "\\xff")
    assert "from images like b\\xffd;" in card.description
    assert not (tmp_path / "zoo" / "mine.checkpoint").exists()


def test_the_card_says_of_which_round_it_is_and_that_images_were_generated(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tune(training: list[LabelledFile], validation: list[LabelledFile], **options: Any) -> Any:
        tuned = untrained(training, validation, start=options["start"], charset=options["charset"])
        recipe = replace(tuned.recipe, epochs=7, synthetic=192, generator="styles", seed=options["seed"])
        epochs = tuple(replace(tuned.epochs[0], round=number) for number in (1, 2, 3))
        return replace(tuned, recipe=recipe, epochs=epochs, round=2)

    monkeypatch.setattr(style_train, "tune", tune)

    train_style(StyleOptions(data=folder, name="mine", out=tmp_path / "zoo", minutes=3, seed=5))

    card = find_card(tmp_path / "zoo" / "mine.json").card
    assert card.data.synthetic == 192
    said = {key: card.recipe[key] for key in ("synthetic", "generator", "epochs", "seed")}
    assert said == {"synthetic": 192, "generator": "styles", "epochs": 7, "seed": 5}
    assert (card.recipe["rounds"], card.recipe["round"], card.recipe["minutes"]) == (3, 2, 3.0)


def test_where_hardly_an_image_is_read_there_is_no_temperature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned_at_once(monkeypatch)
    noise = write_images(tmp_path / "noise")

    train_style(StyleOptions(data=noise, name="mine", out=tmp_path / "zoo"))

    card = find_card(tmp_path / "zoo" / "mine.json").card
    assert card.temperature is None
    assert card.accuracy[0].value < 0.2
    assert load_solver(tmp_path / "zoo" / "mine.json", "cpu").solve([next(noise.iterdir())])


@pytest.mark.parametrize("missing", ["validation", "test"])
def test_a_part_without_images_is_done_without(
    missing: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = tuned_at_once(monkeypatch)
    samples = read_samples(folder)
    kept = tuple(file for file in samples.files if file.part != missing)
    monkeypatch.setattr(style_train, "read_samples", lambda *_, **__: replace(samples, files=kept))

    report = train_style(StyleOptions(data=folder, name="mine", out=tmp_path / "zoo"))

    card = find_card(tmp_path / "zoo" / "mine.json").card
    if missing == "validation":
        assert called[0][1] == []
        assert card.temperature is None
        assert card.accuracy
    else:
        assert (card.accuracy, card.calibration, card.precision) == ((), (), ())
        assert "nothing is known of it yet" in report.lines()[0]


def test_a_start_that_was_trained_on_test_images_is_refused(
    folder: Path,
    make: Callable[..., ModelCard],
    own_zoo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tuned_at_once(monkeypatch)
    test = of_parts(labelled_files(folder), ["test"])
    card = with_list(make("knows"), TrainingImages.of([test[0].sha256]), own_zoo)
    (own_zoo / "knows.json").write_text(card.to_json())

    result = run("--data", folder, "--name", "mine", "--out", tmp_path / "zoo", "--start-from", "knows")

    measured = len(of_parts(labelled_files(folder), ["test", "validation"]))
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        f"Error: model 'knows' was trained on 1 of the {measured} images that are to tell how good the new "
        "one is; start from a model that never saw them",
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("--epochs", "60"),
            "--epochs" + NOT_FOR_STYLE,
        ),
        (
            ("--architecture", "crnn-small", "--recipe", "style"),
            "--architecture" + NOT_FOR_STYLE,
        ),
        (
            ("--no-compile",),
            "--compile" + NOT_FOR_STYLE,
        ),
        (
            ("--validation", "none"),
            "--validation" + NOT_FOR_STYLE,
        ),
        (
            ("--length", "4"),
            "--length" + NOT_FOR_STYLE,
        ),
        (
            ("--recipe", "standard", "--minutes", "5"),
            "--minutes is for --recipe style alone, not for standard; leave one of them out",
        ),
        (
            ("--recipe", "post", "--labels", "it.csv"),
            "--labels is for --recipe style alone, not for post; leave one of them out",
        ),
        (
            ("--start-from", "crnn-9"),
            "model 'crnn-9' is not in model_zoo/weights; available: crnn-small, generic, kaptcha, "
            "kaptcha-zero, nano; a model of your own: give the path of its card, like zoo/mine.json, or name "
            "its folder in CAPTCHAFLEET_ZOO",
        ),
    ],
)
def test_options_of_other_recipes_and_starts_that_are_not_there_are_refused(
    arguments: tuple[str, ...], sentence: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAPTCHAFLEET_ZOO", raising=False)

    result = run("--data", folder, "--name", "mine", "--out", tmp_path / "zoo", *arguments)

    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {sentence}")
    assert not (tmp_path / "zoo").exists()


def test_an_option_said_by_its_variable_is_refused_like_one_on_the_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_EPOCHS", "3")

    result = run("--data", folder, "--name", "mine", "--out", tmp_path / "zoo")

    assert result.stderr.startswith("Error: --epochs is not for --recipe style, ")


def test_resume_with_nothing_to_resume_is_refused(folder: Path, tmp_path: Path) -> None:
    result = run("--data", folder, "--name", "mien", "--out", tmp_path / "zoo", "--resume")

    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: there is no run to resume at {tmp_path / 'zoo' / 'mien.checkpoint'}; start it without "
        "--resume\n",
    )


@pytest.mark.parametrize("minutes", ["0.4", "10081", "nan"])
def test_a_budget_that_makes_no_sense_is_refused(minutes: str) -> None:
    result = run("--data", "x", "--name", "mine", "--minutes", minutes)

    assert result.exit_code == 2
    assert "Invalid value for '--minutes'" in result.stderr


def test_too_few_images_are_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style_train, "tune", lambda *_, **__: pytest.fail("it trained"))
    few = write_style(tmp_path / "few", 29)

    result = run("--data", few, "--name", "mine", "--out", tmp_path / "zoo")

    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: data folder {str(few)!r} has 29 usable labelled images, expected at least 30; add labelled "
        "images\n",
    )
    assert not (tmp_path / "zoo").exists()


def test_without_opencv_one_sentence_says_what_to_install(folder: Path, tmp_path: Path) -> None:
    """A Python in which cv2 cannot be imported, as after `pip install 'captchafleet[worker]'`."""
    code = "import sys; sys.modules['cv2'] = None; from model_zoo.cli import main; main()"
    command = ("train", "--data", str(folder), "--name", "mine", "--out", str(tmp_path / "zoo"))

    result = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, check=False
    )

    assert (result.returncode, result.stderr) == (
        2,
        "Error: this command needs captchafleet[train] (cv2 is not installed); "
        "run: pip install 'captchafleet[train]'\n",
    )
