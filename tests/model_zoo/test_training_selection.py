"""Which images are trained on, which measured, and what cannot be begun with."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from model_zoo.errors import DataError, DeviceError
from model_zoo.generators.folder import write_examples
from model_zoo.split import RULE, LabelledFile, labelled_files
from model_zoo.training import data
from model_zoo.training.folds import cross_validate
from model_zoo.training.prepare import Prepared, TrainOptions
from model_zoo.training.recipe import RECIPES, recipe_named
from model_zoo.training.run import train
from model_zoo.training.selection import part_numbers, select

SMALL = {"channels": [4, 4, 8, 8], "hidden": 8}
RECIPE = recipe_named("standard", epochs=1)


def files(count: int) -> list[LabelledFile]:
    """Files whose parts are 0, 1, 2, ... in turn."""
    return [LabelledFile(Path(f"{n}.png"), f"{n}", f"{n:x}") for n in range(count)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("all", range(10)),
        ("none", ()),
        ("train", range(4, 10)),
        ("2-9", range(2, 10)),
        ("0,1", (0, 1)),
        ("test,3", (0, 1, 2, 3)),
    ],
)
def test_parts_are_named_or_numbered(text: str, numbers: range) -> None:
    assert part_numbers(text) == tuple(numbers)


@pytest.mark.parametrize("text", ["", "10", "9-2", "3-", "-1", "training", "1,,2", "²"])
def test_parts_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(DataError) as caught:
        part_numbers(text)
    assert str(caught.value) == (
        f"parts {text!r} are unknown; give all, none, test, validation, train, or numbers from 0 to 9 "
        "like 2-9 or 0,1"
    )


def test_the_usual_split_is_said_by_its_rule_and_another_one_by_its_numbers() -> None:
    usual = select(files(20), "train", "rest", seed=0)
    other = select(files(20), "2-9", "0-1", seed=0)
    every = select(files(20), "all", "rest", seed=0)

    assert (usual.split, len(usual.training), len(usual.validation)) == (RULE, 12, 2)
    assert other.split == (
        "part = int(sha256(file bytes), 16) mod 10; trained on 2, 3, 4, 5, 6, 7, 8, 9, validation 0, 1"
    )
    assert (len(every.training), every.validation) == (20, ())
    assert every.split.endswith("trained on 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, validation none")


def test_a_random_tenth_depends_on_the_seed_and_on_content_alone() -> None:
    there = files(57)
    renamed = [replace(file, path=Path(f"x{file.path}")) for file in reversed(there)]

    first, again, other = (
        select(it, "train", "random", seed) for it, seed in ((there, 1), (renamed, 1), (there, 2))
    )

    assert (len(first.training), len(first.validation), first.seed) == (52, 5, 1)
    assert {it.sha256 for it in first.validation} == {it.sha256 for it in again.validation}
    assert {it.sha256 for it in first.validation} != {it.sha256 for it in other.validation}
    assert not {it.sha256 for it in first.training} & {it.sha256 for it in first.validation}
    assert first.split == "validation is 5 of 57 images drawn with the seed; all others are trained on"


def test_parts_that_overlap_or_are_empty_are_refused() -> None:
    cases = {
        ("all", "0"): "part 0 would be trained on and validated on; give other --parts or --validation",
        ("9", "0"): "no image falls into 9; add more images, each part has about one in ten",
        ("0", "9"): (
            "no image falls into --validation 9: the folder holds 5 images, and each part has about one in "
            "ten; add more images"
        ),
        ("all", "random"): "a tenth of 5 images is none; give at least 10 for --validation random",
        ("0", "random"): (
            "--validation random trains on all other images, not on --parts 0; leave one of them out"
        ),
    }
    for (parts, validation), message in cases.items():
        with pytest.raises(DataError) as caught:
            select(files(5), parts, validation, seed=0)
        assert str(caught.value) == message


def test_a_folder_without_an_image_of_the_validation_part_is_named(tmp_path: Path) -> None:
    for path in write_examples(tmp_path / "few", style="kaptcha", count=12, seed=0):
        if int(hashlib.sha256(path.read_bytes()).hexdigest(), 16) % 10 == 3:
            path.unlink()
    n = len(labelled_files(tmp_path / "few"))
    with pytest.raises(DataError) as few:
        Prepared(TrainOptions(tmp_path / "few", "mine", tmp_path, recipe=RECIPE))
    with pytest.raises(DataError) as one:
        select(files(5)[4:], "train", "validation", seed=0, folder=Path("mine"))

    assert str(few.value) == (
        f"no image falls into the validation part: {str(tmp_path / 'few')!r} holds {n} images, and each part "
        "has about one in ten; add more images"
    )
    assert str(one.value) == (
        "no image falls into the validation part: 'mine' holds 1 image, and each part has about one in ten; "
        "add more images"
    )


def test_a_setting_that_is_unknown_is_refused() -> None:
    messages = []
    for name, changes in (("fast", {}), ("post", {"precision": "float16"}), ("post", {"schedule": "linear"})):
        with pytest.raises(DataError) as caught:
            recipe_named(name, **changes)
        messages.append(str(caught.value))
    assert messages == [
        f"recipe 'fast' is unknown; known are {', '.join(RECIPES)}",
        "precision 'float16' is unknown; known are float32, bfloat16",
        "schedule 'linear' is unknown; known are cosine, one-cycle",
    ]


def test_the_post_s_recipe_is_the_post_s() -> None:
    post = RECIPES["post"]

    assert (post.epochs, post.batch_size, post.learning_rate, post.weight_decay) == (60, 8, 3e-3, 0.01)
    assert (post.schedule, post.warm_up, post.beta2, post.eps) == ("one-cycle", 0.25, 0.99, 1e-5)
    assert (post.clip, post.averaging, post.label_smoothing) == (0, 0, 0.1)
    assert (post.drop_last, post.loss_per_character, post.normalise) == (True, True, False)


@pytest.fixture(scope="module")
def thirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "thirty"
    write_examples(folder, style="kaptcha", count=30, seed=1)
    return folder


@pytest.fixture
def options(thirty: Path, tmp_path: Path) -> TrainOptions:
    return TrainOptions(
        thirty, "tiny", tmp_path / "zoo", height=16, width=64, architecture_options=SMALL,
        recipe=RECIPE, parts="all",
    )  # fmt: skip


def test_a_model_of_all_images_has_no_figure_of_its_own(options: TrainOptions) -> None:
    card = train(options)

    assert card.accuracy == ()
    assert (card.data.train, card.data.validation, card.data.test) == (30, 0, 0)
    log = (options.out / "tiny.csv").read_text().splitlines()[1].split(",")
    assert log[3:7] == ["", "", "", ""]


def test_a_model_may_be_trained_on_generated_images_alone_and_then_be_gone_on_from(
    options: TrainOptions, tmp_path: Path
) -> None:
    generated = replace(options, data=None, name="generated", recipe=replace(RECIPE, synthetic=8))
    first = train(generated)
    assert first.charset == "2345678bcdefgmnpwxy"
    assert (first.data.name, first.data.train, first.data.synthetic) == ("kaptcha", 0, 8)

    second = train(replace(options, name="second", start=str(options.out / "generated.json")))

    assert second.recipe["start"] == f"generated@{first.fingerprint}"
    assert (second.mean, second.std, second.options) == (first.mean, first.std, first.options)
    with pytest.raises(DataError) as other:
        Prepared(replace(options, architecture="xresnet34-pool", start=str(options.out / "generated.json")))
    with pytest.raises(DataError) as size:
        Prepared(replace(options, width=80, start=str(options.out / "generated.json")))
    assert str(other.value) == (
        "model 'generated' is a crnn-small, not a xresnet34-pool; leave --architecture out"
    )
    assert str(size.value) == "model 'generated' takes images of 64x16, not 80x16; say --width 64 --height 16"


def test_a_start_is_not_measured_on_what_it_was_trained_on(
    options: TrainOptions, thirty: Path, tmp_path: Path
) -> None:
    train(replace(options, name="first"))
    first = str(options.out / "first.json")
    measured = select(labelled_files(thirty), "train", "rest", 0).validation

    messages = []
    for started in (
        lambda: Prepared(replace(options, parts="train", start=first)),
        lambda: cross_validate(replace(options, start=first), tmp_path / "answers.csv"),
    ):
        with pytest.raises(DataError) as caught:
            started()
        messages.append(str(caught.value))

    assert messages == [
        f"model 'first' was trained on {n} of the {n} images that are to tell how good the new one is; "
        "start from a model that never saw them"
        for n in (len(measured), 30)
    ]
    assert not (tmp_path / "answers.json").exists()
    Prepared(replace(options, start=first))  # nothing is measured


def test_a_start_that_reads_other_characters_is_refused(options: TrainOptions) -> None:
    with pytest.raises(DataError) as caught:
        Prepared(replace(options, data=_relabelled(options, "zq"), start="crnn-small"))
    assert str(caught.value) == (
        "model 'crnn-small' reads '2345678bcdefgmnpwxy', but the labels also have 'qz'; "
        "start from a model that reads them, or leave --start-from out"
    )


def _relabelled(options: TrainOptions, extra: str) -> Path:
    assert options.data is not None
    folder = options.out.parent / "relabelled"
    folder.mkdir()
    for number, path in enumerate(sorted(options.data.iterdir())):
        (folder / f"{extra if number == 0 else path.stem[:2]}_{number}.png").write_bytes(path.read_bytes())
    return folder


def test_nothing_to_train_on_is_refused(options: TrainOptions) -> None:
    messages = []
    for changed in (
        replace(options, data=None),
        replace(options, parts="none", validation="all"),
    ):
        with pytest.raises(DataError) as caught:
            Prepared(changed)
        messages.append(str(caught.value))
    assert messages == [
        "there is nothing to train on; give --data DIR, or --synthetic N for generated images",
        "no part is trained on; give --parts, or --synthetic N for generated images",
    ]


def test_a_device_that_is_not_there_is_refused(options: TrainOptions) -> None:
    with pytest.raises(DeviceError) as caught:
        Prepared(replace(options, device="cuda:99"))
    assert str(caught.value).startswith("device 'cuda:99' is not there; available: cpu")


def test_a_label_that_is_longer_than_the_positions_is_refused() -> None:
    data.check_labels(["ab", "abcde"], 9, positions=5)

    with pytest.raises(DataError) as caught:
        data.check_labels(["abcdef"], 9, positions=5)
    assert str(caught.value) == (
        "label 'abcdef' has 6 characters, the network has 5 positions; "
        "train another architecture, or leave out such images"
    )
