"""Cross-validation: every image is read once, by a network that never saw it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from model_zoo.atomic import write_whole
from model_zoo.errors import DataError
from model_zoo.generators.folder import write_examples
from model_zoo.split import data_hash, labelled_files
from model_zoo.statistics import wilson_interval
from model_zoo.training import folds
from model_zoo.training.folds import FoldAnswer, cross_validate, read_answers, share
from model_zoo.training.prepare import Prepared, TrainOptions
from model_zoo.training.recipe import Recipe

SMALL = {"channels": [4, 4, 8, 8], "hidden": 8}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds") / "images"
    for path in write_examples(folder, style="kaptcha", count=60, seed=0):
        if int(hashlib.sha256(path.read_bytes()).hexdigest(), 16) % 10 > 4:  # five folds are enough
            path.unlink()
    return folder


@pytest.fixture
def options(images: Path, tmp_path: Path) -> TrainOptions:
    """A run of one short epoch."""
    recipe = Recipe(epochs=1, batch_size=30)
    return TrainOptions(
        images, "folds", tmp_path, architecture_options=SMALL, height=16, width=64, recipe=recipe
    )


def part(answer: FoldAnswer, images: Path) -> int:
    return next(int(it.sha256, 16) % 10 for it in labelled_files(images) if it.path.name == answer.file)


def test_every_image_is_read_by_the_network_that_was_trained_on_the_other_parts(
    options: TrainOptions, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[set[int]] = []

    class Watched(Prepared):
        def __init__(self, options: TrainOptions) -> None:
            super().__init__(options)
            trained.append({int(file.sha256, 16) % 10 for file in self.selection.training})
            assert not self.selection.validation

    monkeypatch.setattr(folds, "Prepared", Watched)

    answers = cross_validate(options, tmp_path / "answers.csv")

    assert sorted(it.file for it in answers) == sorted(path.name for path in images.iterdir())
    assert all(it.part == part(it, images) and it.label == it.file[:5] for it in answers)
    there = sorted({it.part for it in answers})
    assert trained == [set(there) - {number} for number in there]
    assert all(len(it.length_text) == 5 for it in answers)


def test_folds_that_are_done_are_not_run_again_and_the_rest_comes_out_the_same(
    options: TrainOptions, tmp_path: Path
) -> None:
    class StopError(Exception):
        pass

    def stop_after_some(fold: int, answers: Sequence[FoldAnswer]) -> None:
        if fold >= 2:
            raise StopError

    unbroken = cross_validate(options, tmp_path / "unbroken.csv")
    out, told = tmp_path / "broken.csv", list[int]()
    with pytest.raises(StopError):
        cross_validate(options, out, stop_after_some)

    went_on = cross_validate(options, out, lambda fold, answers: told.append(fold))

    assert went_on == unbroken == read_answers(out)
    assert min(told) > 2
    frames = np.load(out.with_suffix(".npz"))["log_probs"]
    assert len(frames) == len(unbroken)
    assert np.array_equal(frames, np.load(tmp_path / "unbroken.npz")["log_probs"])


def test_a_kill_between_the_two_files_of_the_answers_costs_one_fold(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames of the second fold are written, its answers are not."""

    def write(path: Path, content: bytes) -> None:
        if path.suffix == ".csv" and out.exists():
            raise KeyboardInterrupt
        write_whole(path, content)

    out = tmp_path / "answers.csv"
    monkeypatch.setattr(folds, "write_whole", write)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(options, out)
    monkeypatch.undo()
    assert len(np.load(out.with_suffix(".npz"))["log_probs"]) > len(read_answers(out))
    told: list[int] = []

    answers = cross_validate(options, out, lambda fold, found: told.append(fold))

    assert told == sorted({it.part for it in answers})[1:]
    assert len(np.load(out.with_suffix(".npz"))["log_probs"]) == len(answers)


@pytest.mark.parametrize("name", ["answers.json", "answers.npz"])
def test_answers_do_not_lie_where_the_files_beside_them_go(
    options: TrainOptions, tmp_path: Path, name: str
) -> None:
    with pytest.raises(DataError) as error:
        cross_validate(options, tmp_path / name)
    assert str(error.value) == (
        f"{str(tmp_path / name)!r} would lie where the files beside it go; give a name with .csv"
    )


def test_what_lies_beside_the_answers_is_not_written_over(options: TrainOptions, tmp_path: Path) -> None:
    card = tmp_path / "mine.json"
    card.write_text('{"name": "mine", "architecture": "crnn-small"}')

    with pytest.raises(DataError) as error:
        cross_validate(options, tmp_path / "mine.csv")

    assert str(error.value) == (
        f"{str(tmp_path / 'mine.csv')!r} holds answers of another training or other data; give another --out"
    )
    assert "mine" in card.read_text()


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"recipe": {"epochs": 3, "augmentation": {"noise": 0.5}}, "height": 50},
         "another training (height 50, not 16, epochs 3, not 1, batch_size 32, not 30, noise 0.5, not 0.05)"),
        ({"data": "0" * 64}, "other data"),
    ],
)  # fmt: skip
def test_answers_of_another_training_are_refused_with_what_differs(
    options: TrainOptions, images: Path, tmp_path: Path, changed: dict[str, object], what: str
) -> None:
    how = {
        "architecture": "crnn-small", "height": 16, "width": 64,
        "data": data_hash(labelled_files(images)), "recipe": asdict(options.recipe),
    }  # fmt: skip
    (tmp_path / "mine.json").write_text(json.dumps({**how, **changed}))

    with pytest.raises(DataError) as error:
        cross_validate(options, tmp_path / "mine.csv")

    assert str(error.value) == (f"{str(tmp_path / 'mine.csv')!r} holds answers of {what}; give another --out")


def test_answers_to_other_images_are_not_gone_on_from(options: TrainOptions, tmp_path: Path) -> None:
    out = tmp_path / "other.csv"
    out.write_text(
        "file,label,part,text,probability,length_text,length_probability\nxxxxx.png,xxxxx,0,x,0.5,xxxxx,0.1\n"
    )
    with pytest.raises(DataError) as error:
        cross_validate(options, out)
    assert str(error.value) == (
        f"{str(out)!r} holds answers to other images, or its .npz is missing; give another --out"
    )


def test_a_file_that_holds_no_answers_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="holds no out-of-fold answers"):
        read_answers(path)


def test_a_character_of_one_part_alone_is_refused_before_training(
    options: TrainOptions, images: Path, tmp_path: Path
) -> None:
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    for path in images.iterdir():
        (lonely / path.name).write_bytes(path.read_bytes())
    first = next(lonely.iterdir())
    number = int(next(it.sha256 for it in labelled_files(lonely) if it.path == first), 16) % 10
    first.rename(lonely / f"z{first.name[1:]}")
    with pytest.raises(DataError) as error:
        cross_validate(replace(options, data=lonely), tmp_path / "answers.csv")
    assert str(error.value) == (
        f"character 'z' occurs in images of part {number} alone, so no network could learn to read them; "
        "add images with it, or leave these out"
    )


def test_a_share_counts_texts_with_and_without_knowledge_of_the_length() -> None:
    right = FoldAnswer("a.png", "a", 0, "a", 0.9, "a", 0.9)
    by_length = FoldAnswer("bb.png", "bb", 1, "b", 0.5, "bb", 0.8)

    free, known = (share([right, by_length], length_known=it) for it in (False, True))

    assert (free.right, free.n, free.value) == (1, 2, 0.5)
    assert (free.low, free.high) == wilson_interval(1, 2)
    assert (known.right, known.value) == (2, 1.0)
