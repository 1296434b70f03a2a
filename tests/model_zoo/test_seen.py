"""The list of training images: written once, checked always, and what is said of images that are on it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from model_zoo.card_parts import Member
from model_zoo.cards import ModelCard, find_card, read_card
from model_zoo.cli import main
from model_zoo.combine import CombineOptions, combine
from model_zoo.errors import CardError, DataError
from model_zoo.seen import TrainingImages, remember, training_images, with_list
from model_zoo.solver import load_solver
from model_zoo.split import PARTS, RULE, LabelledFile, data_hash, labelled_files, of_parts
from model_zoo.training.recipe import Recipe
from model_zoo.training.run import TrainOptions, train

IMAGES = TrainingImages.of(hashlib.sha256(data).hexdigest() for data in (b"one", b"two"))


def run(*arguments: str | Path) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The card of a copy of the shipped model, without a list."""
    card, directory = find_card("crnn-small")
    folder = tmp_path / "zoo"
    folder.mkdir()
    shutil.copy(directory / card.weights, folder)
    bare = replace(card, training_images=None, training_images_sha256=None)
    return write(bare, folder)


def write(card: ModelCard, folder: Path) -> Path:
    """The card's file."""
    path = folder / f"{card.name}.json"
    path.write_text(card.to_json())
    return path


def trained_on(model: Path, files: list[LabelledFile], part: str = "train") -> None:
    """Let the card say that the model was trained on a part of these files."""
    card = read_card(model)
    data = replace(card.data, sha256=data_hash(files), train=len(of_parts(files, [part])))
    write(replace(card, data=data), model.parent)


def listed(model: Path, files: list[LabelledFile]) -> None:
    """Give the model a list of these files."""
    images = TrainingImages.of(file.sha256 for file in files)
    write(with_list(read_card(model), images, model.parent), model.parent)


def test_a_file_on_the_list_is_known_by_its_bytes_alone() -> None:
    assert IMAGES.has(b"one")
    assert not IMAGES.has(b"one ")
    assert IMAGES.has_digest(hashlib.sha256(b"two").hexdigest())


def test_the_list_is_short_sorted_text_and_comes_back() -> None:
    content = IMAGES.encode()

    assert content == b"3fc4ccfe745870e2\n7692c3ad3540bb80\n"
    assert TrainingImages.from_bytes(content, "X") == IMAGES
    assert TrainingImages.from_bytes(b"", "X") == TrainingImages(frozenset())


@pytest.mark.parametrize(
    "content", [b"3fc4\n", b"3FC4CCFE745870E2\n", b"3fc4ccfe745870e2", b"\xff" * 16 + b"\n"]
)
def test_what_is_no_list_is_refused(content: bytes) -> None:
    with pytest.raises(CardError) as caught:
        TrainingImages.from_bytes(content, "X")

    assert str(caught.value) == "list X is no list of images; expected 16 hex digits a line"


def test_a_model_finds_its_list_and_keeps_its_fingerprint(model: Path) -> None:
    before = read_card(model)
    write(with_list(before, IMAGES, model.parent), model.parent)
    card = read_card(model)

    assert training_images(card, model.parent) == IMAGES
    assert load_solver(model, "cpu").training_images == IMAGES
    assert card.fingerprint == before.fingerprint
    assert (model.parent / "crnn-small.seen").read_bytes() == IMAGES.encode()


def test_without_a_list_nobody_knows(model: Path) -> None:
    assert training_images(read_card(model), model.parent) is None

    write(with_list(read_card(model), IMAGES, model.parent), model.parent)
    (model.parent / "crnn-small.seen").unlink()

    assert training_images(read_card(model), model.parent) is None
    assert load_solver(model, "cpu").training_images is None


def test_another_list_than_the_card_names_is_refused(model: Path) -> None:
    write(with_list(read_card(model), IMAGES, model.parent), model.parent)
    path = model.parent / "crnn-small.seen"
    path.write_bytes(b"3fc4ccfe745870e2\n")

    with pytest.raises(CardError) as caught:
        load_solver(model, "cpu")

    assert str(caught.value) == (
        f"list {path} has sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}, the card names "
        f"{hashlib.sha256(IMAGES.encode()).hexdigest()}; copy both again"
    )


def test_an_ensemble_has_seen_what_any_member_has(model: Path) -> None:
    card, folder = read_card(model), model.parent
    members = []
    for name, data in (("a", b"one"), ("b", b"two")):
        images = TrainingImages.of([hashlib.sha256(data).hexdigest()])
        members.append(with_list(replace(card, name=name), images, folder))
        write(members[-1], folder)
    ensemble = replace(
        card,
        name="both",
        architecture="ensemble",
        weights="",
        sha256="",
        members=tuple(Member(it.name, it.fingerprint, it.sha256) for it in members),
    )

    assert training_images(ensemble, folder) == IMAGES
    (folder / "b.seen").unlink()
    assert training_images(ensemble, folder) is None


def test_remember_lists_what_the_card_says_it_was_trained_on(model: Path, twelve: Path) -> None:
    files = labelled_files(twelve)
    trained_on(model, files)
    train = of_parts(files, ["train"])

    result = run("remember", model, "--data", twelve)

    assert result.output == f"{model}: {len(train)} training images are listed\n"
    known = load_solver(model, "cpu").training_images
    assert known == TrainingImages.of(file.sha256 for file in train)


def test_remember_takes_the_parts_of_any_training(model: Path, twelve: Path) -> None:
    files = labelled_files(twelve)
    card = read_card(model)
    write(replace(card, data=replace(card.data, sha256=data_hash(files), train=12)), model.parent)

    result = run("remember", model, "--data", twelve, "--parts", "all")

    assert result.output == f"{model}: 12 training images are listed\n"
    assert training_images(*find_card(model)) == TrainingImages.of(file.sha256 for file in files)


def test_an_ensemble_has_no_list_of_its_own(tmp_path: Path, twelve: Path) -> None:
    combine(CombineOptions(["crnn-small"], "looks", tmp_path))

    with pytest.raises(DataError) as caught:
        remember(str(tmp_path / "looks.json"), labelled_files(twelve), PARTS["train"])
    assert str(caught.value) == (
        "model 'looks' is an ensemble, which has seen what its members have; give crnn-small a list"
    )
    assert [path.name for path in tmp_path.glob("looks*")] == ["looks.json"]


def test_remember_refuses_other_data_and_other_parts(model: Path, twelve: Path) -> None:
    files = labelled_files(twelve)
    wanted = read_card(model).data.sha256

    with pytest.raises(DataError) as other:
        remember(str(model), files, PARTS["train"])
    trained_on(model, files)
    with pytest.raises(DataError) as parts:
        remember(str(model), files, PARTS["train"] + PARTS["test"])

    assert str(other.value) == (
        "these are not the images that model 'crnn-small' was trained on: their hash is "
        f"{data_hash(files)}, its card names {wanted}; give the same folder"
    )
    n, both = len(of_parts(files, ["train"])), len(of_parts(files, ["train", "test"]))
    assert str(parts.value) == (
        f"these parts hold {both} images, model 'crnn-small' was trained on {n}; its card says: {RULE}"
    )
    assert not (model.parent / "crnn-small.seen").exists()


def test_training_lists_its_images_and_those_of_the_model_it_started_from(
    small_images: Path, tmp_path: Path
) -> None:
    first = TrainOptions(
        small_images,
        "first",
        tmp_path / "zoo",
        architecture_options={"channels": [4, 4, 8, 8], "hidden": 8},
        height=16,
        width=64,
        recipe=Recipe(epochs=1, synthetic=0),
    )
    train(first)
    train(
        replace(
            first,
            name="second",
            architecture_options={},
            start=str(tmp_path / "zoo" / "first.json"),
            parts="test",
            validation="validation",
        )
    )

    lists = [training_images(*find_card(tmp_path / "zoo" / f"{name}.json")) for name in ("first", "second")]

    assert lists == [
        TrainingImages.of(file.sha256 for file in of_parts(labelled_files(small_images), parts))
        for parts in (["train"], ["train", "test"])
    ]


def test_the_shipped_models_list_is_its_training_part(captcha_data: Path) -> None:
    known = load_solver("crnn-small", "cpu").training_images
    files = labelled_files(captcha_data / "captcha_images_v2")

    assert known is not None
    assert {file.part for file in files if known.has_digest(file.sha256)} == {"train"}
    assert sum(known.has_digest(file.sha256) for file in files) == 524


def test_evaluate_warns_where_all_were_trained_on(model: Path, twelve: Path) -> None:
    test = of_parts(labelled_files(twelve), ["test"])
    listed(model, test)

    result = run("evaluate", model, "--data", twelve, "--json")

    n = len(test)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["seen_in_training"] == {
        "seen": n,
        "images": n,
        "exact_match_unseen": None,
    }
    assert result.stderr == (
        f"{n} of {n} images were in this model's training data; these figures say nothing about new images\n"
    )


def test_evaluate_measures_the_others_alone_where_some_were(model: Path, twelve: Path) -> None:
    test = of_parts(labelled_files(twelve), ["test"])
    listed(model, test[:1])

    result = run("evaluate", model, "--data", twelve)

    n = len(test)
    warning, others = result.stderr.splitlines()
    assert warning == (
        f"1 of {n} images were in this model's training data; only how the other {n - 1} were read says "
        "something about new images"
    )
    assert others.startswith("exact match of the others: 100.00% (")
    assert others.endswith(f" to 100.00%, 95 % Wilson, n = {n - 1})")


def test_evaluate_says_nothing_where_none_was_and_null_where_nobody_knows(model: Path, twelve: Path) -> None:
    nobody = run("evaluate", model, "--data", twelve, "--json")
    listed(model, of_parts(labelled_files(twelve), ["train"]))
    none = run("evaluate", model, "--data", twelve, "--json")

    assert (nobody.stderr, none.stderr) == ("", "")
    assert json.loads(nobody.stdout)["seen_in_training"] is None
    assert json.loads(none.stdout)["seen_in_training"]["seen"] == 0


@pytest.mark.parametrize("command", ["evaluate", "calibrate"])
def test_what_was_trained_on_is_not_recorded_whatever_its_part(
    model: Path, twelve: Path, command: str
) -> None:
    test = of_parts(labelled_files(twelve), ["test"])
    listed(model, test[:1])
    before = model.read_bytes()
    options = ("--record",) if command == "evaluate" else ("--part", "test")

    result = run(command, model, "--data", twelve, *options)

    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: 1 of {len(test)} images were in this model's training data: what they give is no measure of "
        "it and is not recorded; choose others\n"
    )
    assert model.read_bytes() == before
