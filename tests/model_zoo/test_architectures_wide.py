"""crnn-wide: shapes, size, cost, refusals."""

from __future__ import annotations

import pytest
import torch

from model_zoo.architectures import DEEP_BLOCKS, WIDE_BLOCKS, build
from model_zoo.architectures.cost import count_flops, count_parameters
from model_zoo.architectures.wide import CrnnWide, SameBlock, grown
from model_zoo.errors import CardError


def test_size_and_cost_at_the_size_of_generic() -> None:
    network = build("crnn-wide", {}, n_classes=63, height=48, width=192)

    assert count_parameters(network) == 1_731_615
    assert count_flops(network, 48, 192) == (280_301_568, 24)


@pytest.mark.parametrize("width", [16, 72, 191, 192, 193, 768])
def test_the_weights_fit_any_width_and_give_a_frame_per_8_columns(width: int) -> None:
    small = {"channels": [4, 4, 8, 8], "hidden": 8}
    usual = build("crnn-wide", small, n_classes=5, height=48, width=192)
    network = build("crnn-wide", small, n_classes=5, height=48, width=width).eval()
    network.load_state_dict(usual.state_dict())

    log_probs = network(torch.rand(2, 1, 48, width))

    assert log_probs.shape == (2, -(-width // 8), 5)
    assert torch.allclose(log_probs.exp().sum(-1), torch.ones(log_probs.shape[:2]), atol=1e-5)


@pytest.mark.parametrize("height", [16, 17, 50, 80])
def test_any_height_is_collapsed_to_one_row(height: int) -> None:
    network = build("crnn-wide", {"hidden": 8}, n_classes=5, height=height, width=64).eval()

    assert network(torch.rand(1, 1, height, 64)).shape == (1, 8, 5)


def test_a_block_adds_to_what_it_is_given() -> None:
    block = SameBlock(3).eval()
    torch.nn.init.zeros_(block.second.weight)
    x = torch.rand(1, 3, 5, 7)

    assert torch.equal(block(x), x), "positive values pass, nothing is added"


def test_other_than_four_channels_are_refused() -> None:
    with pytest.raises(CardError) as error:
        build("crnn-wide", {"channels": [8, 8, 8]}, n_classes=5, height=48, width=192)
    assert str(error.value) == (
        "architecture 'crnn-wide' does not take the options {'channels': [8, 8, 8]}: "
        "channels are [8, 8, 8]; expected 4 numbers"
    )


def test_a_network_that_grew_computes_the_same_and_can_learn_more() -> None:
    torch.manual_seed(0)
    small, large = (build(name, {}, n_classes=5, height=48, width=64) for name in ("crnn-wide", "crnn-deep"))
    assert isinstance(large, CrnnWide)
    images = torch.randn(2, 1, 48, 64)
    for _ in range(3):  # statistics of batches that are not those of a fresh network
        small(images)

    large.load_state_dict(grown(small.state_dict(), WIDE_BLOCKS, large, DEEP_BLOCKS))

    torch.testing.assert_close(large.eval()(images), small.eval()(images))
    large.train()(images)[:, :, 1].sum().backward()
    assert large.convolutions[4].norm.weight.grad.abs().sum() > 0  # a new block


def test_a_network_does_not_grow_smaller() -> None:
    small = CrnnWide(5, 48, 64)

    with pytest.raises(ValueError, match=r"\[0, 0, 0, 1\] blocks cannot hold what \(?\[0, 0, 1, 1\] blocks"):
        grown(small.state_dict(), (0, 0, 1, 1), CrnnWide(5, 48, 64, blocks=(0, 0, 0, 1)), (0, 0, 0, 1))
