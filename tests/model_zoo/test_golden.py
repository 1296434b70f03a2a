"""The shipped model on three generated images: exact texts, so that nothing on the way changes unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_zoo.cards import DEFAULT_MODEL, verify_weights
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


def test_the_card_is_true_to_the_weights(solver: Solver) -> None:
    card, directory = find(DEFAULT_MODEL)

    verify_weights(card, directory)
    assert sum(parameter.numel() for parameter in solver.network.parameters()) == card.parameters
    assert card.parameters <= 1_000_000
    assert (card.time_steps, card.charset) == (25, "2345678bcdefgmnpwxy")
    measured = {(it.part, it.decoder): it for it in card.accuracy}
    both = [measured["test", "greedy"], measured["validation", "greedy"]]
    assert sum(it.value * it.n for it in both) / sum(it.n for it in both) >= 0.985


def test_at_least_95_of_100_examples_are_read_exactly(solver: Solver) -> None:
    paths = sorted(EXAMPLES.glob("*.png"))[::2]

    predictions = solver.solve(paths)

    right = sum(prediction.text == path.stem for path, prediction in zip(paths, predictions, strict=True))
    assert len(paths) == 100
    assert right >= 95


def test_greedy_reads_the_real_images_it_never_saw(solver: Solver, captcha_data: Path) -> None:
    files = of_parts(labelled_files(captcha_data / "captcha_images_v2"), ["test", "validation"])

    predictions = solver.solve([file.path for file in files], decoder="greedy")

    right = sum(prediction.text == file.label for file, prediction in zip(files, predictions, strict=True))
    assert right / len(files) >= 0.985


def test_answers_do_not_depend_on_the_batch(solver: Solver) -> None:
    """Other batch sizes take other kernels, so probabilities may differ by rounding: 1e-4 absolute."""
    paths = sorted(EXAMPLES.glob("*.png"))[:12]

    whole, single = solver.solve(paths), solver.solve(paths, micro_batch=1)

    assert [it.text for it in whole] == [it.text for it in single]
    assert [it.probability for it in whole] == pytest.approx([it.probability for it in single], abs=1e-4)
