"""A convolutional recurrent network wide and deep enough for many styles of captchas and 62 characters.

The idea is Shi, Bai and Yao (2015), arXiv:1507.05717. Residual blocks (He et al., 2015, arXiv:1512.03385)
stand where the picture is small: there channels are many and pixels few, which is where a processor's matrix
units are quick.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from model_zoo.architectures.plain import convolution


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


class CrnnWide(nn.Module):
    """Grey image to log-probabilities of characters, one frame per 8 columns.

    Args:
        n_classes: C, the characters and the blank.
        height: H of the input.
        width: W of the input; any will do.
        channels: after each of the four strided convolutions; the last two are followed by a residual block.
        hidden: units of the recurrent layer, in each direction.
        dropout: share of features dropped before and after the recurrent layer, in training alone.

    Raises:
        ValueError: not four numbers of channels.
    """

    def __init__(
        self,
        n_classes: int,
        height: int,
        width: int,
        *,
        channels: Sequence[int] = (32, 64, 128, 192),
        hidden: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if len(channels) != 4:
            raise ValueError(f"channels are {list(channels)}; expected 4 numbers")
        first, second, third, last = channels
        self.convolutions = nn.Sequential(
            convolution(1, first, 5, (2, 2)),
            convolution(first, second, 3, (2, 2)),
            convolution(second, third, 3, (2, 2)),
            SameBlock(third),
            convolution(third, last, 3, (2, 1)),
            SameBlock(last),
        )
        rows = -(-height // 16)  # four strides of 2, each rounded up
        self.collapse = convolution(last, last, (rows, 1), (1, 1))
        self.dropout = nn.Dropout(dropout)
        self.recurrent = nn.LSTM(last, hidden, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Log-probabilities of every class at every frame.

        Args:
            images: (N, 1, H, W), normalised as the card says.

        Returns:
            (N, T, C), T = ceil(W / 8).
        """
        x = self.convolutions(images)  # (N, channels, H/16, W/8)
        x = self.collapse(x).squeeze(2).transpose(1, 2)  # (N, T, channels): the recurrence runs along columns
        x, _ = self.recurrent(self.dropout(x))  # (N, T, 2 * hidden)
        logits = self.head(self.dropout(x))  # (N, T, C)
        # float32 whatever the precision before: the error of 25 bfloat16 logs adds up in a probability.
        return F.log_softmax(logits.float(), dim=-1)
