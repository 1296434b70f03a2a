"""The post's three networks: their shapes, their size, how they start, and one of them as a model of the zoo.

The literal numbers are fastai's own: `benchmarks/fastai_parity.py` asks it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from model_zoo.architectures import build
from model_zoo.architectures.cost import Cost, cost_of, count_flops
from model_zoo.architectures.positional import PositionalNetwork
from model_zoo.architectures.xresnet import XResNet34Body, XResNetBlock, body_size
from model_zoo.cards import find_card
from model_zoo.errors import CardError
from model_zoo.solver import load_solver

COSTS = {
    "xresnet34-pool": Cost(21_882_464, 1_897_028_352, 9),
    "xresnet34-flat": Cost(28_575_004, 1_910_413_376, 9),
    "crnn-resnet34": Cost(9_557_908, 1_469_271_552, 13),
}
POSITIONAL = ("xresnet34-pool", "xresnet34-flat")


def on_meta(name: str, height: int = 50, width: int = 200, **options: object) -> nn.Module:
    """A network that has shapes and no numbers, in evaluation mode."""
    with torch.device("meta"):
        return build(name, options, n_classes=20, height=height, width=width).eval()


def output_shape(network: nn.Module, height: int = 50, width: int = 200) -> tuple[int, ...]:
    """Of two images."""
    return tuple(network(torch.zeros(2, 1, height, width, device="meta")).shape)


@pytest.mark.parametrize("name", COSTS)
def test_parameters_operations_and_frames_at_the_posts_size(name: str) -> None:
    assert cost_of(name, n_classes=20, height=50, width=200) == COSTS[name]
    assert output_shape(on_meta(name)) == (2, COSTS[name].time_steps, 20)


@pytest.mark.parametrize("name", POSITIONAL)
def test_operations_are_those_that_torch_counts(name: str) -> None:
    with FlopCounterMode(display=False) as counter:
        on_meta(name)(torch.zeros(1, 1, 50, 200, device="meta"))

    assert counter.get_total_flops() == COSTS[name].flops


def test_operations_of_recurrent_layers_are_counted_where_torch_counts_none() -> None:
    network = on_meta("crnn-resnet34")
    with FlopCounterMode(display=False) as counter:
        network.get_submodule("body")(torch.zeros(1, 3, 50, 200, device="meta"))
    # Each direction's four gates see the input and the state; 13 frames.
    recurrent = 13 * 2 * 4 * (256 * (64 + 256) + 128 * (512 + 128))
    linear = 13 * (1024 * 64 + 256 * 20)

    assert count_flops(network, 50, 200)[0] == counter.get_total_flops() + 2 * (recurrent + linear)


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns", "reason"),
    [
        (50, 200, 2, 7, "the post's: 512 * 2 * 7 = 7168 features"),
        (64, 128, 2, 4, "whole strides"),
        (33, 65, 2, 3, "odd sizes are rounded up"),
        (1, 1, 1, 1, "the smallest image"),
    ],
)
def test_the_body_leaves_a_32nd_of_rows_and_columns(
    height: int, width: int, rows: int, columns: int, reason: str
) -> None:
    with torch.device("meta"):
        features = XResNet34Body()(torch.zeros(2, 3, height, width))

    assert features.shape == (2, 512, rows, columns)
    assert body_size(height, width) == (rows, columns)


@pytest.mark.parametrize(
    ("name", "height", "width", "options", "expected"),
    [
        ("crnn-resnet34", 64, 128, {}, (2, 8, 20)),
        ("crnn-resnet34", 17, 100, {"hidden": [8, 4], "features": 16}, (2, 7, 20)),
        ("xresnet34-pool", 32, 90, {"positions": 3, "hidden": 64}, (2, 5, 20)),
        ("xresnet34-flat", 64, 128, {"positions": 8}, (2, 15, 20)),
        ("xresnet34-flat", 33, 65, {"positions": 1, "hidden": 64}, (2, 1, 20)),
    ],
)
def test_other_sizes_and_options(
    name: str, height: int, width: int, options: dict[str, object], expected: tuple[int, int, int]
) -> None:
    assert output_shape(on_meta(name, height, width, **options), height, width) == expected


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("xresnet34-pool", {"positions": 0}, "positions is 0; expected a whole number, 1 or more"),
        ("xresnet34-flat", {"positions": "5"}, "positions is '5'; expected a whole number, 1 or more"),
        (
            "xresnet34-flat",
            {"depth": 3},
            "XResnet34Flat.__init__() got an unexpected keyword argument 'depth'",
        ),
        (
            "xresnet34-pool",
            {"dropout": 2},
            "dropout probability has to be between 0 and 1, but got 2",
        ),
        (
            "crnn-resnet34",
            {"positions": 5},
            "CrnnResnet34.__init__() got an unexpected keyword argument 'positions'",
        ),
        ("crnn-resnet34", {"hidden": [256]}, "not enough values to unpack (expected 2, got 1)"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_sentence(
    name: str, options: dict[str, object], reason: str
) -> None:
    with pytest.raises(CardError) as caught:
        build(name, options, n_classes=20, height=50, width=200)
    assert str(caught.value) == f"architecture {name!r} does not take the options {options}: {reason}"


def test_a_new_block_is_its_shortcut() -> None:
    images = torch.rand(2, 4, 5, 7)

    assert torch.equal(XResNetBlock(4, 4, 1)(images), images)
    assert XResNetBlock(4, 8, 2)(images).shape == (2, 8, 3, 4), "odd sizes are rounded up on both ways"


def test_only_the_last_normalisation_of_a_block_starts_at_0() -> None:
    body = XResNet34Body()
    scales = [layer.weight for layer in body.modules() if isinstance(layer, nn.BatchNorm2d)]
    convolutions = [layer.weight for layer in body.modules() if isinstance(layer, nn.Conv2d)]

    assert sum(not scale.any() for scale in scales) == 16
    assert sum(bool((scale == 1).all()) for scale in scales) == len(scales) - 16 == 22
    for weight in convolutions:  # He et al. (2015), arXiv:1502.01852: sqrt(2 / inputs)
        assert weight.std().item() == pytest.approx((2 / weight[0].numel()) ** 0.5, rel=0.1)


@pytest.fixture(scope="module")
def pooled() -> PositionalNetwork:
    """A small head on a fresh body, in evaluation mode."""
    torch.manual_seed(5)
    network = build("xresnet34-pool", {"positions": 3, "hidden": 8}, n_classes=5, height=50, width=80)
    assert isinstance(network, PositionalNetwork)
    return network.eval()


@torch.inference_mode()
def test_frames_are_the_positions_with_certain_blanks_between_them(pooled: PositionalNetwork) -> None:
    images = torch.rand(2, 1, 50, 80)

    logits, frames = pooled.positions(images), pooled(images)

    assert (logits.shape, logits.dtype, frames.shape) == ((2, 3, 5), torch.float32, (2, 5, 5))
    assert torch.allclose(frames[:, ::2], logits.log_softmax(2), atol=1e-6)
    assert torch.allclose(frames.exp().sum(2), torch.ones(2, 5), atol=1e-5)


def test_a_positional_model_goes_through_its_card_and_reads_with_every_decoder(
    pooled: PositionalNetwork, tmp_path: Path
) -> None:
    weights = tmp_path / "pool.safetensors"
    save_file(pooled.state_dict(), weights)
    card = replace(
        find_card("crnn-small").card,
        name="pool", architecture="xresnet34-pool", options={"positions": 3, "hidden": 8},
        weights=weights.name, sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        charset="23ab", height=50, width=80, mean=0.0, std=1.0, time_steps=5, min_length=3, max_length=3,
    )  # fmt: skip
    (tmp_path / "pool.json").write_text(card.to_json())
    images = [np.random.default_rng(seed).integers(0, 256, (50, 80), dtype=np.uint8) for seed in (1, 2)]

    solver = load_solver(tmp_path / "pool.json", "cpu")
    read = {method: solver.solve(images, decoder=method) for method in ("exact", "greedy", "beam")}

    with torch.inference_mode():
        logits = pooled.positions(torch.from_numpy(np.stack(images))[:, None].float() / 255)
    shares = logits.softmax(2).max(2).values.prod(1)
    classes = logits.argmax(2).tolist()
    texts = [solver.charset.decode(class_id for class_id in row if class_id) for row in classes]
    for predictions in read.values():
        assert [prediction.error for prediction in predictions] == [None, None]
        assert all(0 < (prediction.probability or 0) <= 1 for prediction in predictions)
    assert [prediction.text for prediction in read["greedy"]] == texts
    for prediction, row, share in zip(read["greedy"], classes, shares.tolist(), strict=True):
        assert 0 in row or prediction.probability == pytest.approx(share, rel=1e-4)
