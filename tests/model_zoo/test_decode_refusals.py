"""What the decoder refuses: options, constraints, broken items and shapes, each with its sentence."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.decode import METHODS, decode
from model_zoo.errors import ConstraintError, ZooError

FREE = Constraints()
ABC = Charset("abc")


def _emissions(N: int) -> Tensor:
    return torch.randn(N, 6, 4, generator=torch.Generator().manual_seed(0)).log_softmax(2)


REFUSED = [
    (
        {"method": "magic"},
        FREE,
        "decoder 'magic' is unknown; give one of exact, beam, greedy, alignment-beam",
    ),
    ({"beam_width": 0}, FREE, "a beam of 0 and 1 readings; both must be at least 1"),
    ({"n_best": 0}, FREE, "a beam of 10 and 0 readings; both must be at least 1"),
    (
        {"n_best": 11, "method": "beam"},
        FREE,
        "a beam of 10 cannot hold 11 readings; widen it, or ask for fewer",
    ),
    (
        {"method": "greedy", "n_best": 2},
        FREE,
        "the greedy decoder has one reading, 2 were asked for; choose the exact decoder",
    ),
    (
        {"method": "greedy"},
        Constraints(None, 5, 5),
        "the greedy decoder keeps to a charset and to nothing else; choose the exact decoder",
    ),
    (
        {"method": "alignment-beam"},
        Constraints(pattern="LL"),
        "the alignment-beam decoder keeps to a charset and to nothing else; choose the exact decoder",
    ),
    (
        {"method": "alignment-beam", "n_best": 3},
        FREE,
        "the alignment-beam decoder has one reading, 3 were asked for; choose the exact decoder",
    ),
    (
        {"method": "beam"},
        Constraints(regex="a*"),
        "the beam decoder keeps to a charset and a length, not to a pattern, regex or lexicon; "
        "choose the exact decoder",
    ),
    ({"engine": "cuda"}, FREE, "engine 'cuda' is unknown; give one of auto, compiled, torch"),
    ({}, Constraints(None, 0, 0), "length '0' allows the empty answer alone"),
    ({}, Constraints(None, 3, 2), "a length of 3 to 2 allows nothing; give a range like 4-6"),
    ({}, Constraints("XYZ"), "charset 'XYZ' has no character in common with the model's 'abc'"),
    ({}, Constraints(None, 7, 9), "a length of 7 needs 7 time steps, the model has 6"),
    ({}, Constraints("a", 4, 9), "a length of 4 needs 7 time steps, the model has 6"),
]


@pytest.mark.parametrize(("options", "constraints", "message"), REFUSED)
def test_what_cannot_be_answered_is_refused(
    options: dict[str, object], constraints: Constraints, message: str
) -> None:
    with pytest.raises(ConstraintError) as caught:
        decode(_emissions(2), ABC, constraints, **options)  # type: ignore[arg-type]
    assert str(caught.value) == message


BROKEN = [
    (math.nan, "item 1 has NaN or +inf for a log-probability; expected numbers up to 0, or -inf"),
    (math.inf, "item 1 has NaN or +inf for a log-probability; expected numbers up to 0, or -inf"),
]


@pytest.mark.parametrize(("value", "message"), BROKEN)
@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("method", METHODS)
def test_a_broken_item_is_named(value: float, message: str, method: str, engine: str) -> None:
    log_probs = _emissions(3)
    log_probs[1, 2, 3] = value
    with pytest.raises(ZooError) as caught:
        decode(log_probs, ABC, FREE, method=method, engine=engine)
    assert str(caught.value) == message


@pytest.mark.parametrize("method", METHODS)
def test_a_frame_without_any_probability_is_named(method: str) -> None:
    log_probs = _emissions(3)
    log_probs[2, 4] = -torch.inf
    with pytest.raises(ZooError) as caught:
        decode(log_probs, ABC, FREE, method=method)
    assert str(caught.value) == (
        "item 2 has no probability for any class in frame 4; nothing can be read from it"
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_frame_without_probability_for_what_is_allowed_is_named(method: str) -> None:
    log_probs = _emissions(3)
    log_probs[2, 4, :2] = -torch.inf
    with pytest.raises(ZooError) as caught:
        decode(log_probs, ABC, Constraints("a"), method=method)
    assert str(caught.value) == (
        "item 2 has no probability for any allowed class in frame 4; nothing can be read from it"
    )


@pytest.mark.parametrize("method", ["exact", "beam"])
def test_an_item_without_probability_for_any_allowed_length_is_named(method: str) -> None:
    certain = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]]).log()
    with pytest.raises(ZooError) as caught:
        decode(certain, Charset("ab"), Constraints(None, 2, 2), method=method)
    assert str(caught.value) == "item 0 has no probability for any allowed text"


SHAPES = [
    (torch.zeros(3, 4), "log_probs are torch.float32 (3, 4)", "no batch"),
    (torch.zeros(2, 0, 4), "log_probs are torch.float32 (2, 0, 4)", "no frames"),
    (torch.zeros(2, 5, 7), "log_probs are torch.float32 (2, 5, 7)", "another charset"),
    (torch.zeros(2, 5, 4, dtype=torch.long), "log_probs are torch.int64 (2, 5, 4)", "no floats"),
]


@pytest.mark.parametrize(("log_probs", "begins", "reason"), SHAPES)
def test_another_shape_is_refused(log_probs: Tensor, begins: str, reason: str) -> None:
    with pytest.raises(ValueError, match="log_probs") as caught:
        decode(log_probs, ABC, FREE)
    assert str(caught.value) == (
        f"{begins}, expected floats (N, T, 4) with T at least 1; is it the charset of this model?"
    ), reason
