"""From images to predictions, with a small untrained network whose card is made here."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import model_zoo
from model_zoo.architectures import build
from model_zoo.architectures.cost import count_parameters
from model_zoo.cards import ModelCard, TrainingData
from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.constraints import Constraints
from model_zoo.errors import ConstraintError, DeviceError, WeightsMismatch
from model_zoo.solver import ImageError, Prediction, Solver, find_device, load_solver

OPTIONS = {"channels": [4, 4, 8, 8], "hidden": 8}


@pytest.fixture
def card_file(tmp_path: Path) -> Path:
    """A model on disk: a small network with random weights."""
    torch.manual_seed(3)
    network = build("crnn-small", OPTIONS, n_classes=5, height=50, width=200)
    weights = tmp_path / "tiny.safetensors"
    save_file(network.state_dict(), weights)
    card = ModelCard(
        name="tiny",
        description="Random.",
        architecture="crnn-small",
        options=OPTIONS,
        weights=weights.name,
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        charset="23ab",
        height=50,
        width=80,
        mean=0.5,
        std=0.25,
        time_steps=10,
        decoder="greedy",
        beam_width=5,
        min_length=3,
        max_length=3,
        data=TrainingData("none", 0, 0, 0, "none", None, "00" * 32, 0),
        recipe={},
        accuracy=(),
        parameters=count_parameters(network),
        flops_per_image=0,
        licence="MIT",
    )
    path = tmp_path / "tiny.json"
    path.write_text(card.to_json())
    return path


@pytest.fixture
def solver(card_file: Path) -> Solver:
    """The small model on the CPU."""
    return load_solver(card_file, device="cpu")


def noise(number: int) -> np.ndarray:
    """A grey image of random pixels, (50, 80)."""
    return np.random.default_rng(number).integers(0, 256, (50, 80), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    """The image as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_bytes_path_pillow_image_and_array_are_read_alike(solver: Solver, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png(noise(1)))

    predictions = solver.solve([png(noise(1)), file, str(file), Image.fromarray(noise(1)), noise(1)])

    assert len(predictions) == 5
    assert set(predictions) == {predictions[0]}
    assert predictions[0].error is None
    assert predictions[0].n_best[0].text == predictions[0].text


def test_no_images_give_no_predictions(solver: Solver) -> None:
    assert solver.solve([]) == []
    assert solver.solve([], Constraints(min_length=3, max_length=3)) == []


def test_log_probs_of_a_batch_are_normalised_and_also_there_for_no_images(solver: Solver) -> None:
    batch, errors = solver.preprocess([noise(1), noise(2)])

    log_probs = solver.log_probs(batch)

    assert (batch.shape, batch.dtype, errors) == ((2, 1, 50, 80), torch.uint8, [None, None])
    assert (log_probs.shape, log_probs.dtype) == ((2, 10, 5), torch.float32)
    assert torch.allclose(log_probs.exp().sum(-1), torch.ones(2, 10), atol=1e-5)
    assert solver.log_probs(batch[:0]).shape == (0, 10, 5)


def test_pixels_are_normalised_as_the_card_says(card_file: Path) -> None:
    seen = []

    class Spy(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images)
            return torch.zeros(len(images), 10, 5)

    card = load_solver(card_file, device="cpu").card
    Solver(card, Spy(), torch.device("cpu")).log_probs(torch.full((1, 1, 50, 80), 51, dtype=torch.uint8))

    assert torch.allclose(seen[0], torch.full((1, 1, 50, 80), (0.2 - 0.5) / 0.25))


def test_an_unreadable_image_costs_one_answer_and_keeps_its_place(solver: Solver) -> None:
    good = solver.solve([noise(1), noise(2)])

    predictions = solver.solve([noise(1), b"", noise(2), b"some text, no image"])

    assert [predictions[0], predictions[2]] == good
    assert predictions[1] == Prediction(
        None, None, (), ImageError("empty_file", "the file is empty; expected an image")
    )
    assert predictions[3].error is not None
    assert (predictions[3].text, predictions[3].error.code) == (None, "not_an_image")


def test_a_batch_of_unreadable_images_alone_is_answered(solver: Solver) -> None:
    codes = [prediction.error.code for prediction in solver.solve([b"", b""]) if prediction.error]

    assert codes == ["empty_file", "empty_file"]


def test_answers_do_not_depend_on_the_micro_batch(solver: Solver) -> None:
    """Other batch sizes take other kernels, so probabilities may differ by rounding: 1e-4 relative."""
    images = [noise(number) for number in range(7)]

    whole = solver.solve(images, decoder="beam")
    single = solver.solve(images, decoder="beam", micro_batch=1)
    odd = solver.solve(images, decoder="beam", micro_batch=3)

    for other in (single, odd):
        assert [p.text for p in other] == [p.text for p in whole]
        assert [p.probability for p in other] == pytest.approx([p.probability for p in whole], rel=1e-4)


def test_a_length_and_several_readings_need_no_decoder_to_be_named(solver: Solver) -> None:
    by_length = solver.solve([noise(1)], Constraints(min_length=3, max_length=3))
    several = solver.solve([noise(1)], n_best=3)

    assert len(by_length[0].text or "") == 3
    assert [candidate.probability for candidate in several[0].n_best] == sorted(
        (candidate.probability for candidate in several[0].n_best), reverse=True
    )
    assert len(several[0].n_best) == 3


def test_a_charset_rules_characters_out(solver: Solver) -> None:
    (prediction,) = solver.solve([noise(1)], Constraints("ab", 3, 3))

    assert set(prediction.text or "") <= set("ab")


def test_a_cards_constraints_hold_unless_others_are_given(solver: Solver) -> None:
    image = np.random.default_rng(3).integers(0, 256, (20, 60), dtype=np.uint8)
    solver.card = replace(solver.card, constraints=ConstraintTexts(length="2"))
    assert len(solver.solve([image])[0].text or "") == 2
    assert len(solver.solve([image], Constraints(None, 3, 3))[0].text or "") == 3


def test_an_impossible_constraint_is_refused_also_for_no_images(solver: Solver) -> None:
    with pytest.raises(ConstraintError) as caught:
        solver.solve([], Constraints("xyz"))
    assert str(caught.value) == "charset 'xyz' has no character in common with the model's '23ab'"


def test_a_saved_network_gives_the_same_log_probs_again(card_file: Path) -> None:
    batch = torch.from_numpy(noise(1))[None, None]

    first, again = (load_solver(card_file, device="cpu").log_probs(batch) for _ in range(2))

    assert torch.equal(first, again)


def test_changed_weights_are_refused(card_file: Path) -> None:
    path = card_file.with_suffix(".safetensors")
    path.write_bytes(path.read_bytes()[:-4] + b"evil")

    with pytest.raises(WeightsMismatch, match=r"sha256 [0-9a-f]{64}, the card names [0-9a-f]{64}; copy both"):
        load_solver(card_file)


@pytest.mark.parametrize(
    ("content", "message", "reason"),
    [
        (None, "do not fit the card's architecture, options and charset: ", "weights of another network"),
        (b"\x80\x04pickle", "are no whole safetensors file: ", "a pickle is never unpickled"),
    ],
)
def test_weights_that_the_card_vouches_for_but_do_not_fit_are_refused(
    card_file: Path, content: bytes | None, message: str, reason: str
) -> None:
    path = card_file.with_suffix(".safetensors")
    if content is None:
        save_file({"other": torch.zeros(1)}, path)
    else:
        path.write_bytes(content)
    card = model_zoo.cards.read_card(card_file)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card_file.write_text(replace(card, sha256=digest).to_json())

    with pytest.raises(WeightsMismatch) as caught:
        load_solver(card_file)
    assert str(caught.value).startswith(f"weights {path} {message}")


def test_a_device_that_is_not_there_is_answered_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeviceError) as caught:
        find_device("cuda:7")
    assert str(caught.value) == "device 'cuda:7' is not there; available: cpu, cuda:0, cuda:1"
    assert find_device("cuda") == find_device("auto") == torch.device("cuda:0")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(DeviceError) as caught:
        find_device("cuda")
    assert str(caught.value) == "device 'cuda' is not there; available: cpu"
    assert find_device("auto") == torch.device("cpu")


def test_precision_is_checked_and_bfloat16_stays_near(card_file: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        load_solver(card_file, device="cpu", precision="int8")
    assert str(caught.value) == "precision 'int8' is unknown; give one of auto, float32, bfloat16"

    batch = torch.from_numpy(noise(1))[None, None]
    exact = load_solver(card_file, device="cpu").log_probs(batch)
    rough = load_solver(card_file, device="cpu", precision="bfloat16").log_probs(batch)
    assert rough.dtype == torch.float32
    assert not torch.equal(rough, exact)
    assert torch.allclose(rough, exact, atol=0.1)


def test_the_package_offers_the_solver_by_name() -> None:
    assert model_zoo.load_solver is load_solver
    assert model_zoo.Prediction is Prediction
