"""Log-probabilities to texts: what a probability means, what constraints do, what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_zoo import inexact
from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.decode import Candidate, Item, decode
from model_zoo.errors import ZooError

AllStrings = Callable[[NDArray[np.float64]], dict[tuple[int, ...], float]]

FREE = Constraints()
ABC = Charset("abc")
AB = Charset("ab")


def _grid(rows: list[list[float]]) -> Tensor:
    """One item from the probabilities of its frames, blank first."""
    return torch.tensor([rows], dtype=torch.float64).log()


def _emissions(N: int, T: int, C: int, spread: float, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(N, T, C, generator=generator) * spread).log_softmax(2)


def _allowed_strings(
    log_probs: Tensor, charset: Charset, constraints: Constraints, all_strings: AllStrings
) -> dict[str, float]:
    """What the constraints leave of all strings, as texts, with their share of what is left."""
    allowed = constraints.charset or charset.chars
    classes = [0, *(i for i, char in enumerate(charset.chars, start=1) if char in allowed)]
    kept = log_probs.double()[:, classes].log_softmax(1).numpy()
    high = math.inf if constraints.max_length is None else constraints.max_length
    found = {
        charset.decode(classes[k] for k in string): probability
        for string, probability in all_strings(kept).items()
        if constraints.min_length <= len(string) <= high
    }
    mass = sum(found.values())
    return {text: probability / mass for text, probability in found.items()}


CONSTRAINTS = [
    (FREE, "none"),
    (Constraints("ac"), "a charset"),
    (Constraints("cXb"), "a charset in another order, with a character that the model does not know"),
    (Constraints("b"), "one character"),
    (Constraints(None, 2, 2), "an exact length"),
    (Constraints(None, 1, 3), "a range of lengths"),
    (Constraints(None, 2, None), "a least length alone"),
    (Constraints(None, 0, 1), "a most length alone"),
    (Constraints(None, 0, 99), "a most length that no answer reaches"),
    (Constraints("ab", 2, 3), "both"),
    (Constraints("a", 2, 2), "one character, twice"),
]


@pytest.mark.parametrize(("constraints", "reason"), CONSTRAINTS, ids=[reason for _, reason in CONSTRAINTS])
@pytest.mark.parametrize("T", [3, 4])
@pytest.mark.parametrize("spread", [0.5, 5.0])
def test_a_wide_beam_gives_every_allowed_string_its_true_share(
    T: int, spread: float, constraints: Constraints, reason: str, all_strings: AllStrings
) -> None:
    log_probs = _emissions(10, T, 4, spread)
    for item, result in enumerate(
        decode(log_probs, ABC, constraints, method="beam", beam_width=130, n_best=130)
    ):
        truth = _allowed_strings(log_probs[item], ABC, constraints, all_strings)
        found = {candidate.text: candidate.probability for candidate in result.candidates}
        assert found == pytest.approx(truth, rel=1e-9), reason
        assert sum(found.values()) == pytest.approx(1, rel=1e-9)
        assert result.text == max(truth, key=truth.__getitem__)


@pytest.mark.parametrize(("constraints", "reason"), CONSTRAINTS, ids=[reason for _, reason in CONSTRAINTS])
def test_a_narrow_beam_gives_what_it_finds_its_true_share(
    constraints: Constraints, reason: str, all_strings: AllStrings
) -> None:
    log_probs = _emissions(20, 6, 4, 1.0, seed=1)
    for item, result in enumerate(decode(log_probs, ABC, constraints, method="beam", beam_width=3, n_best=3)):
        truth = _allowed_strings(log_probs[item], ABC, constraints, all_strings)
        shares = [candidate.probability for candidate in result.candidates]
        assert shares == pytest.approx([truth[c.text] for c in result.candidates], rel=1e-9), reason
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) <= 1 + 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_beam_ten_finds_the_best_of_all_strings(seed: int, all_strings: AllStrings) -> None:
    log_probs = _emissions(50, 5, 4, 2.0, seed)
    for item, result in enumerate(decode(log_probs, ABC, FREE, method="beam")):
        truth = _allowed_strings(log_probs[item], ABC, FREE, all_strings)
        assert result.text == max(truth, key=truth.__getitem__)
        assert result.probability == pytest.approx(truth[result.text], rel=1e-9)


# Blank, a, b in each frame. The best path is all blank; of all paths, more say "a".
GREEDY_IS_WRONG = _grid([[0.6, 0.4, 0.0], [0.6, 0.4, 0.0]])


def test_greedy_reads_the_best_path_and_the_others_the_best_text() -> None:
    assert decode(GREEDY_IS_WRONG, AB, FREE, method="greedy")[0].text == ""
    assert decode(GREEDY_IS_WRONG, AB, FREE, method="greedy")[0].probability == pytest.approx(0.36)
    for method in ("beam", "exact"):
        best = decode(GREEDY_IS_WRONG, AB, FREE, method=method)[0]
        assert (best.text, best.probability) == ("a", pytest.approx(0.64))


GRIDS = [
    ([[0.1, 0.9, 0.0], [0.1, 0.9, 0.0], [0.1, 0.9, 0.0]], FREE, "a", "a character that lasts"),
    ([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], FREE, "aa", "a blank between repeats"),
    ([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], FREE, "", "all blank"),
    ([[0.2, 0.3, 0.5]], FREE, "b", "one frame"),
    ([[0.2, 0.3, 0.5]], Constraints("a"), "a", "one frame, the best class is not allowed"),
    ([[0.8, 0.1, 0.1]], Constraints(None, 1, 1), "a", "a tie goes to the smaller class id"),
    ([[0.9, 0.04, 0.06]], Constraints(None, 1, 1), "b", "a length forbids the best text"),
    ([[0.9, 0.1, 0.0]] * 3, Constraints("a", 2, 2), "aa", "a repeat is all that is allowed"),
    ([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], FREE, "ab", "no blank anywhere"),
]


@pytest.mark.parametrize(("rows", "constraints", "expected", "reason"), GRIDS)
@pytest.mark.parametrize("method", ["exact", "beam"])
def test_grids_made_by_hand_are_read(
    method: str, rows: list[list[float]], constraints: Constraints, expected: str, reason: str
) -> None:
    assert decode(_grid(rows), AB, constraints, method=method)[0].text == expected, reason


def test_the_smallest_charset_is_read() -> None:
    log_probs = _grid([[0.3, 0.7], [0.3, 0.7]])
    result = decode(log_probs, Charset("x"), FREE, n_best=3)[0]
    assert [c.text for c in result.candidates] == ["x", ""]
    assert result.probability == pytest.approx(0.91)


def test_ties_go_to_the_smaller_class_ids() -> None:
    # Given frames that read the same backwards, so that "ab" and "ba" have the same probability; but it is
    # summed in another order, and the last digits differ.
    half = _emissions(100, 4, 3, 1.0, seed=9)
    palindromes = torch.cat([half, half.flip(1)], 1)
    # When two characters are read that differ, then they stand in the order of the charset.
    differ = 0
    for result in decode(palindromes, AB, Constraints(None, 2, 2), method="beam", beam_width=20, n_best=20):
        shares = {candidate.text: candidate.probability for candidate in result.candidates}
        assert list(shares).index("ab") + 1 == list(shares).index("ba")
        differ += shares["ab"] < shares["ba"]
    assert differ > 10, "no case that a plain sort would get wrong"


def test_greedy_is_the_collapsed_best_path() -> None:
    log_probs = _emissions(200, 9, 4, 1.0, seed=2)
    expected = [ABC.decode(ABC.collapse(row)) for row in log_probs.argmax(2).tolist()]
    assert [result.text for result in decode(log_probs, ABC, FREE, method="greedy")] == expected


def test_greedy_keeps_to_a_charset() -> None:
    log_probs = _emissions(50, 9, 4, 1.0, seed=3)
    masked = log_probs.clone()
    masked[..., 2] = -torch.inf  # b
    expected = [ABC.decode(ABC.collapse(row)) for row in masked.argmax(2).tolist()]
    results = decode(log_probs, ABC, Constraints("ca"), method="greedy")
    assert [result.text for result in results] == expected


def test_scores_that_are_not_normalised_mean_the_same() -> None:
    scores = torch.randn(20, 7, 4, generator=torch.Generator().manual_seed(4), dtype=torch.float64) * 3
    from_scores = decode(scores + 11, ABC, FREE, n_best=4)
    from_log_probs = decode(scores.log_softmax(2), ABC, FREE, n_best=4)
    for one, other in zip(from_scores, from_log_probs, strict=True):
        assert [c.text for c in one.candidates] == [c.text for c in other.candidates]
        assert one.probability == pytest.approx(other.probability, rel=1e-12)


@pytest.mark.parametrize("constraints", [FREE, Constraints("ab", 2, 4)], ids=["free", "limited"])
def test_the_beam_reads_an_item_alike_alone_and_in_any_batch(constraints: Constraints) -> None:
    log_probs = _emissions(64, 11, 4, 0.7, seed=5)
    together = decode(log_probs, ABC, constraints, n_best=5, method="beam")
    backwards = list(decode(log_probs.flip(0), ABC, constraints, n_best=5, method="beam"))[::-1]
    alone = [decode(item[None], ABC, constraints, n_best=5, method="beam")[0] for item in log_probs]
    for results in (backwards, alone):
        for one, other in zip(together, results, strict=True):
            assert [c.text for c in one.candidates] == [c.text for c in other.candidates]
            shares = [c.probability for c in other.candidates]
            assert [c.probability for c in one.candidates] == pytest.approx(shares, rel=1e-12)


def test_a_batch_too_large_for_one_step_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    log_probs = _emissions(30, 8, 4, 1.0, seed=6)
    whole = decode(log_probs, ABC, Constraints(None, 2, 4), method="beam")
    monkeypatch.setattr(inexact, "_MAX_SCORES", 4000)  # 8 items
    parts = decode(log_probs, ABC, Constraints(None, 2, 4), method="beam")
    for one, other in zip(parts, whole, strict=True):
        assert (one.text, one.probability) == (other.text, pytest.approx(other.probability, rel=1e-12))
    log_probs[20, 3, 1] = torch.nan
    with pytest.raises(ZooError, match="item 20 "):
        decode(log_probs, ABC, Constraints(None, 2, 4), method="beam")


@pytest.mark.parametrize("constraints", [FREE, Constraints(None, 2, 3)], ids=["free", "limited"])
@pytest.mark.parametrize("method", ["exact", "beam"])
def test_no_items_give_no_results(method: str, constraints: Constraints) -> None:
    for engine in ("compiled", "torch"):
        decoded = decode(torch.zeros(0, 5, 4), ABC, constraints, n_best=2, method=method, engine=engine)
        assert (len(decoded), list(decoded), decoded.texts, decoded.n_best_texts) == (0, [], [], [])


def test_a_hundred_frames_of_sixty_four_classes_are_read() -> None:
    charset = Charset("".join(chr(0x4E00 + i) for i in range(63)))
    log_probs = _emissions(3, 100, 64, 6.0, seed=7)
    for constraints in (FREE, Constraints(None, 5, 5)):
        for result in decode(log_probs, charset, constraints, method="beam"):
            assert 0 < result.probability <= 1
    # Five characters where the frames say some sixty: the share is of what is left, not of everything.
    five = decode(log_probs, charset, Constraints(None, 5, 5), method="beam")
    assert all(len(result.text) == 5 for result in five)


def test_impossible_classes_are_never_read() -> None:
    log_probs = _emissions(40, 6, 4, 1.0, seed=8)
    log_probs[..., 2] = -torch.inf
    for result in decode(log_probs, ABC, FREE, n_best=10, method="beam"):
        assert all("b" not in c.text and c.probability > 0 for c in result.candidates)


def test_a_search_that_missed_all_that_is_possible_says_probability_zero() -> None:
    # Given one place in the beam, taken by "a", which the last frame then rules out,
    log_probs = _grid([[0.0, 0.6, 0.4], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    result = decode(log_probs, AB, Constraints(None, 1, 1), method="beam", beam_width=1)[0]
    # then the reading is of the right length, with the probability that it has.
    assert len(result.text) == 1
    assert result.probability == (1.0 if result.text == "b" else 0.0)


def test_a_search_finds_fewer_readings_than_were_asked_for() -> None:
    for method in ("exact", "beam"):
        decoded = decode(_grid([[0.5, 0.5, 0.0]]), AB, FREE, n_best=10, method=method)
        assert decoded[0].candidates == (Candidate("", 0.5), Candidate("a", 0.5))
        assert decoded.log_probs[0, 2:].tolist() == [-math.inf] * 8
        assert decoded.lengths[0].tolist() == [0, 1, *[-1] * 8]


def test_the_best_reading_has_a_shorthand() -> None:
    item = Item((Candidate("ab", 0.75), Candidate("a", 0.25)), True, 0.0, 0.5, 0.75)
    assert (item.text, item.probability) == ("ab", 0.75)


def test_only_the_exact_decoder_proves() -> None:
    for method in ("greedy", "beam", "alignment-beam"):
        decoded = decode(GREEDY_IS_WRONG, AB, FREE, method=method)
        assert (decoded[0].proven, decoded[0].gap, decoded[0].allowed_mass) == (False, math.inf, 1.0)
    exact = decode(GREEDY_IS_WRONG, AB, FREE)[0]
    assert (exact.proven, exact.gap, exact.probability_high) == (True, 0.0, exact.probability)


@pytest.mark.parametrize("method", ["exact", "greedy", "beam", "alignment-beam"])
def test_what_a_charset_leaves_out_is_told(method: str) -> None:
    decoded = decode(_grid([[0.2, 0.3, 0.5], [0.8, 0.1, 0.1]]), AB, Constraints("a"), method=method)[0]
    assert decoded.allowed_mass == pytest.approx(0.5 * 0.9)


@pytest.mark.parametrize("chars", ["a\0", "\0a", "a\U0001f600", "\U00010000\uffff"], ids=ascii)
def test_characters_of_any_code_point_come_back(chars: str) -> None:
    rows = [[0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.1, 0.0, 0.9], [0.2, 0.0, 0.8], [0.9, 0.1, 0.0]]
    for method in ("exact", "greedy", "beam", "alignment-beam"):
        decoded = decode(torch.cat([_grid(rows), _grid(rows[::-1])]), Charset(chars), method=method)
        assert decoded.texts == [chars, chars[::-1]]
        assert decoded[0].text == chars
