"""The decoder on the outputs of trained networks, beside the post's alignment beam search.

The post keeps the ten most probable alignments, leaves out classes below one percent in a frame, and at the
end adds up what collapses to the same text.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.ctc import string_log_probs
from model_zoo.decode import decode

pytestmark = pytest.mark.data
ITEMS = 256


def _load(data: Path, name: str, items: int = ITEMS) -> tuple[Tensor, Charset, list[str]]:
    path = data / "emissions" / f"set_{name}.npz"
    if not path.is_file():
        pytest.skip(f"CAPTCHAFLEET_DATA has no emissions/{path.name}")
    with np.load(path) as arrays:
        charset = Charset("".join(arrays["chars"].tolist()))  # the blank's name is the empty string
        labels = [charset.decode(row) for row in arrays["labels"][:items].tolist()]
        return torch.from_numpy(arrays["log_probs"][:items]), charset, labels


def alignment_beam_search(log_probs: Tensor, charset: Charset) -> str:
    """The post's decoder: beam 10, emission threshold 0.01.

    Args:
        log_probs: (T, C).
    """
    alignments: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for frame in log_probs.double().tolist():
        likely = [(score, class_id) for class_id, score in enumerate(frame) if score >= np.log(0.01)]
        longer = [(total + score, (*path, c)) for total, path in alignments for score, c in likely]
        alignments = sorted(longer, key=lambda alignment: -alignment[0])[:10]
    totals: dict[str, float] = {}
    for total, path in alignments:
        text = charset.decode(charset.collapse(path))
        totals[text] = totals.get(text, 0.0) + float(np.exp(total))
    return max(totals, key=totals.__getitem__)


def _exact(log_probs: Tensor, charset: Charset, texts: list[str]) -> Tensor:
    """The log-probability of one text for each item, (N,)."""
    longest = max(map(len, texts))
    rows = [[*charset.encode(text), *[0] * (longest - len(text))] for text in texts]
    labels, lengths = torch.tensor(rows)[:, None], torch.tensor([[len(text)] for text in texts])
    return string_log_probs(log_probs.double().log_softmax(2), labels, lengths)[:, 0]


@pytest.mark.parametrize("name", ["conf_T13_C20", "hard_T13_C20", "conf_T50_C37", "hard_T50_C37"])
def test_the_text_is_at_least_as_probable_as_the_posts(captcha_data: Path, name: str) -> None:
    log_probs, charset, labels = _load(captcha_data, name)
    ours = [result.text for result in decode(log_probs, charset, Constraints())]
    posts = [alignment_beam_search(item, charset) for item in log_probs]
    gain = _exact(log_probs, charset, ours) - _exact(log_probs, charset, posts)
    assert gain.min() >= -1e-9, "an item that the post's decoder reads better"
    if name == "hard_T13_C20":
        assert gain.max() > 1e-3, "no item on which the decoders differ: the test shows nothing"
    exact_match = [sum(a == b for a, b in zip(texts, labels, strict=True)) for texts in (ours, posts)]
    assert exact_match[0] >= exact_match[1]


def test_a_known_length_raises_exact_match(captcha_data: Path) -> None:
    log_probs, charset, labels = _load(captcha_data, "hard_T13_C20", items=2048)
    free = decode(log_probs, charset, Constraints())
    five = decode(log_probs, charset, Constraints(None, 5, 5))
    assert all(len(result.text) == 5 for result in five)
    right = [sum(r.text == label for r, label in zip(rs, labels, strict=True)) for rs in (free, five)]
    assert right[1] > right[0] + 0.02 * len(labels)


def test_the_beams_text_is_at_least_as_probable_as_greedys(captcha_data: Path) -> None:
    log_probs, charset, _ = _load(captcha_data, "hard_T50_C37", items=1024)
    greedy = decode(log_probs, charset, Constraints(), method="greedy")
    beam = decode(log_probs, charset, Constraints())
    assert all(b.probability >= g.probability - 1e-12 for b, g in zip(beam, greedy, strict=True))
    assert any(b.text != g.text for b, g in zip(beam, greedy, strict=True))
