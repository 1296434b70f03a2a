"""Our own decoder. The one place in the benchmark that calls it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from decoders.readings import Readings
from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.decode import Decoded
from model_zoo.decode import decode as decode_batch

TEN = 10
FIVE = Constraints(None, 5, 5)


def make(chars: list[str], variant: str) -> Callable[[np.ndarray], Readings]:
    """A decoder of one of the variants."""
    charset = Charset("".join(chars))
    variants: dict[str, Callable[[torch.Tensor], Decoded]] = {
        "exact": lambda x: decode_batch(x, charset, engine="compiled"),
        "exact-torch": lambda x: decode_batch(x, charset, engine="torch"),
        "greedy": lambda x: decode_batch(x, charset, method="greedy"),
        "length-5": lambda x: decode_batch(x, charset, FIVE, engine="compiled"),
        "ten": lambda x: decode_batch(x, charset, n_best=TEN, engine="compiled"),
        "ten-torch": lambda x: decode_batch(x, charset, n_best=TEN, engine="torch"),
    }
    search = variants[variant]

    def best(log_probs: np.ndarray) -> Readings:
        found = search(torch.from_numpy(log_probs))
        return Readings(found.texts, found.log_probs[:, 0].tolist())

    def ten(log_probs: np.ndarray) -> Readings:
        found = search(torch.from_numpy(log_probs))
        return Readings(found.n_best_texts, found.log_probs.tolist())

    return ten if variant.startswith("ten") else best


def decode(log_probs: np.ndarray, chars: list[str], constraints: Constraints) -> Decoded:
    """What the exact decoder says under constraints, untimed."""
    return decode_batch(torch.from_numpy(log_probs), Charset("".join(chars)), constraints)
