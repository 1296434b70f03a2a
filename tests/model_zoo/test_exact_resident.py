"""Greedy texts with a proof, found where the log-probabilities are; the rest is the compiled engine's."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from test_exact_engines import ABC, CONSTRAINTS, IDS, _assert_same, _emissions
from torch import Tensor

from model_zoo import exact
from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.decode import NO_CONSTRAINTS, decode
from model_zoo.errors import ZooError
from model_zoo.exact import host, resident
from model_zoo.exact.certificate import certify
from model_zoo.exact.tables import tabulate
from model_zoo.language import compile_language


def sharp(N: int, T: int = 9, C: int = 4) -> Tensor:
    """Frames that are sure of most of what they say, as a trained network's."""
    return (_emissions(N, T, C) * 6).log_softmax(2)


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """As if the tensors lay on a GPU; how many items each call of the compiled engine was then given."""
    asked: list[int] = []
    search = host.search

    def spy(log_probs: Tensor, *arguments: object) -> object:
        asked.append(len(log_probs))
        return search(log_probs, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(exact, "_is_near", lambda log_probs, engine: engine == "compiled")
    monkeypatch.setattr(host, "search", spy)
    return asked


@pytest.mark.parametrize("constraints", CONSTRAINTS, ids=IDS)
@pytest.mark.parametrize("make", [_emissions, sharp])
def test_what_is_decided_there_is_what_the_compiled_engine_says(
    far: list[int], make: type, constraints: Constraints
) -> None:
    log_probs = make(300)

    mixed = decode(log_probs, ABC, constraints)

    wanted = decode(log_probs, ABC, constraints, engine="compiled")
    _assert_same(mixed, wanted, rtol=1e-9)
    assert mixed.gap.tolist() == pytest.approx(wanted.gap.tolist())


@pytest.mark.parametrize(
    ("constraints", "few"),
    [(NO_CONSTRAINTS, True), (Constraints("ab"), True), (Constraints(None, 2, 3), False)],
)
def test_only_what_is_left_goes_to_the_compiled_engine(
    far: list[int], constraints: Constraints, few: bool
) -> None:
    decode(sharp(300), ABC, constraints)

    assert len(far) == 1
    assert (0 < far[0] < 100) if few else far == [300]


def test_several_readings_are_the_compiled_engines(far: list[int]) -> None:
    _assert_same(decode(sharp(50), ABC, n_best=3), decode(sharp(50), ABC, n_best=3, engine="compiled"))
    assert far == [50, 50]


def test_where_nothing_is_left_the_compiled_engine_is_not_asked(far: list[int]) -> None:
    frames = torch.full((40, 6, 4), -30.0).scatter(2, torch.randint(0, 4, (40, 6, 1)), 0.0).log_softmax(2)

    assert decode(frames, ABC).proven.all()
    assert far == []


def test_where_there_is_no_memory_every_item_goes_to_the_compiled_engine(
    far: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(resident, "to_host", fail)

    found = decode(sharp(50), ABC)

    _assert_same(found, decode(sharp(50), ABC, engine="compiled"))
    assert far == [50, 50]
    assert [(it.levelno, it.getMessage()) for it in caplog.records] == [
        (logging.WARNING, "no memory for decoding on cpu; 50 items go to the CPU")
    ]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_an_item_that_is_no_scores_is_refused_with_its_number(far: list[int], bad: float) -> None:
    log_probs = sharp(30)
    log_probs[7, 3, 2] = bad

    with pytest.raises(ZooError) as refused:
        decode(log_probs, ABC)

    assert str(refused.value) == (
        "item 7 has NaN or +inf for a log-probability; expected numbers up to 0, or -inf"
    )


def test_an_item_with_an_impossible_frame_is_refused_with_its_number(far: list[int]) -> None:
    log_probs = sharp(30)
    log_probs[4, 5] = -torch.inf

    with pytest.raises(ZooError) as refused:
        decode(log_probs, ABC)

    assert str(refused.value) == (
        "item 4 has no probability for any class in frame 5; nothing can be read from it"
    )


@pytest.mark.parametrize("longest", [0, 1, 2, 3, 5, 9])
def test_a_greedy_text_that_is_looked_at_in_part_is_proven_only_where_it_is_right(longest: int) -> None:
    """As on a GPU, where the number is fixed; here texts are longer than that."""
    log_probs = sharp(400)
    wanted = decode(log_probs, ABC, engine="compiled")
    tables = tabulate(compile_language(NO_CONSTRAINTS, ABC.chars, 9), ABC.chars)
    columns = torch.from_numpy(tables.columns).long()

    ids, lengths, chances, share, proven = (it.numpy() for it in resident.read(log_probs, columns, longest))

    assert ids.shape == (400, longest)
    texts = [ABC.decode(row[:n]) for row, n in zip(ids.tolist(), lengths.tolist(), strict=True)]
    right = [text == want for text, want in zip(texts, wanted.texts, strict=True)]
    assert np.array(right)[proven].all()
    np.testing.assert_allclose(chances[proven], wanted.log_probs[proven, 0], rtol=1e-9)
    np.testing.assert_allclose(share, 0.0, atol=1e-12)
    assert proven.sum() >= sum(length <= longest for length in wanted.lengths[:, 0]) * 0.5


def test_a_fixed_length_changes_nothing_where_every_text_fits() -> None:
    probs = sharp(300).exp()

    whole, fixed = certify(probs), certify(probs, 9)

    L = whole.columns.shape[1]
    assert torch.equal(fixed.columns[:, :L], whole.columns)
    assert not fixed.columns[:, L:].any()
    for name in ("lengths", "chances", "proven"):
        assert torch.equal(getattr(fixed, name), getattr(whole, name)), name


@pytest.mark.gpu
@pytest.mark.parametrize("N", [1, 33, 8192, 8200])
def test_a_gpu_decides_what_the_compiled_engine_says(N: int) -> None:
    log_probs = sharp(N, T=25, C=20)
    charset = Charset("abcdefghijklmnopqrs")

    _assert_same(decode(log_probs.cuda(), charset), decode(log_probs, charset, engine="compiled"), rtol=1e-9)
