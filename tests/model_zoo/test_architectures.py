"""Networks by name: their shapes, their size, what they cost."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model_zoo.architectures import architectures, build, register
from model_zoo.architectures.cost import count_flops, count_parameters
from model_zoo.architectures.crnn import CrnnSmall
from model_zoo.errors import CardError


def test_crnn_small_gives_25_frames_of_probabilities_for_an_image_of_200_columns() -> None:
    network = build("crnn-small", {}, n_classes=20, height=50, width=200).eval()

    log_probs = network(torch.rand(3, 1, 50, 200))

    assert log_probs.shape == (3, 25, 20)
    assert torch.allclose(log_probs.exp().sum(-1), torch.ones(3, 25), atol=1e-5)


def test_crnn_small_has_less_than_half_a_million_parameters() -> None:
    assert count_parameters(build("crnn-small", {}, n_classes=20, height=50, width=200)) == 464_596


@pytest.mark.parametrize(
    ("height", "width", "frames", "reason"),
    [
        (50, 200, 25, "the shipped model's size"),
        (64, 200, 25, "whole strides"),
        (17, 33, 5, "odd sizes are rounded up"),
        (24, 72, 9, "small images"),
    ],
)
def test_the_frames_are_an_eighth_of_the_columns_rounded_up(
    height: int, width: int, frames: int, reason: str
) -> None:
    network = build("crnn-small", {}, n_classes=5, height=height, width=width).eval()

    assert network(torch.rand(1, 1, height, width)).shape == (1, frames, 5)


def test_options_of_the_card_reach_the_network() -> None:
    small = build("crnn-small", {"channels": [4, 4, 8, 8], "hidden": 8}, n_classes=5, height=50, width=200)

    assert count_parameters(small) < 10_000


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "crnn-9",
            {},
            "architecture 'crnn-9' is unknown; "
            f"known are {', '.join(architecture.name for architecture in architectures())}",
        ),
        (
            "crnn-small",
            {"depth": 3},
            "architecture 'crnn-small' does not take the options {'depth': 3}: "
            "CrnnSmall.__init__() got an unexpected keyword argument 'depth'",
        ),
        (
            "crnn-small",
            {"channels": [4]},
            "architecture 'crnn-small' does not take the options {'channels': [4]}: "
            "not enough values to unpack (expected 4, got 1)",
        ),
    ],
)
def test_what_cannot_be_built_is_said_in_a_sentence(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(CardError) as caught:
        build(name, options, n_classes=5, height=50, width=200)
    assert str(caught.value) == message


def test_a_name_is_registered_once() -> None:
    register("crnn-small", CrnnSmall, "again")  # the same again is harmless

    with pytest.raises(
        ValueError, match=r"^architecture 'crnn-small' is registered already; choose another name$"
    ):
        register("crnn-small", nn.Linear, "another")


class OfEachKind(nn.Module):
    """One layer of each kind that is counted, with a cost that can be worked out by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(1, 2, 3, padding=1)
        self.recurrent = nn.LSTM(2, 3, bidirectional=True, batch_first=True)
        self.head = nn.Linear(6, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, 4, 8) to (N, 8, 5)."""
        columns = self.filters(images).mean(2).transpose(1, 2)
        output: torch.Tensor = self.head(self.recurrent(columns)[0])
        return output


def test_every_architecture_is_described_in_one_sentence() -> None:
    for architecture in architectures():
        assert architecture.description.endswith("."), architecture.name
        assert len(f"{architecture.name:<16}{architecture.description}") <= 110, architecture.name


class TimeFirst(nn.Module):
    """Recurrent layers of other kinds, which run along the first axis, and a convolution of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv1d(4, 6, 3, padding=1, groups=2)
        self.first = nn.LSTM(6, 3, num_layers=2, bidirectional=True)
        self.second = nn.GRU(6, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, 4, 8) to (N, 8, 5)."""
        columns = self.filters(images.squeeze(1)).permute(2, 0, 1)
        output: torch.Tensor = self.second(self.first(columns)[0])[0]
        return output.transpose(0, 1)


def test_operations_of_stacked_and_time_first_recurrent_layers() -> None:
    convolution = 6 * 2 * 3 * 8  # outputs, inputs of a group, filter, columns
    first = 8 * 2 * 4 * 3 * ((6 + 3) + (6 + 3))  # the second layer reads both directions of the first
    second = 8 * 3 * 5 * (6 + 5)

    assert count_flops(TimeFirst(), 4, 8) == (2 * (convolution + first + second), 8)


def test_operations_are_two_per_multiply_add_of_every_layer() -> None:
    convolution = 2 * 1 * 3 * 3 * 4 * 8
    recurrence = 8 * 2 * 4 * 3 * (2 + 3)  # frames, directions, gates, hidden, inputs and state
    linear = 8 * 6 * 5
    network = OfEachKind()

    assert count_flops(network, 4, 8) == (2 * (convolution + recurrence + linear), 8)
    assert network.training, "counting leaves the network as it was"
