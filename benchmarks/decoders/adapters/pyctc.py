"""pyctcdecode: prefix beam search in Python, with the cuts that it has by default."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from pyctcdecode import build_ctcdecoder

from decoders.readings import Readings

BEAM = 10


def make(chars: list[str], variant: str) -> Callable[[np.ndarray], Readings]:
    """A decoder; there is one variant."""
    logging.getLogger("pyctcdecode").setLevel(logging.ERROR)  # it misses kenlm, which is not used
    search = build_ctcdecoder(chars)

    def decode(log_probs: np.ndarray) -> Readings:
        # prune_history is what its own `decode` sets where only the best is wanted.
        found = [search.decode_beams(item, beam_width=BEAM, prune_history=True)[0] for item in log_probs]
        return Readings([reading[0] for reading in found], [float(reading[3]) for reading in found])

    return decode
