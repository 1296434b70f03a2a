"""The post's decoder: as its plain-Python version, and where it loses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from slow_decoder import alignment_beam_search, frames

from model_zoo.charset import Charset
from model_zoo.decode import decode

ABC = Charset("abc")


@pytest.mark.parametrize("kind", ["even", "clear", "near certain", "mostly blank", "with repeats"])
@pytest.mark.parametrize("T", [1, 2, 6, 13])
def test_it_reads_like_the_plain_version(T: int, kind: str) -> None:
    rng = np.random.default_rng(T)
    log_probs = torch.from_numpy(np.stack([frames(kind, T, 4, rng) for _ in range(40)]))
    expected = [alignment_beam_search(item, ABC) for item in log_probs]
    assert decode(log_probs, ABC, method="alignment-beam").texts == expected


def test_it_misses_a_text_of_many_middling_paths() -> None:
    # Given three frames that never say "a" clearly: the blank path is the best, but most paths say "a".
    log_probs = torch.tensor([[[0.55, 0.45, 0.0, 0.0]] * 3]).double().log()
    assert decode(log_probs, ABC)[0].text == "a"
    # Ten paths are enough for eight; a class of less than one percent is what is lost.
    rare = torch.tensor([[[0.985, 0.009, 0.003, 0.003]] * 120]).double().log()
    assert decode(rare, ABC, method="alignment-beam")[0].text == ""
    assert decode(rare, ABC)[0].text != ""


def test_a_thousand_classes_below_the_threshold_leave_the_best_one() -> None:
    charset = Charset("".join(chr(0x4E00 + number) for number in range(999)))
    scores = torch.zeros(1, 3, 1000)
    scores[0, :, 7] = 0.5
    decoded = decode(scores, charset, method="alignment-beam")
    assert decoded.texts == [charset.decode([7])]


def test_its_probability_is_that_of_all_paths() -> None:
    log_probs = torch.from_numpy(np.stack([frames("even", 5, 4, np.random.default_rng(1))]))
    found = decode(log_probs, ABC, method="alignment-beam")[0]
    every = decode(log_probs, ABC, n_best=100)[0].candidates
    assert found.probability == pytest.approx({c.text: c.probability for c in every}[found.text], rel=1e-9)
