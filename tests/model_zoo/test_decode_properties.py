"""What holds of the exact decoder whatever the frames are: found by hypothesis, for both engines."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from slow_decoder import Strings, slow_decode
from torch import Tensor

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.ctc import string_log_probs
from model_zoo.decode import Decoded, decode
from model_zoo.errors import ZooError
from model_zoo.lexicon import Lexicon

ENGINES = ("compiled", "torch")
CHARS = "ab1"

# Scores of a frame: ordinary ones, ties, and classes that are ruled out.
SCORES = st.floats(-12, 3) | st.integers(-3, 3).map(float) | st.just(-math.inf)


@st.composite
def batches(draw: st.DrawFn, classes: int = len(CHARS) + 1, items: int = 4, frames: int = 8) -> Tensor:
    """Raw scores (N, T, C); no frame has ruled everything out."""
    N, T = draw(st.integers(1, items)), draw(st.integers(1, frames))
    scores = draw(arrays(np.float64, (N, T, classes), elements=SCORES))
    scores[..., 0][np.isneginf(scores).all(2)] = 0.0
    return torch.from_numpy(scores)


WORDS = st.lists(st.text(CHARS, min_size=1, max_size=3), min_size=1, max_size=6)
CONSTRAINTS = st.one_of(
    st.just(Constraints()),
    st.sampled_from(["a", "1b", "ab1"]).map(Constraints),
    st.tuples(st.integers(0, 2), st.integers(1, 4)).map(lambda pair: Constraints(None, pair[0], sum(pair))),
    st.text("LD?a1", min_size=1, max_size=3).map(lambda text: Constraints(pattern=text)),
    st.sampled_from(["a*", "(ab|1)+", "[^a]+", ".*1.*", "(a|b)?1*", "aa|b1"]).map(
        lambda text: Constraints(regex=text)
    ),
    WORDS.map(lambda words: Constraints(lexicon=Lexicon.from_words(words))),
)
MANY = settings(max_examples=100, deadline=None)
SOME = settings(max_examples=40, deadline=None)


def _try(log_probs: Tensor, constraints: Constraints, engine: str, n_best: int = 5) -> Decoded | str:
    """What the decoder says, or the sentence with which it refuses."""
    try:
        return decode(log_probs, Charset(CHARS), constraints, n_best=n_best, engine=engine)
    except ZooError as error:
        return str(error)


def _assert_same(one: Decoded, other: Decoded, rel: float = 1e-9) -> None:
    assert one.n_best_texts == other.n_best_texts
    np.testing.assert_allclose(np.exp(one.log_mass), np.exp(other.log_mass), rtol=rel, atol=0)
    np.testing.assert_allclose(np.exp(one.log_probs), np.exp(other.log_probs), rtol=rel, atol=0)
    assert one.proven.tolist() == other.proven.tolist()


@MANY
@given(batches(), CONSTRAINTS)
def test_the_engines_say_the_same(log_probs: Tensor, constraints: Constraints) -> None:
    compiled, in_torch = (_try(log_probs, constraints, engine) for engine in ENGINES)
    if isinstance(compiled, str) or isinstance(in_torch, str):
        assert compiled == in_torch
        return
    if constraints.lexicon is None:
        _assert_same(compiled, in_torch)
        return
    # The engines narrow a lexicon's mass to different intervals, but the true mass lies in both.
    assert compiled.n_best_texts == in_torch.n_best_texts
    low = np.maximum(compiled.log_mass[:, 0], in_torch.log_mass[:, 0])
    high = np.minimum(compiled.log_mass[:, 1], in_torch.log_mass[:, 1])
    assert (low <= high + 1e-9).all()


@pytest.mark.parametrize("engine", ENGINES)
@MANY
@given(log_probs=batches(), constraints=CONSTRAINTS)
def test_probabilities_fall_and_sum_to_at_most_one(
    engine: str, log_probs: Tensor, constraints: Constraints
) -> None:
    decoded = _try(log_probs, constraints, engine, n_best=10)
    if isinstance(decoded, str):
        return
    shares = np.exp(decoded.log_probs)
    assert (shares >= 0).all()
    assert (shares.sum(1) <= 1 + 1e-12).all()
    assert (shares[:, 1:] <= shares[:, :-1] * (1 + 1e-9)).all()
    assert (decoded.log_mass <= 0).all()
    assert (decoded.log_mass[:, 0] <= decoded.log_mass[:, 1]).all()
    for item, texts in zip(decoded, decoded.n_best_texts, strict=True):
        assert len(set(texts)) == len(texts) == len(item.candidates) >= 1
        assert item.probability <= item.probability_high <= 1


@pytest.mark.parametrize("engine", ENGINES)
@SOME
@given(log_probs=batches(items=6), constraints=CONSTRAINTS, data=st.data())
def test_an_item_is_read_alike_alone_and_in_any_order(
    engine: str, log_probs: Tensor, constraints: Constraints, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(log_probs))))
    together = _try(log_probs, constraints, engine)
    shuffled = _try(log_probs[order], constraints, engine)
    alone = [_try(item[None], constraints, engine) for item in log_probs]
    if isinstance(together, str):
        assert isinstance(shuffled, str)
        assert any(isinstance(decoded, str) for decoded in alone)
        return
    assert isinstance(shuffled, Decoded)
    for place, number in enumerate(order):
        single = alone[number]
        assert isinstance(single, Decoded)
        for other, at in ((shuffled, place), (single, 0)):
            assert other.n_best_texts[at] == together.n_best_texts[number]
            one, two = np.exp(other.log_probs[at]), np.exp(together.log_probs[number])
            np.testing.assert_allclose(one, two, rtol=1e-12, atol=0)


@pytest.mark.parametrize("engine", ENGINES)
@SOME
@given(log_probs=batches(items=1), words=WORDS, more=WORDS)
def test_what_allows_less_allows_no_more_mass(
    engine: str, log_probs: Tensor, words: list[str], more: list[str]
) -> None:
    chains = [
        (Constraints(), Constraints("ab"), Constraints("ab", 1, 3), Constraints("ab", 2, 2)),
        (Constraints(), Constraints(regex=".*[ab]"), Constraints(pattern="?L"), Constraints(pattern="1L")),
    ]
    for chain in chains:
        decoded = [_try(log_probs, constraints, engine) for constraints in chain]
        masses = [0.0 if isinstance(it, str) else math.exp(it.log_mass[0, 0]) for it in decoded]
        assert all(less <= most * (1 + 1e-9) for most, less in pairwise(masses))
    few, many = Lexicon.from_words(words), Lexicon.from_words([*words, *more])
    one, two = (_try(log_probs, Constraints(lexicon=lexicon), engine) for lexicon in (few, many))
    if isinstance(one, Decoded):
        assert isinstance(two, Decoded)
        assert one.log_mass[0, 0] <= two.log_mass[0, 1] + 1e-9


@MANY
@given(log_probs=batches(items=1, frames=5), constraints=CONSTRAINTS)
def test_mass_and_probability_are_those_of_the_sum_over_all_paths(
    all_strings: object, log_probs: Tensor, constraints: Constraints
) -> None:
    strings: Strings = all_strings(log_probs[0].log_softmax(1).numpy())  # type: ignore[operator]
    truth = slow_decode(strings, Charset(CHARS), constraints)
    decoded = _try(log_probs, constraints, "auto")
    if isinstance(decoded, str):
        assert truth.mass == 0 or not any(truth.texts) or "time steps" in decoded
        return
    assert decoded.n_best_texts == [truth.texts[:5]]
    low, high = np.exp(decoded.log_mass[0])
    assert low * (1 - 1e-9) <= truth.mass <= high * (1 + 1e-9)
    of_itself = np.exp(decoded.log_probs[0, : len(truth.texts)]) * high
    np.testing.assert_allclose(of_itself, np.array(truth.shares[:5]) * truth.mass, rtol=1e-9, atol=0)


@pytest.mark.parametrize("engine", ENGINES)
@SOME
@given(log_probs=batches(), data=st.data())
def test_what_is_no_number_is_refused_by_its_item(
    engine: str, log_probs: Tensor, data: st.DataObject
) -> None:
    N, T, C = log_probs.shape
    item, frame, c = (data.draw(st.integers(0, size - 1)) for size in (N, T, C))
    log_probs[item, frame, c] = data.draw(st.sampled_from([math.nan, math.inf]))
    assert _try(log_probs, Constraints(), engine) == (
        f"item {item} has NaN or +inf for a log-probability; expected numbers up to 0, or -inf"
    )


@pytest.mark.parametrize("engine", ENGINES)
@SOME
@given(log_probs=batches(frames=5), shift=st.floats(-1000, 1000))
def test_scores_that_are_not_normalised_mean_the_same(engine: str, log_probs: Tensor, shift: float) -> None:
    from_scores = decode(log_probs + shift, Charset(CHARS), n_best=4, engine=engine)
    normal = decode(log_probs.log_softmax(2), Charset(CHARS), n_best=4, engine=engine)
    # Adding 1000 leaves 13 digits behind the point.
    np.testing.assert_allclose(np.exp(from_scores.log_probs), np.exp(normal.log_probs), rtol=1e-9, atol=0)


@pytest.mark.parametrize("engine", ENGINES)
@SOME
@given(log_probs=batches(classes=2, frames=12))
def test_two_classes_are_enough(engine: str, log_probs: Tensor) -> None:
    decoded = decode(log_probs, Charset("x"), n_best=3, engine=engine)
    normal = log_probs.log_softmax(2)
    longest = (normal.shape[1] + 1) // 2
    labels = torch.ones((longest + 1, longest), dtype=torch.long).tril(-1)
    lengths = torch.arange(longest + 1)
    N = len(normal)
    chances = string_log_probs(normal, labels.expand(N, -1, -1), lengths.expand(N, -1)).exp()
    for item, expected in zip(decoded, chances, strict=True):
        assert item.probability == pytest.approx(expected.max().item(), rel=1e-9)
        assert set(item.text) <= {"x"}


@pytest.mark.parametrize("engine", ENGINES)
@SOME
@given(log_probs=batches(frames=1))
def test_one_frame_says_one_character_or_none(engine: str, log_probs: Tensor) -> None:
    decoded = decode(log_probs, Charset(CHARS), n_best=4, engine=engine)
    for item, chances in zip(decoded, log_probs[:, 0].softmax(1), strict=True):
        expected = sorted((p for p in chances.tolist() if p > 0), reverse=True)
        assert [c.probability for c in item.candidates] == pytest.approx(expected, rel=1e-9)
        for candidate in item.candidates:
            class_id = 0 if candidate.text == "" else CHARS.index(candidate.text) + 1
            assert candidate.probability == pytest.approx(chances[class_id].item(), rel=1e-9)
