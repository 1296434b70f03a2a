"""More strokes over training images: what hides a character in one image hides another one elsewhere."""

from __future__ import annotations

import random
from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional as F

from model_zoo.generators import kaptcha

# So many pairs of strokes are drawn once, 0.2 ms each, and used again and again.
BANK_SIZE = 6000


def draw_strokes(images: torch.Tensor, probability: float, source: torch.Generator) -> torch.Tensor:
    """Some of the images with two more black strokes, as Kaptcha draws them.

    Args:
        images: (N, 1, H, W), grey in 0..1.
        probability: that an image gets a pair of them.
        source: of the randomness, on the device of the images.
    """
    return images * (1 - ink_of(_bank(*images.shape[2:]), len(images), probability, source))


def ink_of(bank: torch.Tensor, n: int, probability: float, source: torch.Generator) -> torch.Tensor:
    """Ink for n images, (N, 1, H, W) in 0..1: each gets one of the bank with that probability, else none.

    Args:
        bank: of drawn ink, uint8 (B, 1, H, W).
        n: images.
        probability: that an image gets ink.
        source: of the randomness, on the device of the result.
    """
    chosen = torch.randint(len(bank), (n,), generator=source, device=source.device)
    wanted = torch.rand(n, generator=source, device=source.device) < probability
    return bank.to(source.device)[chosen].float() / 255 * wanted.view(n, 1, 1, 1)


@lru_cache(maxsize=1)
def _bank(height: int, width: int) -> torch.Tensor:
    """Ink of pairs of strokes, uint8 (BANK_SIZE, 1, H, W); the same in every run."""
    source = random.Random("strokes over training images")
    drawn = np.stack([_ink(source) for _ in range(BANK_SIZE)])
    pixels = torch.from_numpy(drawn)[:, None]
    if (height, width) == (kaptcha.HEIGHT, kaptcha.WIDTH):
        return pixels
    resized = [F.interpolate(it.float(), (height, width), mode="area") for it in torch.split(pixels, 256)]
    return torch.cat([it.round().byte() for it in resized])


def _ink(source: random.Random) -> np.ndarray:
    return np.rint(kaptcha.draw_strokes(source) * 255).astype(np.uint8)
