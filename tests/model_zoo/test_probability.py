"""The probability of an answer, by the shipped weights: it follows the temperature and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model_zoo.constraints import Constraints
from model_zoo.solver import Prediction, Solver, load_solver

EXAMPLES = Path(__file__).parents[2] / "examples" / "captchas"

# What docs/probability.md promises of float32: other batch sizes take other kernels, which round otherwise.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def solver() -> Solver:
    """The shipped weights."""
    return load_solver("crnn-small", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """64 examples, and 32 of two captchas laid over each other, which nobody reads for sure."""
    paths = sorted(EXAMPLES.glob("*.png"))[:64]
    clear = [np.asarray(Image.open(path).convert("L")) for path in paths]
    mixed = [(one // 2 + other // 2) for one, other in zip(clear[:32], clear[32:], strict=True)]
    return [*clear, *mixed]


@pytest.fixture(scope="module")
def wanted(solver: Solver, images: list[np.ndarray]) -> list[Prediction]:
    """The answers in the images' order, by the default micro-batch."""
    return solver.solve(images)


def differences(found: list[Prediction], wanted: list[Prediction]) -> list[float]:
    """How far the probabilities are apart; the texts must be the same."""
    assert [it.text for it in found] == [it.text for it in wanted]
    return [abs((a.probability or 0) - (b.probability or 0)) for a, b in zip(found, wanted, strict=True)]


def test_the_images_are_both_sure_and_unsure(wanted: list[Prediction]) -> None:
    probabilities = [it.probability or 0 for it in wanted]

    assert sum(p > 0.99 for p in probabilities) > 40
    assert sum(p < 0.9 for p in probabilities) > 10


@pytest.mark.parametrize("micro_batch", [1, 7, 64])
def test_an_answer_does_not_depend_on_the_micro_batch_nor_on_its_neighbours(
    solver: Solver, images: list[np.ndarray], wanted: list[Prediction], micro_batch: int
) -> None:
    order = list(range(len(images)))
    random.Random(micro_batch).shuffle(order)

    shuffled = solver.solve([images[number] for number in order], micro_batch=micro_batch)

    found = [prediction for _, prediction in sorted(zip(order, shuffled, strict=True), key=lambda it: it[0])]
    assert max(differences(found, wanted)) <= TOLERANCE


@pytest.mark.parametrize("batch", [1, 7])
def test_an_answer_does_not_depend_on_the_batch_that_brings_it(
    solver: Solver, images: list[np.ndarray], wanted: list[Prediction], batch: int
) -> None:
    found = [it for start in range(0, 28, batch) for it in solver.solve(images[start : start + batch])]

    assert max(differences(found, wanted[:28])) <= TOLERANCE


def test_an_answer_does_not_depend_on_the_process_that_gives_it(
    images: list[np.ndarray], wanted: list[Prediction]
) -> None:
    """As a worker does it: loaded anew, several micro-batches at once."""
    before = torch.get_num_threads()
    worker = load_solver("crnn-small", device="cpu", precision="float32")
    worker.use_threads(2)
    try:
        assert max(differences(worker.solve(images, micro_batch=16), wanted)) <= TOLERANCE
    finally:
        torch.set_num_threads(before)


def test_a_temperature_makes_answers_less_sure_and_another_model_of_it(
    solver: Solver, images: list[np.ndarray], wanted: list[Prediction]
) -> None:
    warm = Solver(replace(solver.card, temperature=2.0), solver.network, solver.device, "float32")

    found = warm.solve(images[:16])

    assert [it.text for it in found] == [it.text for it in wanted[:16]]
    pairs = zip(found, wanted, strict=False)
    assert all((warm.probability or 0) < (cold.probability or 0) for warm, cold in pairs)
    assert warm.card.fingerprint != solver.card.fingerprint


def test_a_temperature_divides_the_log_probabilities_of_every_frame(
    solver: Solver, images: list[np.ndarray]
) -> None:
    batch, _ = solver.preprocess(images[-4:])
    card = replace(solver.card, temperature=1.5)
    warm = Solver(card, solver.network, solver.device, "float32", runtime=solver.runtime.name)

    raw = warm.raw_log_probs(batch)

    assert torch.equal(raw, solver.log_probs(batch))
    assert torch.equal(warm.log_probs(batch), (raw / 1.5).log_softmax(-1))


def test_the_probability_is_among_the_allowed_texts(solver: Solver, images: list[np.ndarray]) -> None:
    free, five = solver.solve(images[64:]), solver.solve(images[64:], Constraints(min_length=5, max_length=5))

    for anything, known in zip(free, five, strict=True):
        assert anything.allowed_mass == pytest.approx(1)
        if anything.text == known.text:
            share = (anything.probability or 0) / (known.allowed_mass or 1)
            assert known.probability == pytest.approx(share, rel=1e-3)
