"""Training on forty generated images: what comes out, what is refused, what a kill costs."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model_zoo.charset import Charset
from model_zoo.errors import DataError
from model_zoo.generators.folder import write_examples
from model_zoo.generators.labels import is_reserved
from model_zoo.preprocess import WANTED
from model_zoo.solver import load_solver
from model_zoo.split import labelled_files, of_parts
from model_zoo.training import data
from model_zoo.training.generated import generate_images
from model_zoo.training.log import EpochLog, append
from model_zoo.training.prepare import TrainOptions
from model_zoo.training.recipe import Recipe
from model_zoo.training.run import Run, train

SMALL = {"channels": [4, 4, 8, 8], "hidden": 8}


@pytest.fixture(scope="session")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of forty labelled images, some in each part."""
    folder = tmp_path_factory.mktemp("data") / "forty"
    write_examples(folder, style="kaptcha", count=40, seed=0)
    assert {file.part for file in labelled_files(folder)} == {"train", "validation", "test"}
    return folder


@pytest.fixture
def options(forty: Path, tmp_path: Path) -> TrainOptions:
    """A run of one epoch with a few synthetic images."""
    recipe = Recipe(epochs=1, synthetic=4, seed=5)
    return TrainOptions(forty, "tiny", tmp_path / "zoo", architecture_options=SMALL, recipe=recipe)


def test_one_epoch_leaves_a_model_that_can_be_loaded_and_asked(options: TrainOptions) -> None:
    logs: list[EpochLog] = []

    card = train(options, logs.append)

    solver = load_solver(options.out / "tiny.json", device="cpu")
    assert solver.card == card
    assert len(solver.solve(sorted(options.data.iterdir())[:3])) == 3
    assert sorted(path.name for path in options.out.iterdir()) == [
        "tiny.csv",
        "tiny.json",
        "tiny.safetensors",
        "tiny.seen",
    ]
    assert [log.epoch for log in logs] == [1]


def test_the_card_says_what_was_trained_on(options: TrainOptions) -> None:
    card = train(replace(options, source="a generator"))

    files = labelled_files(options.data)
    training = of_parts(files, ["train"])
    assert card.data.train + card.data.validation + card.data.test == 40
    assert (card.data.train, card.data.name, card.data.source) == (len(training), "forty", "a generator")
    assert card.charset == "".join(sorted({char for file in training for char in file.label}))
    assert (card.min_length, card.max_length, card.time_steps) == (5, 5, 25)
    assert card.recipe["seed"] == 5
    assert card.recipe["augmentation"]["rotation_degrees"] == 4.0
    assert [(it.part, it.decoder, it.n) for it in card.accuracy] == [
        ("validation", "greedy", card.data.validation)
    ]
    assert card.parameters == sum(
        tensor.numel()
        for key, tensor in load_file(options.out / card.weights).items()
        if "running" not in key and "tracked" not in key
    )


def test_a_stopped_run_resumes_to_the_weights_of_one_that_was_never_stopped(
    options: TrainOptions, tmp_path: Path
) -> None:
    options = replace(options, recipe=replace(options.recipe, epochs=3))
    whole = train(replace(options, out=tmp_path / "whole"))

    def stop(log: EpochLog) -> None:
        if log.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(options, stop)
    # As if the kill had fallen between the third line of the log and its checkpoint.
    with (options.out / "tiny.csv").open("a") as log:
        log.write("3,1,1.0,0.0,0.1\n")
    resumed_epochs: list[int] = []
    resumed = train(replace(options, resume=True), lambda log: resumed_epochs.append(log.epoch))

    assert resumed_epochs == [3]
    assert resumed.sha256 == whole.sha256
    with (options.out / "tiny.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]


def stopped(options: TrainOptions) -> TrainOptions:
    """Leave a run of two epochs after the first one."""
    options = replace(options, recipe=replace(options.recipe, epochs=2))

    def stop(log: EpochLog) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(options, stop)
    return options


def test_a_stopped_run_is_neither_overwritten_nor_resumed_as_another(options: TrainOptions) -> None:
    options = stopped(options)
    path = options.out / "tiny.checkpoint"

    with pytest.raises(DataError) as again:
        train(options)
    with pytest.raises(DataError) as other:
        train(replace(options, resume=True, recipe=replace(options.recipe, seed=6)))

    assert str(again.value) == f"a stopped run is at {path}; go on with --resume, or delete the file"
    assert str(other.value) == (
        f"the run at {path} had seed 5, not 6; resume with its options, or delete the file"
    )


def test_a_stopped_run_is_not_gone_on_from_with_another_network(options: TrainOptions) -> None:
    options = stopped(options)

    with pytest.raises(DataError) as caught:
        train(replace(options, resume=True, architecture_options={**SMALL, "hidden": 4}))
    assert str(caught.value) == (
        f"the run at {options.out / 'tiny.checkpoint'} had another architecture, input or alphabet; "
        "resume with its options, or delete the file"
    )


def test_a_log_that_is_gone_begins_again_with_its_header(tmp_path: Path) -> None:
    for epoch in (3, 4):
        append(tmp_path / "it.csv", EpochLog(epoch, 10, 0.5))

    lines = (tmp_path / "it.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["epoch", "3", "4"]


def test_a_run_that_never_was_cannot_be_resumed(options: TrainOptions) -> None:
    with pytest.raises(DataError) as caught:
        train(replace(options, resume=True))
    assert str(caught.value) == (
        f"there is no run to resume at {options.out / 'tiny.checkpoint'}; start it without --resume"
    )


@pytest.mark.parametrize("file", ["tiny.safetensors", "tiny.json"])
def test_a_model_is_never_overwritten(options: TrainOptions, file: str) -> None:
    options.out.mkdir()
    (options.out / file).touch()

    with pytest.raises(DataError) as caught:
        train(options)
    assert str(caught.value) == (
        f"model 'tiny' is in {options.out} already; choose another name, "
        f"or delete its files {options.out}/tiny.*"
    )


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden", "with space"])
def test_a_name_that_is_no_file_name_is_refused(options: TrainOptions, name: str) -> None:
    with pytest.raises(DataError) as caught:
        train(replace(options, name=name))
    assert str(caught.value) == f"name {name!r} is not usable; use letters, digits and . _ - only"


def test_an_unreadable_training_image_is_named_before_the_first_epoch(
    options: TrainOptions, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in options.data.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    number = next(n for n in range(1000) if _part_of_text(f"text {n}", broken) == "train")
    (broken / "abcde.png").write_text(f"text {number}")

    with pytest.raises(DataError) as caught:
        train(replace(options, data=broken))
    assert str(caught.value) == (
        f"training image {str(broken / 'abcde.png')!r} is unreadable: "
        f"the content starts with {f'text {number}'.encode()[:8]!r}, expected {WANTED}; remove it"
    )


def _part_of_text(text: str, folder: Path) -> str:
    path = folder / "abcde.png"
    path.write_text(text)
    return next(file.part for file in labelled_files(folder) if file.path == path)


def test_a_label_that_the_frames_cannot_carry_is_refused() -> None:
    data.check_labels(["aabb"], 6)

    with pytest.raises(DataError) as caught:
        data.check_labels(["abc", "aabb"], 5)
    assert str(caught.value) == (
        "label 'aabb' needs 6 time steps, the model has 5; train with a wider input (--width)"
    )


def test_synthetic_images_are_new_in_every_epoch_and_never_reserved() -> None:
    def generated(epoch: int) -> data.LabelledImages:
        return generate_images(
            20, seed=1, epoch=epoch, charset=Charset("23ab"), length=(4, 5), size=(50, 200)
        )

    first, second = generated(0), generated(1)

    assert first.pixels.shape == (20, 1, 50, 200)
    assert first.labels == generated(0).labels
    assert torch.equal(first.pixels, generated(0).pixels)
    assert first.labels != second.labels
    assert not any(is_reserved(label) for label in first.labels + second.labels)
    assert set("".join(first.labels)) <= set("23ab")


def test_mean_and_std_are_of_grey_values_from_0_to_1() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)

    assert data.mean_and_std(pixels) == (0.5, 0.7071)


def test_the_card_is_json_with_its_version(options: TrainOptions) -> None:
    train(options)

    assert json.loads((options.out / "tiny.json").read_text())["card_version"] == 2


def test_a_run_is_not_gone_on_with_on_other_parts(options: TrainOptions) -> None:
    recipe = replace(options.recipe, epochs=2)
    run = Run(replace(options, recipe=recipe, parts="all", validation="none"))
    run.epoch()

    with pytest.raises(DataError) as caught:
        Run(replace(options, recipe=recipe, resume=True))

    assert str(caught.value) == (
        f"the run at {options.out / 'tiny.checkpoint'} had other data or other parts; resume with its "
        "options, or delete the file"
    )
    assert (
        Run(replace(options, recipe=recipe, parts="all", validation="none", resume=True)).fit.state.epoch == 1
    )


def test_the_drawing_of_images_ends_with_the_run_and_with_one_that_is_refused(
    options: TrainOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    monkeypatch.setattr("model_zoo.training.fit.Fit.close", lambda fit: closed.append(fit))

    train(replace(options, recipe=replace(options.recipe, epochs=1)))
    (options.out / "other.checkpoint").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"other\.checkpoint cannot be read"):
        train(replace(options, name="other", resume=True))

    assert len(closed) == 2
