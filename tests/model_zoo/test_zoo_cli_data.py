"""`model-zoo evaluate`, `split` and `generate`: what they print, what they write, what they refuse."""

from __future__ import annotations

import json
import shutil
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from model_zoo.cards import find_card
from model_zoo.cli import main
from model_zoo.generators.labels import distinct_labels
from model_zoo.split import labelled_files, of_parts


def run(*arguments: str | Path) -> Result:
    """The command's result in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_split_lists_the_files_of_a_part(twelve: Path, tmp_path: Path) -> None:
    wanted = of_parts(labelled_files(twelve), ["train"])
    out = tmp_path / "list.txt"

    result = run("split", "--data", twelve, "--part", "train", "--out", out)

    assert result.output == f"{out}: {len(wanted)} images of train\n"
    assert out.read_text().splitlines() == [file.path.name for file in wanted]


def test_generate_says_how_many_images_it_made(tmp_path: Path) -> None:
    result = run("generate", "--count", "3", "--seed", "8", "--out", tmp_path / "new")

    assert result.output == f"{tmp_path / 'new'}: 3 images\n"
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_evaluate_counts_a_wrong_label_and_lists_it(twelve: Path) -> None:
    train = of_parts(labelled_files(twelve), ["train"])
    wrong = train[0].path.rename(train[0].path.with_name("22222.png"))

    result = run("evaluate", "crnn-small", "--data", twelve, "--part", "train", "--json")
    words = run("evaluate", "crnn-small", "--data", twelve, "--part", "train").output.splitlines()

    figures = json.loads(result.stdout)
    assert figures["exact_match"]["n"] == len(train)
    assert figures["exact_match"]["value"] == (len(train) - 1) / len(train)
    assert [(it["file"], it["label"], it["text"]) for it in figures["errors"]] == [
        (wrong.name, "22222", train[0].label)
    ]
    assert words[0] == "model                 crnn-small, exact, parts train"
    assert words[1].startswith(f"exact match           {figures['exact_match']['value']:.2%} (")
    assert words[1].endswith(f" 95 % Wilson, n = {len(train)})")
    assert words[4] == f"proven                {len(train)} of {len(train)}"
    assert words[5] == "wrong answers         1"
    assert words[6].startswith(f"  22222.png: 22222 read as {train[0].label} (p = ")


def test_errors_beyond_the_first_twenty_are_counted(tmp_path: Path) -> None:
    for number in range(22):
        Image.new("L", (200, 50), number).save(tmp_path / f"22222_{number}.png")
    parts = [word for part in ("train", "validation", "test") for word in ("--part", part)]

    result = run("evaluate", "crnn-small", "--data", tmp_path, *parts, "--decoder", "greedy")

    lines = result.stdout.splitlines()
    assert lines[4] == "wrong answers         22"
    assert len(lines) == 5 + 20 + 1
    assert lines[-1] == "  and 2 more; --json lists them all"


def test_record_is_refused_for_a_constrained_model(twelve: Path) -> None:
    result = run("evaluate", "crnn-small", "--data", twelve, "--length", "5", "--record")

    assert result.exit_code == 2
    assert result.stderr.endswith("Error: --record is for the model as it is; leave --length out\n")


@pytest.fixture
def copied_model(tmp_path: Path) -> Path:
    """The card of a copy of the shipped model, whose figures may be overwritten."""
    card, directory = find_card("crnn-small")
    folder = tmp_path / "zoo"
    folder.mkdir()
    for name in (f"{card.name}.json", card.weights):
        shutil.copy(directory / name, folder)
    return folder / f"{card.name}.json"


def test_the_accuracy_on_training_images_is_not_recorded(twelve: Path, copied_model: Path) -> None:
    before = copied_model.read_bytes()

    result = run("evaluate", copied_model, "--data", twelve, "--part", "test", "--part", "train", "--record")

    assert result.exit_code == 2
    assert result.stderr == (
        "Error: the accuracy on images that a model was trained on is no measure of it and is not recorded; "
        "leave --part train or --record out\n"
    )
    assert copied_model.read_bytes() == before


def test_record_says_in_its_last_line_where(
    twelve: Path, copied_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied_model.parent.parent)

    words = run("evaluate", "zoo/crnn-small.json", "--data", twelve, "--record")
    folder = run("evaluate", copied_model.parent, "--data", twelve, "--record", "--json")
    plain = run("evaluate", copied_model, "--data", twelve)

    assert (words.exit_code, words.stderr) == (0, "")
    assert words.stdout.splitlines()[-1] == "recorded in zoo/crnn-small.json"
    assert json.loads(folder.stdout)["parts"] == ["test"], "JSON alone"
    assert folder.stderr == f"recorded in {copied_model}\n"
    assert "recorded" not in plain.output


def test_a_read_only_card_is_refused_before_anything_is_measured(
    twelve: Path, copied_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rights are asked of `os.access`, because root may write where nobody else may."""
    monkeypatch.setattr("model_zoo.evaluate.os.access", lambda path, mode: path != copied_model)
    monkeypatch.setattr("model_zoo.evaluate.read_files", lambda *a, **b: pytest.fail("it measured"))

    result = run("evaluate", copied_model, "--data", twelve, "--record")

    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: card {str(copied_model)!r} is read-only; copy the model to a folder of your own\n"
    )


def test_a_part_named_twice_counts_once(twelve: Path, tmp_path: Path) -> None:
    test = of_parts(labelled_files(twelve), ["test"])
    twice = ("--data", twelve, "--part", "test", "--part", "test")

    measured = run("evaluate", "crnn-small", *twice)
    listed = run("split", *twice, "--out", tmp_path / "list.txt")

    assert measured.output.splitlines()[0] == "model                 crnn-small, exact, parts test"
    assert measured.output.splitlines()[1].endswith(f"n = {len(test)})")
    assert listed.output == f"{tmp_path / 'list.txt'}: {len(test)} images of test\n"


def test_an_empty_answer_is_called_nothing(twelve: Path) -> None:
    file = of_parts(labelled_files(twelve), ["test"])[0].path
    Image.new("L", (200, 50), 255).save(file)

    result = run("evaluate", "crnn-small", "--data", twelve, *("--part", "test", "--part", "validation"),
                 *("--part", "train"))  # fmt: skip

    assert result.exit_code == 0
    assert f"  {file.name}: {file.stem} read as nothing (p = " in result.output


def test_generate_names_the_image_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(image: Image.Image, path: Path, **settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fill_up)

    result = run("generate", "--count", "1", "--seed", "8", "--out", tmp_path / "new")

    ((label, _),) = islice(distinct_labels("examples", 8), 1)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: image {str(tmp_path / 'new' / label) + '.png'!r} cannot be written "
        "(No space left on device); make room, or give another folder\n"
    )
