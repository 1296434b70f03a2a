"""NeMo's batched CTC beam search in torch, without a language model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from nemo.collections.asr.parts.submodules.ctc_batched_beam_decoding import BatchedBeamCTCComputer

from decoders.readings import Readings

BEAM = 10
BLANK = 0


def make(chars: list[str], variant: str) -> Callable[[np.ndarray], Readings]:
    """A decoder; there is one variant."""
    search = BatchedBeamCTCComputer(blank_index=BLANK, beam_size=BEAM, allow_cuda_graphs=False)

    def decode(log_probs: np.ndarray) -> Readings:
        n, T, _ = log_probs.shape
        found = search(torch.from_numpy(log_probs), torch.full((n,), T))
        # Its `to_hyps_list` makes an object an item and takes as long as the search; this does the same for
        # the whole batch: the best in front, then runs made one and blanks left out.
        found.flatten_sort_(score_norm=False)
        ids = found.transcript_wb[:, 0, :T]
        repeated = torch.zeros_like(ids, dtype=torch.bool)
        repeated[:, 1:] = ids[:, 1:] == ids[:, :-1]
        rows = ids.masked_fill(repeated, BLANK).tolist()
        return Readings(["".join([chars[i] for i in row]) for row in rows], found.scores[:, 0].tolist())

    return decode
