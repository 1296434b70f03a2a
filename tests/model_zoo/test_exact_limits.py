"""Where the exact search ends early or numbers grow too small, and what it owes all the same."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from slow_decoder import Strings, Truth, frames, slow_decode
from torch import Tensor

from model_zoo import exact
from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.ctc import string_log_probs
from model_zoo.decode import Decoded, decode
from model_zoo.exact import host
from model_zoo.exact.levels import Widths
from model_zoo.lexicon import Lexicon

AllStrings = Callable[[NDArray[np.float64]], Strings]

ENGINES = ("compiled", "torch")
ABC = Charset("abc")
THREES = Lexicon.from_words(a + b + c for a in "abc" for b in "abc" for c in "abc" if a != b)


def _charset(size: int) -> Charset:
    return Charset("".join(chr(0x4E00 + number) for number in range(size)))


def _log_prob(log_probs: Tensor, charset: Charset, text: str) -> float:
    """Of one text of the first item, in logarithms."""
    labels = torch.tensor([[charset.encode(text)]])
    normal = log_probs[:1].double().log_softmax(2)
    return string_log_probs(normal, labels, torch.tensor([[len(text)]])).item()


# What a search may expand: prefixes of an item in the compiled engine, of a length in the torch engine.
CAPS = [(1, 1), (2, 1), (3, 2), (10, 4), (30, 8)]
QUIET = [
    (Constraints(None, 3, 3), "a length"),
    (Constraints(pattern="?L?"), "a pattern"),
    (Constraints(lexicon=THREES), "a lexicon"),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n_best", [1, 3])
@pytest.mark.parametrize("constraints", [it for it, _ in QUIET], ids=[reason for _, reason in QUIET])
def test_a_search_that_is_cut_short_says_so_and_how_much_it_may_have_missed(
    monkeypatch: pytest.MonkeyPatch,
    all_strings: AllStrings,
    constraints: Constraints,
    n_best: int,
    engine: str,
) -> None:
    # Given frames that are nearly all blank, so that every string of three characters has less than 1e-3,
    rng = np.random.default_rng(0)
    rows = [frames("mostly blank", 5, 4, rng) for _ in range(60)]
    truths = [slow_decode(all_strings(row), ABC, constraints) for row in rows]
    log_probs = torch.from_numpy(np.stack(rows))
    cut_short = wrong = 0
    for expanded, level in CAPS:
        monkeypatch.setattr(host, "MAX_EXPANDED", expanded)
        monkeypatch.setattr(exact, "WIDTHS", Widths(level, level, level))
        decoded = decode(log_probs, ABC, constraints, n_best=n_best, engine=engine)
        for item, truth in enumerate(truths):
            if truth.shares[0] * truth.mass < 9e-4:
                _assert_truthful(decoded, item, truth, n_best)
                cut_short += not decoded.proven[item]
                wrong += decoded.texts[item] != truth.texts[0]
    # then some searches ended early, and of those that looked for one text some were wrong.
    assert cut_short > 20
    assert wrong > 0 or n_best > 1


def _assert_truthful(decoded: Decoded, item: int, truth: Truth, n_best: int) -> None:
    """What is said of a reading holds, and nothing unseen beats it by more than the gap."""
    texts = decoded.n_best_texts[item]
    gap = decoded.gap[item]
    low, high = np.exp(decoded.log_mass[item])
    assert low * (1 - 1e-9) <= truth.mass <= high * (1 + 1e-9)
    for text, log_prob in zip(texts, decoded.log_probs[item], strict=False):
        # Over the upper end of the mass it is stated, by which it is a share of at least this.
        assert math.exp(log_prob) * high == pytest.approx(truth.share_of[text] * truth.mass, rel=1e-9, abs=0)
    unseen = max((share for text, share in truth.share_of.items() if text not in texts), default=0.0)
    assert unseen <= truth.share_of[texts[0]] * math.exp(gap) * (1 + 1e-8)
    if decoded.proven[item]:
        assert texts == truth.texts[:n_best]
        assert gap == 0
    if gap == 0:  # there need be no proof to know that nothing is better
        assert texts[0] == truth.texts[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_flat_frames_are_answered_without_a_proof(engine: str) -> None:
    # Given 64 classes in 30 frames of hardly any difference: no string has more than e-25.
    charset = _charset(63)
    log_probs = (torch.randn(2, 30, 64, generator=torch.Generator().manual_seed(0)) * 0.3).log_softmax(2)
    decoded = decode(log_probs, charset, engine=engine)
    assert decoded.proven.tolist() == [False, False]
    assert (decoded.gap > 0).all()
    assert decoded.log_probs[0, 0] == pytest.approx(_log_prob(log_probs, charset, decoded.texts[0]), rel=1e-9)
    greedy = decode(log_probs, charset, method="greedy", engine=engine)
    assert (decoded.log_probs > greedy.log_probs).all()


SURE = [
    (1, 1000, "one frame and a thousand classes that tie"),
    (3, 501, "five hundred prefixes of 0.002, each with two strings of 0.001"),
]


@pytest.mark.parametrize(("T", "C", "reason"), SURE)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_string_of_one_in_a_thousand_is_always_proven(engine: str, T: int, C: int, reason: str) -> None:
    probs = torch.zeros(1, T, C, dtype=torch.float64)
    if T == 1:
        probs[:] = 1 / C
    else:
        probs[0, 0, 1:] = 1 / (C - 1)
        probs[0, 1, 0] = 1
        probs[0, 2, :2] = 0.5
    decoded = decode(probs.log(), _charset(C - 1), engine=engine)
    assert decoded.proven.tolist() == [True], reason
    assert math.exp(decoded.log_probs[0, 0]) == pytest.approx(0.001, rel=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_hundred_flat_frames_of_a_thousand_classes_do_not_underflow(
    monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr(exact, "WIDTHS", Widths(1, 1, 1))  # or it takes half a minute
    charset = _charset(999)
    log_probs = torch.full((1, 200, 1000), -math.log(1000))
    decoded = decode(log_probs, charset, engine=engine)
    assert decoded.log_probs[0, 0] < -745, "a case that float64 holds without logarithms"
    assert decoded.log_probs[0, 0] == pytest.approx(_log_prob(log_probs, charset, decoded.texts[0]), rel=1e-9)
    assert not decoded.proven[0]
    assert math.isfinite(decoded.gap[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_two_hundred_clear_frames_of_a_thousand_classes_are_read(engine: str) -> None:
    charset = _charset(999)
    log_probs = torch.zeros(2, 200, 1000)
    log_probs[:, :, 0] = 12.0
    log_probs[:, 3::20, 7], log_probs[1, 5::20, 999] = 24.0, 24.0
    decoded = decode(log_probs, charset, engine=engine)
    one, other = charset.decode([7]), charset.decode([999])
    assert decoded.texts == [one * 10, (one + other) * 10]
    assert decoded.proven.all()
    five = decode(log_probs, charset, Constraints(None, 5, 5), engine=engine)
    assert [len(text) for text in five.texts] == [5, 5]
    assert five.log_mass[0, 0] == pytest.approx(five.log_mass[0, 1])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "constraints",
    [
        Constraints(pattern="ab"),
        Constraints(None, 2, 2, regex="[^c]*"),
        Constraints(lexicon=Lexicon.from_words(["ab", "ba"])),
    ],
    ids=["pattern", "regex", "lexicon"],
)
def test_what_the_model_gives_next_to_nothing_comes_out_right(engine: str, constraints: Constraints) -> None:
    # Given frames sure of "c", but for a and b of e-500 each, and the blank,
    log_probs = torch.full((1, 4, 4), -500.0, dtype=torch.float64)
    log_probs[0, :, 3] = 0.0
    log_probs[0, :2, 1] = -460.0
    # when only a and b are allowed, then four of those make e-1900, below the least of float64,
    decoded = decode(log_probs, ABC, constraints, engine=engine)
    assert decoded.texts == ["ab"]
    assert decoded.proven.tolist() == [True]
    # and the allowed mass is nought, but the reading's share of it is right.
    texts = [text for text in ("ab", "ba", "aa", "bb") if text in {"ab"} or constraints.pattern is None]
    texts = [t for t in texts if constraints.lexicon is None or t in constraints.lexicon.words]
    chances = np.array([_log_prob(log_probs, ABC, text) for text in texts])
    mass = np.logaddexp.reduce(chances)
    assert decoded.log_mass[0] == pytest.approx([mass, mass], rel=1e-9)
    assert mass < -1800
    assert math.exp(decoded.log_probs[0, 0]) == pytest.approx(math.exp(chances[0] - mass), rel=1e-9)
    assert decoded[0].allowed_mass == 0.0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_string_beside_one_much_more_improbable_is_not_mistaken_for_the_best(engine: str) -> None:
    # Given that the only classes allowed have e-655 and less in the first frame: "ab" has e-60 of what is
    # allowed, "c" has e-100 of it; a linear sum that loses "a" in the first frame would answer "c".
    charset = Charset("abcx")
    log_probs = torch.tensor(
        [[[-5000.0, -715.0, -5000.0, -655.0, 0.0], [-5000.0, -2000.0, 0.0, -140.0, -900.0]]],
        dtype=torch.float64,
    )
    decoded = decode(log_probs, charset, Constraints(regex="ab|c"), engine=engine)
    assert decoded.texts == ["ab"]
    assert decoded[0].probability == pytest.approx(1.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_readings_that_float64_cannot_hold_are_ranked_too(engine: str) -> None:
    log_probs = torch.tensor([[[0.0, -400.0, -800.0, -2000.0]]], dtype=torch.float64)
    decoded = decode(log_probs, ABC, n_best=4, engine=engine)
    assert decoded.n_best_texts == [["", "a", "b", "c"]]
    assert decoded.log_probs[0] == pytest.approx([0.0, -400.0, -800.0, -2000.0])


@pytest.mark.parametrize("n_best", [1, 10])
def test_parts_of_the_torch_engine_make_the_whole(monkeypatch: pytest.MonkeyPatch, n_best: int) -> None:
    log_probs = torch.randn(30, 6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for constraints in (Constraints(), Constraints(None, 2, 3), Constraints(lexicon=THREES)):
        whole = decode(log_probs, ABC, constraints, n_best=n_best, engine="torch")
        with monkeypatch.context() as patch:
            patch.setattr(exact, "_MAX_NUMBERS", 7 * 6 * 4)
            patch.setattr(exact.levels, "_MAX_NUMBERS", 50)
            parts = decode(log_probs, ABC, constraints, n_best=n_best, engine="torch")
        assert parts.n_best_texts == whole.n_best_texts
        np.testing.assert_allclose(parts.log_probs, whole.log_probs, rtol=1e-12, atol=1e-12)
