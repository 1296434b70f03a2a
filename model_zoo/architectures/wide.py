"""A convolutional recurrent network wide and deep enough for many styles of captchas and 62 characters.

The idea is Shi, Bai and Yao (2015), arXiv:1507.05717. Residual blocks (He et al., 2015, arXiv:1512.03385)
stand where the picture is small: there channels are many and pixels few, which is where a processor's matrix
units are quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from model_zoo.architectures.plain import KERNELS, STRIDES, ConvolutionsAndLstm, convolution


class SameBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut; shape and channels stay.

    Args:
        channels: in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels, 3, (1, 1))
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to the same."""
        return F.relu(x + self.norm(self.second(self.first(x))))


class CrnnWide(ConvolutionsAndLstm):
    """Grey image to log-probabilities of characters, one frame per 8 columns.

    Args:
        n_classes: C, the characters and the blank.
        height: H of the input.
        width: W of the input; any will do.
        channels: after each of the four strided convolutions.
        blocks: residual blocks that follow each of them.
        hidden: units of the recurrent layer, in each direction.
        dropout: share of features dropped before and after the recurrent layer, in training alone.

    Raises:
        ValueError: not four numbers of channels, or of blocks.
    """

    def __init__(
        self,
        n_classes: int,
        height: int,
        width: int,
        *,
        channels: Sequence[int] = (32, 64, 128, 192),
        blocks: Sequence[int] = (0, 0, 1, 1),
        hidden: int = 128,
        dropout: float = 0.1,
    ) -> None:
        for what, numbers in (("channels", channels), ("blocks", blocks)):
            if len(numbers) != len(STRIDES):
                raise ValueError(f"{what} are {list(numbers)}; expected {len(STRIDES)} numbers")
        layers: list[nn.Module] = []
        for (before, after), kernel, stride, count in zip(
            pairwise((1, *channels)), KERNELS, STRIDES, blocks, strict=True
        ):
            layers += [convolution(before, after, kernel, stride), *(SameBlock(after) for _ in range(count))]
        super().__init__(
            nn.Sequential(*layers),
            channels[-1],
            n_classes=n_classes,
            height=height,
            hidden=hidden,
            dropout=dropout,
        )


def grown(
    weights: Mapping[str, torch.Tensor], blocks: Sequence[int], network: CrnnWide, more: Sequence[int]
) -> dict[str, torch.Tensor]:
    """The weights of a network for a deeper one, which at first computes the same.

    A new block's last factor is 0, so that it adds nothing to what its shortcut hands on (Goyal et al., 2017,
    arXiv:1706.02677, section 5.1).

    Args:
        weights: of a network with `blocks`.
        blocks: after each convolution.
        network: the deeper one, freshly drawn.
        more: its blocks, nowhere fewer.

    Raises:
        ValueError: fewer blocks somewhere.
    """
    if any(new < old for old, new in zip(blocks, more, strict=True)):
        raise ValueError(f"{list(more)} blocks cannot hold what {list(blocks)} blocks have learnt")
    taken, old, new = {}, 0, 0
    for had, has in zip(blocks, more, strict=True):
        for number in range(1 + has):
            if number <= had:
                taken[new] = old
                old += 1
            new += 1
    found = {}
    for key, value in network.state_dict().items():
        head, _, rest = key.partition(".")
        if head != "convolutions":
            found[key] = weights[key]
            continue
        place, _, name = rest.partition(".")
        if int(place) in taken:
            found[key] = weights[f"convolutions.{taken[int(place)]}.{name}"]
        else:
            found[key] = torch.zeros_like(value) if name == "norm.weight" else value
    return found
