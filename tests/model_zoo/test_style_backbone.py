"""The start's network with a head for the characters of a style."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model_zoo.architectures import build
from model_zoo.cards import find_card
from model_zoo.charset import Charset
from model_zoo.errors import DataError
from model_zoo.style.backbone import CASES, Case, copied_weights, drawn_as, style_network
from model_zoo.training.start import Start, load_start

SMALL = {"channels": [4, 4, 8, 8], "hidden": 8}


@pytest.fixture(scope="module")
def start() -> Start:
    """A start that reads a, b, A, B and 1, of random weights."""
    torch.manual_seed(0)
    network = build("crnn-wide", SMALL, n_classes=6, height=48, width=192)
    card = replace(
        find_card("crnn-small").card,
        name="start",
        architecture="crnn-wide",
        options=SMALL,
        charset="abAB1",
        height=48,
        width=192,
    )
    return Start(card, network.state_dict())


@pytest.mark.parametrize(
    ("charset", "case", "rows"),
    [
        pytest.param("1ab", "labelled", [[0], [5], [1], [2]], id="as labelled"),
        pytest.param("1ab", "other", [[0], [5], [3], [4]], id="in the other case"),
        pytest.param("1aB", "both", [[0], [5], [1, 3], [2, 4]], id="what both have in common"),
        pytest.param("a?", "labelled", [[0], [1], [1, 2, 3, 4, 5]], id="nothing is known, so all"),
        pytest.param("x", "both", [[0], [1, 2, 3, 4, 5]], id="neither case is known"),
    ],
)
def test_a_class_begins_with_what_the_start_knows_of_it(
    start: Start, charset: str, case: Case, rows: list[list[int]]
) -> None:
    network = style_network(start, Charset(charset), 48, 192, case)

    weights = network.state_dict()
    for key in ("head.weight", "head.bias"):
        wanted = [start.weights[key][row].mean(0) for row in rows]
        assert torch.equal(weights[key], torch.stack(wanted))
    assert all(torch.equal(value, start.weights[key]) for key, value in weights.items() if "head" not in key)


@pytest.mark.parametrize("case", ["labelled", "other", "both"])
def test_a_character_known_in_one_case_alone_begins_there(start: Start, case: Case) -> None:
    # 'ß'.swapcase() is 'SS', two characters, which no class is.
    known = replace(start.card, charset="ab" + "ß" + "B1")

    network = style_network(replace(start, card=known), Charset("aß"), 48, 192, case)

    assert torch.equal(network.state_dict()["head.weight"][1], start.weights["head.weight"][1])
    assert torch.equal(network.state_dict()["head.weight"][2], start.weights["head.weight"][3])


def test_a_wider_input_takes_the_same_weights(start: Start) -> None:
    network = style_network(start, Charset("ab"), 48, 768, "labelled").eval()

    assert network(torch.rand(1, 1, 48, 768)).shape == (1, 96, 3)


def test_a_model_without_a_head_is_refused(start: Start) -> None:
    headless = replace(start, weights={k: v for k, v in start.weights.items() if not k.startswith("head.")})

    with pytest.raises(DataError) as caught:
        style_network(headless, Charset("ab"), 48, 192, "labelled")

    assert str(caught.value) == ("model 'start' (crnn-wide) has no head to take off; start from generic")


def test_the_shipped_models_with_ctc_have_one() -> None:
    for name in ("generic", "crnn-small"):
        given = load_start(name)
        network = style_network(given, Charset("ab3"), given.card.height, 256, "labelled")
        assert network(torch.rand(2, 1, given.card.height, 256)).shape == (2, 32, 4)


def test_what_an_image_shows_follows_the_case() -> None:
    choice = [True, False, True]

    assert [drawn_as("aB1", case, choice) for case in CASES] == ["aB1", "Ab1", "AB1"]


def test_copied_weights_stay_when_the_network_moves_on() -> None:
    network = build("crnn-wide", SMALL, n_classes=3, height=48, width=64)
    copied = copied_weights(network)

    with torch.no_grad():
        for value in network.state_dict().values():
            value.add_(1)

    assert copied.keys() == network.state_dict().keys()
    assert not any(torch.equal(copied[key], value) for key, value in network.state_dict().items())
