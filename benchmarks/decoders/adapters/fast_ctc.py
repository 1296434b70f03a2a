"""fast-ctc-decode: prefix beam search in Rust. It gives strings without probabilities."""

from __future__ import annotations

from collections.abc import Callable

import fast_ctc_decode
import numpy as np

from decoders.readings import Readings

BEAM = 10
# The library's `beam_cut_threshold`: classes below it in a frame are left out. 0.001 is its default.
CUTS = {"cut": 0.01, "no-cut": 0.0}


def make(chars: list[str], variant: str) -> Callable[[np.ndarray], Readings]:
    """A decoder with the variant's cut."""
    # It wants a name for the blank and never prints it; a list is read faster than a string.
    alphabet = ["_", *chars[1:]]
    cut = CUTS[variant]
    search = fast_ctc_decode.beam_search

    def decode(log_probs: np.ndarray) -> Readings:
        # It reads probabilities: one call for the whole array, about 5 % of the time at most.
        texts = [search(item, alphabet, BEAM, cut)[0] for item in np.exp(log_probs)]
        return Readings(texts, None)

    return decode
