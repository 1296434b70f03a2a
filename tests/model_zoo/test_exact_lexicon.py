"""Lexicons that the model gives next to nothing, long lists of readings, and two searches of one item."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.ctc import string_log_probs
from model_zoo.decode import decode
from model_zoo.exact.found import Found, better
from model_zoo.lexicon import Lexicon

ENGINES = ("compiled", "torch")
LETTERS = Charset("abcdefghij")


def _words(count: int, least: int, most: int, seed: int) -> Lexicon:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(least, most + 1, count).tolist()
    return Lexicon.from_words("".join(rng.choice(list(LETTERS.chars), size)) for size in lengths)


def _word_log_probs(log_probs: torch.Tensor, words: tuple[str, ...]) -> torch.Tensor:
    """Of each word, (N, words)."""
    longest = max(map(len, words))
    rows = [[*LETTERS.encode(word), *[0] * (longest - len(word))] for word in words]
    labels = torch.tensor(rows).expand(len(log_probs), -1, -1)
    lengths = torch.tensor([len(word) for word in words]).expand(len(log_probs), -1)
    return string_log_probs(log_probs.double().log_softmax(2), labels, lengths)


def _sharp(N: int, T: int, sharpness: float, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(N, T, 11, generator=generator, dtype=torch.float64) * sharpness).log_softmax(2)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sharpness", [3.0, 30.0])
def test_words_that_the_model_hardly_knows_are_answered_with_a_true_interval(
    engine: str, sharpness: float
) -> None:
    log_probs, lexicon = _sharp(20, 25, sharpness, 1), _words(500, 8, 10, 2)
    truth = _word_log_probs(log_probs, lexicon.words)
    mass = truth.logsumexp(1).numpy()
    decoded = decode(log_probs, LETTERS, Constraints(lexicon=lexicon), engine=engine)
    assert (decoded.log_mass[:, 0] <= mass + 1e-9).all()
    assert (mass <= decoded.log_mass[:, 1] + 1e-9).all()
    for number, item in enumerate(decoded):
        own = truth[number, lexicon.words.index(item.text)].item() - mass[number]
        assert item.probability <= math.exp(own) * (1 + 1e-9)
        assert item.probability_high >= math.exp(own) * (1 - 1e-9)
        if item.proven:
            assert item.text == lexicon.words[int(truth[number].argmax())]
    assert decoded.proven.any() or engine == "torch"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_hundred_readings_are_proven_only_where_they_are_right(engine: str) -> None:
    log_probs, lexicon = _sharp(30, 9, 1.0, 3), _words(250, 1, 4, 4)
    truth = _word_log_probs(log_probs, lexicon.words)
    decoded = decode(log_probs, LETTERS, Constraints(lexicon=lexicon), n_best=100, engine=engine)
    for number, texts in enumerate(decoded.n_best_texts):
        if decoded.proven[number]:
            best = truth[number].topk(100).indices.tolist()
            assert texts == [lexicon.words[i] for i in best]
    # The torch engine keeps a hundred prefixes of a length, and there are more that matter.
    assert decoded.proven.sum() > 20 or engine == "torch"


def test_of_two_searches_only_the_one_that_proved_its_readings_is_taken_for_proven() -> None:
    cut_short, beam = Found.empty(1, 2, 1), Found.empty(1, 2, 1)
    cut_short.chances[:] = np.log([[1e-5, 1e-9]])
    cut_short.bound[:] = math.log(9e-4)
    beam.chances[:] = np.log([[1e-5, 1e-8]])
    beam.proven[:] = True
    both = better(cut_short, beam)
    assert both.proven.all()
    np.testing.assert_array_equal(both.chances, beam.chances)
    beam.proven[:] = False
    assert not better(cut_short, beam).proven.any()
