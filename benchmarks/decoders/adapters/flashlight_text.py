"""flashlight-text: lexicon-free CTC beam search in C++, without a language model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flashlight.lib.text.decoder import (
    CriterionType,
    LexiconFreeDecoder,
    LexiconFreeDecoderOptions,
    ZeroLM,
)

from decoders.readings import Readings

BEAM = 10
# Prefixes this much below the best, in log, are dropped: torchaudio's default.
THRESHOLD = 50.0


def make(chars: list[str], variant: str) -> Callable[[np.ndarray], Readings]:
    """The best string, or all ten of the beam."""
    options = LexiconFreeDecoderOptions(
        beam_size=BEAM,
        beam_size_token=len(chars),
        beam_threshold=THRESHOLD,
        lm_weight=0.0,
        sil_score=0.0,
        log_add=True,
        criterion_type=CriterionType.CTC,
    )
    search = LexiconFreeDecoder(options, ZeroLM(), 0, 0, [])

    def text(tokens: list[int]) -> str:
        # One token a frame, with a blank before the first and behind the last.
        return "".join([chars[t] for t, before in zip(tokens[1:], tokens, strict=False) if t != before])

    def best(log_probs: np.ndarray) -> Readings:
        texts, scores = [], []
        for item in _pointers(log_probs):
            found = search.decode(*item)[0]
            texts.append(text(found.tokens))
            scores.append(found.score)
        return Readings(texts, scores)

    def ten(log_probs: np.ndarray) -> Readings:
        texts, scores = [], []
        for item in _pointers(log_probs):
            found = search.decode(*item)
            texts.append([text(reading.tokens) for reading in found])
            scores.append([reading.score for reading in found])
        return Readings(texts, scores)

    return ten if variant == "ten" else best


def _pointers(log_probs: np.ndarray) -> list[tuple[int, int, int]]:
    """Address, T and C of each item."""
    n, T, C = log_probs.shape
    first, step = log_probs.ctypes.data, log_probs.strides[0]
    return [(first + i * step, T, C) for i in range(n)]
