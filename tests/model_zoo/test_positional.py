"""Positions as frames: every decoder reads them as what they are, repeats and empty positions included."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from model_zoo.architectures.positional import checked_positions, interleave_blanks
from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.decode import decode

CHARSET = Charset("8nx")
READERS = [
    pytest.param("exact", "compiled", id="exact, compiled"),
    pytest.param("exact", "torch", id="exact, torch"),
    pytest.param("greedy", "compiled", id="greedy, compiled"),
    pytest.param("greedy", "torch", id="greedy, torch"),
    pytest.param("beam", "auto", id="beam"),
    pytest.param("alignment-beam", "auto", id="alignment-beam"),
]


def positions_for(classes: list[int], share: float = 0.9) -> torch.Tensor:
    """(1, L, 4) log-probabilities: the given class has `share` of its position, the others the rest."""
    shares = torch.full((len(classes), CHARSET.n_classes), (1 - share) / 3, dtype=torch.float64)
    shares[torch.arange(len(classes)), classes] = share
    return shares.log()[None]


def texts_of(positions: torch.Tensor) -> dict[str, float]:
    """The probability of every text: the sum over all choices of one class a position that spell it."""
    shares = positions[0].exp().tolist()
    texts: dict[str, float] = {}
    for choice in itertools.product(range(CHARSET.n_classes), repeat=len(shares)):
        text = CHARSET.decode(class_id for class_id in choice if class_id)
        texts[text] = texts.get(text, 0) + math.prod(row[c] for row, c in zip(shares, choice, strict=True))
    return texts


def test_positions_stand_in_even_frames_and_a_certain_blank_between_two() -> None:
    positions = torch.randn(2, 3, 4).log_softmax(2)

    frames = interleave_blanks(positions)

    assert frames.shape == (2, 5, 4)
    assert torch.equal(frames[:, ::2], positions)
    assert torch.equal(frames[:, 1::2].exp(), torch.tensor([1.0, 0, 0, 0]).expand(2, 2, 4))


def test_a_single_position_needs_no_blank() -> None:
    positions = torch.randn(2, 1, 4).log_softmax(2)

    assert torch.equal(interleave_blanks(positions), positions)


def test_ctc_gives_every_text_what_its_positions_give_it(
    all_strings: Callable[[Any], dict[tuple[int, ...], float]],
) -> None:
    positions = torch.randn(1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    positions = positions.log_softmax(2)

    by_ctc = all_strings(interleave_blanks(positions)[0].numpy())

    expected = texts_of(positions)
    assert {CHARSET.decode(ids): p for ids, p in by_ctc.items() if p > 0} == pytest.approx(expected)


@pytest.mark.parametrize(("method", "engine"), READERS)
def test_repeated_characters_come_back_with_the_product_of_their_positions(method: str, engine: str) -> None:
    frames = interleave_blanks(positions_for(CHARSET.encode("nn8nn")))

    found = decode(frames, CHARSET, method=method, engine=engine)

    assert found.texts == ["nn8nn"]
    assert next(iter(found)).probability == pytest.approx(0.9**5)


@pytest.mark.parametrize(("method", "engine"), READERS)
@pytest.mark.parametrize(
    ("classes", "text"),
    [
        pytest.param([2, 2, 1, 2, 0], "nn8n", id="at the end"),
        pytest.param([2, 0, 2, 2, 2], "nnnn", id="between equal characters"),
        pytest.param([0, 0, 3, 0, 3], "xx", id="three of five"),
        pytest.param([0, 0, 0, 0, 0], "", id="everywhere"),
    ],
)
def test_class_0_at_a_position_makes_the_text_shorter(
    method: str, engine: str, classes: list[int], text: str
) -> None:
    positions = positions_for(classes)

    found = decode(interleave_blanks(positions), CHARSET, method=method, engine=engine)

    assert found.texts == [text]
    assert next(iter(found)).probability == pytest.approx(texts_of(positions)[text])


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_n_best_and_a_length_hold_for_positions_as_for_frames(engine: str) -> None:
    source = torch.Generator().manual_seed(2)
    positions = torch.randn(1, 4, 4, dtype=torch.float64, generator=source).log_softmax(2)
    full = {text: share for text, share in texts_of(positions).items() if len(text) == 4}
    best = sorted(full, key=full.__getitem__, reverse=True)[:5]

    found = decode(
        interleave_blanks(positions),
        CHARSET,
        Constraints(min_length=4, max_length=4),
        n_best=5,
        engine=engine,
    )

    assert list(found.n_best_texts[0]) == best
    allowed = sum(full.values())
    item = next(iter(found))
    shares = [candidate.probability for candidate in item.candidates]
    assert shares == pytest.approx([full[text] / allowed for text in best])
    assert item.allowed_mass == pytest.approx(allowed)
    every = (1 - positions[0, :, 0].exp()).prod().item()
    assert allowed == pytest.approx(every), "all positions taken"


def test_what_is_certain_passes_no_gradient_and_no_nan() -> None:
    logits = torch.randn(2, 3, 4, requires_grad=True)
    frames = interleave_blanks(logits.log_softmax(2))

    frames[:, ::2, 1].sum().backward()

    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("positions", [0, -1, 2.0, "5", None, True])
def test_positions_are_a_whole_number(positions: object) -> None:
    with pytest.raises(ValueError, match=r"^positions is .+; expected a whole number, 1 or more$"):
        checked_positions(positions)
