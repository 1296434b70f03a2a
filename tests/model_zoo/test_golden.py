"""The shipped models on generated images: exact texts, so that nothing on the way changes unseen."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from model_zoo.architectures.cost import count_flops
from model_zoo.cards import DEFAULT_MODEL, available_models, verify_weights
from model_zoo.cards import find_card as find
from model_zoo.generators.folder import write_examples
from model_zoo.solver import Solver, load_solver
from model_zoo.split import labelled_files, of_parts

GOLDEN = ["bfmdp", "ymbw6", "c6cem"]

EXAMPLES = Path(__file__).parents[2] / "examples" / "captchas"


@pytest.fixture(scope="module")
def solver() -> Solver:
    """The model that everyone gets."""
    return load_solver(DEFAULT_MODEL, device="cpu")


def test_three_new_images_are_read_exactly(solver: Solver, tmp_path: Path) -> None:
    paths = write_examples(tmp_path / "three", style="kaptcha", count=3, seed=424242)

    predictions = solver.solve(paths)

    assert [prediction.text for prediction in predictions] == GOLDEN
    assert [path.stem for path in paths] == GOLDEN
    assert all((prediction.probability or 0) > 0.5 for prediction in predictions)


@pytest.mark.parametrize("name", [card.name for card in available_models()])
def test_a_shipped_card_is_true_to_its_weights(name: str) -> None:
    card, directory = find(name)

    verify_weights(card, directory)
    network = load_solver(name, device="cpu").network
    assert sum(parameter.numel() for parameter in network.parameters()) == card.parameters
    assert count_flops(network, card.height, card.width) == (card.flops_per_image, card.time_steps)
    if name == "generic":  # reads any style, so it may be larger; in the repository it is 16 MB at most
        assert (directory / card.weights).stat().st_size <= 16_000_000
        assert (card.time_steps, card.charset) == (
            24,
            string.digits + string.ascii_uppercase + string.ascii_lowercase,
        )
        return
    assert card.parameters <= 1_000_000
    assert card.flops_per_image <= 200_000_000
    assert (card.time_steps, card.charset) == (25, "2345678bcdefgmnpwxy")


@pytest.mark.parametrize(("name", "goal"), [("kaptcha", 0.995), ("nano", 0.99)])
def test_what_saw_every_image_is_measured_out_of_fold_for_each_seed(name: str, goal: float) -> None:
    card = find(name).card

    assert card.data.train == 884
    assert {it.part for it in card.accuracy} == {"out-of-fold"}
    for length_known in (False, True):
        rows = [it for it in card.accuracy if bool(it.constraints) == length_known]
        assert [(it.seed, it.n, it.decoder) for it in rows] == [(seed, 884, "exact") for seed in (0, 1, 2)]
        assert all(it.value >= goal for it in rows)
    assert card.temperature is not None
    assert {it.target for row in card.precision for it in row.thresholds} == {0.99, 0.995}


def test_nano_is_cheap() -> None:
    assert find("nano").card.flops_per_image <= 20_000_000


def test_at_least_95_of_100_examples_are_read_exactly(solver: Solver) -> None:
    paths = sorted(EXAMPLES.glob("*.png"))[::2]

    predictions = solver.solve(paths)

    right = sum(prediction.text == path.stem for path, prediction in zip(paths, predictions, strict=True))
    assert len(paths) == 100
    assert right >= 95


@pytest.mark.parametrize("name", ["crnn-small", "kaptcha-zero"])
def test_greedy_reads_real_images_that_the_model_never_saw(name: str, captcha_data: Path) -> None:
    files = of_parts(labelled_files(captcha_data / "captcha_images_v2"), ["test", "validation"])
    seen = load_solver(name, device="cpu").training_images
    assert seen is not None
    assert not any(file.sha256[:16] in seen.hashes for file in files)

    predictions = load_solver(name, device="cpu").solve([file.path for file in files], decoder="greedy")

    right = sum(prediction.text == file.label for file, prediction in zip(files, predictions, strict=True))
    assert right / len(files) >= 0.985


def test_answers_do_not_depend_on_the_batch(solver: Solver) -> None:
    """Other batch sizes take other kernels, so probabilities may differ by rounding: 1e-4 absolute."""
    paths = sorted(EXAMPLES.glob("*.png"))[:12]

    whole, single = solver.solve(paths), solver.solve(paths, micro_batch=1)

    assert [it.text for it in whole] == [it.text for it in single]
    assert [it.probability for it in whole] == pytest.approx([it.probability for it in single], abs=1e-4)
