"""A compact convolutional recurrent network for one line of text.

The idea is Shi, Bai and Yao, An end-to-end trainable neural network for image-based sequence recognition
(2015), arXiv:1507.05717; the residual blocks are He et al. (2015), arXiv:1512.03385. Both are cut down to
what a captcha of a few characters needs: three blocks, one recurrent layer, under half a million parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut; the first one strides.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        stride: of rows and of columns.
    """

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) to (N, outputs, ceil(H / stride), ceil(W / stride))."""
        y = F.relu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        return F.relu(y + self.shortcut_norm(self.shortcut(x)))


class CrnnSmall(nn.Module):
    """Grey image to log-probabilities of characters, one frame per 8 columns.

    Args:
        n_classes: C, the characters and the blank.
        height: H of the input.
        width: W of the input; any, it gives T.
        channels: after the stem and after each of the three blocks.
        hidden: units of the recurrent layer, in each direction.
        dropout: share of features dropped before and after the recurrent layer, in training alone.
    """

    def __init__(
        self,
        n_classes: int,
        height: int,
        width: int,
        *,
        channels: Sequence[int] = (32, 48, 96, 96),
        hidden: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        stem, first, second, third = channels
        self.stem = nn.Conv2d(1, stem, 3, 2, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(stem)
        self.blocks = nn.Sequential(
            ResidualBlock(stem, first, (2, 2)),
            ResidualBlock(first, second, (2, 2)),
            ResidualBlock(second, third, (2, 1)),
        )
        rows = -(-height // 16)  # four strides of 2, each rounded up
        self.collapse = nn.Conv2d(third, third, (rows, 1), bias=False)
        self.collapse_norm = nn.BatchNorm2d(third)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = nn.LSTM(third, hidden, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Log-probabilities of every class at every frame.

        Args:
            images: (N, 1, H, W), normalised as the card says.

        Returns:
            (N, T, C), T = ceil(W / 8).
        """
        x = F.relu(self.stem_norm(self.stem(images)))  # (N, 32, H/2, W/2)
        x = self.blocks(x)  # (N, 96, H/16, W/8)
        x = F.relu(self.collapse_norm(self.collapse(x)))  # (N, 96, 1, T)
        x = self.dropout(x.squeeze(2).transpose(1, 2))  # (N, T, 96): the recurrence runs along the columns
        x, _ = self.recurrent(x)  # (N, T, 2 * hidden)
        logits = self.head(self.dropout(x))  # (N, T, C)
        # float32 whatever the precision before: the error of 25 bfloat16 logs adds up in a probability.
        return F.log_softmax(logits.float(), dim=-1)
