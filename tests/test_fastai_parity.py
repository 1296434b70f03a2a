"""The arithmetic of the comparison with fastai; fastai itself is not needed."""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastai_parity
import pytest
import torch
from parity import ours
from parity.compare import Check, compare
from parity.describe import NETWORKS, OPTIMIZER_STEPS, describe, fill, gradients
from torch import nn


def part(name: str) -> str:
    """The first word of a tensor's name."""
    return name.partition(".")[0]


def small_network() -> nn.Module:
    """A layer and a normalisation that scales by 0, both random where layers are."""
    network = nn.Sequential(nn.Linear(30, 40), nn.BatchNorm1d(40))
    nn.init.zeros_(network[1].weight)
    return network


def facts_of(network: nn.Module) -> dict[str, Any]:
    """All that `compare` looks at, around one network."""
    return {
        "networks": {"small": describe(network, lambda: network(torch.ones(2, 30)), part)},
        "curves": {"rate": [0.1, 0.2, 0.1]},
        "defaults": {"eps": 1e-5},
        "adam": [1.0, 2.0],
        "smoothed_loss": 3.0,
    }


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """One side."""
    torch.manual_seed(1)
    return facts_of(small_network())


def differing(checks: list[Check]) -> list[str]:
    """What differs, as printed."""
    return [str(check) for check in checks if not check.same]


def test_two_fresh_networks_of_one_kind_agree_in_everything(made: dict[str, Any]) -> None:
    torch.manual_seed(2)
    checks = compare(made, facts_of(small_network()))

    assert differing(checks) == []
    assert [str(check) for check in checks[:4]] == [
        "  same  small: parameters: 1,320",
        "  same  small: parameters of 0: 1,240",
        "  same  small: parameters of 1: 80",
        "  same  small: output shape: [2, 40]",
    ]
    assert str(checks[5]) == "  same  small: first weights: 6 tensors, 1 norms that scale by 0"
    assert str(checks[6]) == "  same  one cycle: rate: 0.1 to 0.1, 3 values, at most 0.0e+00 apart"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda network: nn.init.normal_(network[0].weight, std=0.12),
            "DIFFER  small: first weights, tensor 0: ours 0 weight 40x30: mean",
            id="another spread",
        ),
        pytest.param(
            lambda network: nn.init.normal_(network[0].weight, std=1 / math.sqrt(90)),
            "DIFFER  small: first weights, tensor 0: ours 0 weight 40x30: mean",
            id="the same spread, but normal instead of uniform",
        ),
        pytest.param(
            lambda network: nn.init.ones_(network[1].weight),
            "DIFFER  small: first weights, tensor 2: ours 1 weight 40: mean 0, constant, "
            "fastai's 1 weight 40: mean 1, constant",
            id="a normalisation that scales",
        ),
        pytest.param(
            lambda network: nn.init.constant_(network[1].bias, 1e-3),
            "DIFFER  small: first weights, tensor 3: ours 1 bias 40: mean 0, constant, "
            "fastai's 1 bias 40: mean 0.001, constant",
            id="another constant",
        ),
    ],
)
def test_other_first_weights_are_told(made: dict[str, Any], change: Any, message: str) -> None:
    torch.manual_seed(3)
    other = small_network()
    change(other)

    (found,) = differing(compare(made, facts_of(other)))

    assert found.startswith(message)


def test_another_layer_differs_in_parameters_and_first_weights(made: dict[str, Any]) -> None:
    torch.manual_seed(4)
    other = nn.Sequential(nn.Linear(30, 40, bias=False), nn.BatchNorm1d(40))

    found = differing(compare(made, facts_of(other)))

    assert found[:2] == [
        "DIFFER  small: parameters: ours 1,320, fastai's 1,280",
        "DIFFER  small: parameters of 0: ours 1,240, fastai's 1,200",
    ]
    assert found[-1] == "DIFFER  small: first weights: ours 6 tensors, fastai's 5 tensors"


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["curves", "rate"], [0.1, 0.3, 0.1], "DIFFER  one cycle: rate, value 1: ours 0.2, fastai's 0.3"),
        (["curves", "rate"], [0.1], "DIFFER  one cycle: rate: ours 3 values, fastai's 1 values"),
        (["defaults", "eps"], 1e-8, "DIFFER  default: eps: ours 1e-05, fastai's 1e-08"),
        (["adam"], [1.0, math.nan], "DIFFER  Adam: weights, value 1: ours 2, fastai's nan"),
        (
            ["smoothed_loss"],
            3.1,
            "DIFFER  label-smoothing cross entropy, value 0: ours 3, fastai's 3.1",
        ),
    ],
)
def test_other_values_are_told(made: dict[str, Any], keys: list[str], value: Any, message: str) -> None:
    theirs = copy.deepcopy(made)
    inner = theirs
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value

    assert differing(compare(made, theirs)) == [message]


def test_weights_that_both_sides_have_depend_on_order_and_shape_alone() -> None:
    one, other = small_network(), nn.Sequential()
    other.add_module("linear", nn.Linear(30, 40))
    other.add_module("norm", nn.BatchNorm1d(40))

    fill(one)
    fill(other)

    for mine, theirs in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)
    assert not one.training


def test_our_side_gives_every_step_of_the_posts_run_and_what_the_recipe_says() -> None:
    curves = ours.curves()

    assert {name: len(curve) for name, curve in curves.items()} == {"rate": 7020, "momentum": 7020}
    assert max(curves["rate"]) == pytest.approx(3e-3)
    assert curves["rate"][0] == pytest.approx(3e-3 / 25)
    assert min(curves["momentum"]) == pytest.approx(0.85)
    assert ours.defaults() == {
        "rotation_probability": 0.5,
        "padding": "reflection",
        "weight_decay": 0.01,
        "beta2": 0.99,
        "eps": 1e-5,
        "norms_and_biases_decay": False,
        "label_smoothing": 0.1,
        "drop_last": True,
    }


def test_our_side_gives_what_fastai_gave_for_its_optimizer_and_loss() -> None:
    assert gradients().shape == (OPTIMIZER_STEPS, 5)
    # As fastai 2.7.19 computed both.
    assert ours.adam() == pytest.approx(
        [0.99799240, 1.01394975, 1.03522265, 1.03495681, 0.98391527], rel=1e-6
    )
    assert ours.smoothed_loss() == pytest.approx(3.378655, rel=1e-6)


def test_the_networks_are_those_of_the_post() -> None:
    assert NETWORKS == ("xresnet34-pool", "xresnet34-flat", "crnn-resnet34")
    assert ours.network("crnn-resnet34")["output_shape"] == [2, 13, 20]


def test_a_missing_fastai_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("decoders.environments.FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["fastai_parity.py"])

    assert fastai_parity.main() == 2
    assert capsys.readouterr().err == (
        "fastai_parity.py: fastai is not installed: run benchmarks/fastai_parity.py --setup\n"
    )


@pytest.mark.parametrize(("changed", "code"), [(False, 0), (True, 1)])
def test_any_difference_is_an_exit_code_and_stands_in_the_json(
    made: dict[str, Any], changed: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {**made, "versions": {"fastai": "2.7.19"}, "adam": [1.0, 2.5] if changed else made["adam"]}
    monkeypatch.setattr(fastai_parity, "why_missing", lambda environment: None)
    monkeypatch.setattr(fastai_parity, "their_facts", lambda python: theirs)
    monkeypatch.setattr(fastai_parity, "facts", lambda: {**made, "versions": {"torch": "9"}})
    monkeypatch.setattr(sys, "argv", ["fastai_parity.py", "--json", str(tmp_path / "parity.json")])

    assert fastai_parity.main() == code

    written = json.loads((tmp_path / "parity.json").read_text())
    assert (written["fastai"], written["ours"]) == ({"fastai": "2.7.19"}, {"torch": "9"})
    assert [check["what"] for check in written["checks"] if not check["same"]] == (
        ["Adam: weights, value 1"] if changed else []
    )


def test_a_side_that_fails_is_told_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = subprocess.CompletedProcess(["python"], 1, "", "ImportError: no fastai here\n")
    monkeypatch.setattr(fastai_parity.subprocess, "run", lambda *arguments, **settings: failed)

    assert fastai_parity.their_facts(Path("python")) is None
    assert capsys.readouterr().err == "fastai's side failed:\nImportError: no fastai here\n"
