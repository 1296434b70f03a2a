"""The two plain networks: shapes, size, cost, refusals."""

from __future__ import annotations

import pytest
import torch

from model_zoo.architectures import build
from model_zoo.architectures.cost import count_flops, count_parameters
from model_zoo.errors import CardError


@pytest.mark.parametrize(
    ("name", "parameters", "flops"), [("crnn-plain", 334_996, 66_924_800), ("crnn-nano", 85_076, 17_763_200)]
)
def test_size_and_cost(name: str, parameters: int, flops: int) -> None:
    network = build(name, {}, n_classes=20, height=50, width=200)

    assert count_parameters(network) == parameters
    assert count_flops(network, 50, 200) == (flops, 25)


@pytest.mark.parametrize(("height", "width", "frames"), [(50, 200, 25), (17, 33, 5), (24, 72, 9)])
def test_frames_are_probabilities_an_eighth_of_the_columns_rounded_up(
    height: int, width: int, frames: int
) -> None:
    network = build("crnn-nano", {}, n_classes=5, height=height, width=width).eval()

    log_probs = network(torch.rand(2, 1, height, width))

    assert log_probs.shape == (2, frames, 5)
    assert torch.allclose(log_probs.exp().sum(-1), torch.ones(2, frames), atol=1e-5)


def test_other_than_four_channels_are_refused() -> None:
    with pytest.raises(CardError) as error:
        build("crnn-plain", {"channels": [8, 8]}, n_classes=5, height=50, width=200)
    assert str(error.value) == (
        "architecture 'crnn-plain' does not take the options {'channels': [8, 8]}: "
        "channels are [8, 8]; expected 4 numbers"
    )
