"""The decoders on the outputs of trained networks: what the exact one owes to the others and to itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from slow_decoder import alignment_beam_search
from torch import Tensor

from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.ctc import string_log_probs
from model_zoo.decode import decode

pytestmark = pytest.mark.data
ITEMS = 256
SETS = ["conf_T13_C20", "hard_T13_C20", "conf_T50_C37", "hard_T50_C37"]


def _load(data: Path, name: str, items: int = ITEMS) -> tuple[Tensor, Charset, list[str]]:
    path = data / "emissions" / f"set_{name}.npz"
    if not path.is_file():
        pytest.skip(f"CAPTCHAFLEET_DATA has no emissions/{path.name}")
    with np.load(path) as arrays:
        charset = Charset("".join(arrays["chars"].tolist()))  # the blank's name is the empty string
        labels = [charset.decode(row) for row in arrays["labels"][:items].tolist()]
        return torch.from_numpy(arrays["log_probs"][:items]), charset, labels


def _exact(log_probs: Tensor, charset: Charset, texts: list[str]) -> Tensor:
    """The log-probability of one text for each item, (N,)."""
    longest = max(map(len, texts))
    rows = [[*charset.encode(text), *[0] * (longest - len(text))] for text in texts]
    labels, lengths = torch.tensor(rows)[:, None], torch.tensor([[len(text)] for text in texts])
    return string_log_probs(log_probs.double().log_softmax(2), labels, lengths)[:, 0]


@pytest.mark.parametrize("name", SETS)
def test_no_other_decoder_finds_a_more_probable_text(captcha_data: Path, name: str) -> None:
    log_probs, charset, labels = _load(captcha_data, name, items=1024)
    exact = decode(log_probs, charset)
    chances = _exact(log_probs, charset, exact.texts)
    assert chances.tolist() == pytest.approx(exact.log_probs[:, 0].tolist(), rel=1e-9, abs=1e-9)
    assert exact.proven.all()
    for method in ("beam", "greedy", "alignment-beam"):
        other = decode(log_probs, charset, method=method)
        gain = chances - _exact(log_probs, charset, other.texts)
        assert gain.min() >= -1e-9, method
        if name.startswith("hard") and method != "beam":
            assert gain.max() > 1e-3, f"{method} reads no item otherwise: the test shows nothing"
        if method == "alignment-beam":
            right = [sum(map(str.__eq__, texts, labels)) for texts in (exact.texts, other.texts)]
            assert right[0] >= right[1]


@pytest.mark.parametrize("name", SETS)
def test_the_engines_read_the_same(captcha_data: Path, name: str) -> None:
    log_probs, charset, _ = _load(captcha_data, name)
    for constraints, n_best in ((Constraints(), 1), (Constraints(None, 5, 5), 1), (Constraints(), 10)):
        compiled, in_torch = (
            decode(log_probs, charset, constraints, n_best=n_best, engine=engine)
            for engine in ("compiled", "torch")
        )
        assert compiled.n_best_texts == in_torch.n_best_texts
        assert compiled.proven.all()
        np.testing.assert_allclose(compiled.log_probs, in_torch.log_probs, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(compiled.log_mass, in_torch.log_mass, rtol=1e-9, atol=1e-9)
        if n_best == 1:
            assert in_torch.proven.all()


def test_alignment_beam_reads_like_the_posts_own(captcha_data: Path) -> None:
    log_probs, charset, _ = _load(captcha_data, "hard_T13_C20")
    expected = [alignment_beam_search(item, charset) for item in log_probs]
    assert decode(log_probs, charset, method="alignment-beam").texts == expected


@pytest.mark.parametrize(("name", "gain"), [("hard_T13_C20", 0.02), ("conf_T13_C20", 0.0)])
def test_a_known_length_raises_exact_match(captcha_data: Path, name: str, gain: float) -> None:
    log_probs, charset, labels = _load(captcha_data, name, items=2048)
    free = decode(log_probs, charset)
    five = decode(log_probs, charset, Constraints(None, 5, 5))
    assert all(len(text) == 5 for text in five.texts)
    right = [sum(map(str.__eq__, it.texts, labels)) for it in (free, five)]
    assert right[1] >= right[0] + gain * len(labels)
