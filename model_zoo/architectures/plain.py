"""Four plain convolutions and one recurrent layer: what a captcha of one style needs, and little more.

After VGG's stacks of 3x3 convolutions (Simonyan and Zisserman (2014), arXiv:1409.1556) under the recurrent
head of Shi, Bai and Yao (2015), arXiv:1507.05717. No shortcuts: four layers need none, and on a CPU each
further layer costs more in memory traffic than in arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

# Of rows and of columns: together a frame per 8 columns.
STRIDES = ((2, 2), (2, 2), (2, 2), (2, 1))
KERNELS = (5, 3, 3, 3)  # the first sees whole strokes


class ConvolutionsAndLstm(nn.Module):
    """Convolutions that end in a frame per 8 columns, under one recurrent layer; read by CTC.

    Args:
        convolutions: (N, 1, H, W) to (N, features, ceil(H / 16), ceil(W / 8)).
        features: channels that they end in.
        n_classes: C, the characters and the blank.
        height: H of the input.
        hidden: units of the recurrent layer, in each direction.
        dropout: share of features dropped before and after the recurrent layer, in training alone.
    """

    def __init__(
        self,
        convolutions: nn.Sequential,
        features: int,
        *,
        n_classes: int,
        height: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.convolutions = convolutions
        rows = -(-height // 16)  # four strides of 2, each rounded up
        self.collapse = convolution(features, features, (rows, 1), (1, 1))
        self.dropout = nn.Dropout(dropout)
        self.recurrent = nn.LSTM(features, hidden, bidirectional=True, batch_first=True)
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


class CrnnPlain(ConvolutionsAndLstm):
    """Grey image to log-probabilities of characters, one frame per 8 columns.

    Args:
        n_classes: C, the characters and the blank.
        height: H of the input.
        width: W of the input; any will do.
        channels: after each of the four convolutions.
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
        channels: Sequence[int] = (32, 48, 96, 128),
        hidden: int = 64,
        dropout: float = 0.2,
    ) -> None:
        if len(channels) != len(STRIDES):
            raise ValueError(f"channels are {list(channels)}; expected {len(STRIDES)} numbers")
        steps = zip(pairwise((1, *channels)), KERNELS, STRIDES, strict=True)
        super().__init__(
            nn.Sequential(*(convolution(*sizes, kernel, stride) for sizes, kernel, stride in steps)),
            channels[-1],
            n_classes=n_classes,
            height=height,
            hidden=hidden,
            dropout=dropout,
        )


def convolution(
    inputs: int, outputs: int, kernel: int | tuple[int, int], stride: tuple[int, int]
) -> nn.Module:
    """Convolution, batch normalisation, ReLU; a square kernel is padded, another one is not."""
    padding = kernel // 2 if isinstance(kernel, int) else 0
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )
