"""Beam search over alignments, as in "Captcha prediction - From CNN to CRNN" (D.-H. Truong, 2022).

It keeps the ten most probable paths, leaves out classes below one percent in a frame, and at the end adds up
the paths that collapse to the same string. Kept to compare with: paths of one string compete with each other,
so a string with many middling paths loses to one with a single good one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from model_zoo.charset import BLANK_ID
from model_zoo.ctc import NOTHING, pack_labels

BEAM_WIDTH = 10
THRESHOLD = 0.01


def search(log_probs: Tensor) -> tuple[Tensor, Tensor]:
    """The string with the most probability among the kept paths.

    Args:
        log_probs: float64 (N, T, C), frames summing to one, the blank first. Where all classes of a frame are
            below the threshold (a hundred or more of them), its best one stays, or no path would.

    Returns:
        Class ids padded with blanks, (N, L), and lengths, (N,).
    """
    N, T, C = log_probs.shape
    scores = log_probs.new_full((N, BEAM_WIDTH), NOTHING)
    scores[:, 0] = 0
    paths = torch.zeros((N, BEAM_WIDTH, 0), dtype=torch.long, device=log_probs.device)
    top = log_probs.amax(2, keepdim=True).clamp(max=math.log(THRESHOLD))
    likely = log_probs.masked_fill(log_probs < top, NOTHING)
    for t in range(T):
        longer = (scores[..., None] + likely[:, t, None]).flatten(1)
        scores, index = (
            longer.topk(BEAM_WIDTH, dim=1)
            if longer.shape[1] >= BEAM_WIDTH
            else longer.sort(1, descending=True)
        )
        before = paths.gather(1, (index // C)[..., None].expand(-1, -1, t))
        paths = torch.cat([before, (index % C)[..., None]], 2)
    labels, lengths = pack_labels(_collapse(paths))
    same = (labels[:, :, None] == labels[:, None]).all(3)  # (N, W, W)
    totals = scores[:, None].masked_fill(~same, NOTHING).logsumexp(2)
    best = totals.argmax(1)
    at = best[:, None, None].expand(-1, 1, labels.shape[2])
    return labels.gather(1, at)[:, 0], lengths.gather(1, best[:, None])[:, 0]


def _collapse(paths: Tensor) -> Tensor:
    """Blanks in the place of all but the first of a run, (N, W, T)."""
    goes_on = torch.zeros_like(paths, dtype=torch.bool)
    goes_on[..., 1:] = paths[..., 1:] == paths[..., :-1]
    return paths.masked_fill(goes_on, BLANK_ID)
