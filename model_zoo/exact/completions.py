"""The allowed mass behind every state and frame, backwards (torch, in logarithms)."""

from __future__ import annotations

import torch
from torch import Tensor

from model_zoo.ctc import NOTHING, sum_of_others
from model_zoo.exact.tables import Tables


def completions(log_probs: Tensor, tables: Tables) -> tuple[Tensor, Tensor]:
    """The allowed mass behind every state and frame.

    Returns:
        entry[n, q, t, c]: log-probability that frame t is c, times the mass of completing an allowed string
        from there, (N, S, T, K); and the mass of all allowed strings (of a lexicon's hull), (N,).
    """
    N, T, K = log_probs.shape
    if tables.is_free:
        return log_probs[:, None], log_probs.new_zeros(N)
    following = torch.from_numpy(tables.following).to(log_probs.device).long()  # (S, K)
    S = len(following)
    ends = torch.from_numpy(tables.accepting).to(log_probs.device).log()  # (S,)
    opened = ends.expand(N, S)
    closed = ends[:, None].expand(S, K).expand(N, S, K)
    column = torch.arange(K, device=log_probs.device)
    entry = log_probs.new_empty((N, S, T, K))
    for t in range(T - 1, -1, -1):
        frame = log_probs[:, t, None]  # (N, 1, K)
        entering = frame + closed[:, following.clamp(min=0), column]
        entering = entering.masked_fill(following < 0, NOTHING)
        entry[:, :, t] = entering
        stays_blank = frame[..., :1] + opened[..., None]  # (N, S, 1)
        closed = torch.logaddexp(torch.logaddexp(stays_blank, sum_of_others(entering)), frame + closed)
        opened = torch.logaddexp(stays_blank[..., 0], entering.logsumexp(-1))
    return entry, opened[:, 0]
