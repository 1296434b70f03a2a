"""The third network of the post "Captcha prediction - From CNN to CRNN" (2022): ResNet, two LSTMs, CTC.

The idea is Shi, Bai and Yao, An end-to-end trainable neural network for image-based sequence recognition
(2015), arXiv:1507.05717; the convolutions are torchvision's resnet34, He et al. (2015), arXiv:1512.03385.
The post starts from ImageNet's weights; here, nothing being downloaded, it starts from random ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

# Of resnet34: everything before its last stage and its classifier.
CHILDREN = 7
CHANNELS = 256


class CrnnResnet34(nn.Module):
    """Grey image to log-probabilities of characters, one frame per 16 columns.

    Args:
        n_classes: C, the characters and the blank.
        height: H of the input.
        width: W of the input; any, it gives T.
        features: of a column, after its rows are mapped to one vector.
        hidden: units of the two recurrent layers, in each direction.
        dropout: share of features dropped before each linear layer, in training alone.
    """

    def __init__(
        self,
        n_classes: int,
        height: int,
        width: int,
        *,
        features: int = 64,
        hidden: Sequence[int] = (256, 128),
        dropout: float = 0.1,
    ) -> None:
        from torchvision.models import resnet34  # here, since it takes seconds and other networks do without

        super().__init__()
        first, second = hidden
        self.body = nn.Sequential(*list(resnet34(weights=None).children())[:CHILDREN])
        rows = -(-height // 16)  # four strides of 2, each rounded up
        self.dropout = nn.Dropout(dropout)
        self.map_to_sequence = nn.Linear(CHANNELS * rows, features)
        self.first = nn.LSTM(features, first, bidirectional=True, batch_first=True)
        self.second = nn.LSTM(2 * first, second, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * second, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Log-probabilities of every class at every frame.

        Args:
            images: (N, 1, H, W), grey.

        Returns:
            (N, T, C), T = ceil(W / 16): 13 for 200 columns.
        """
        x = self.body(images.expand(-1, 3, -1, -1))  # (N, 256, H/16, W/16); red = green = blue = grey
        x = x.flatten(1, 2).transpose(1, 2)  # (N, T, 256 * rows): the recurrence runs along the columns
        x = self.map_to_sequence(self.dropout(x))  # (N, T, 64)
        x, _ = self.first(x)  # (N, T, 512)
        x, _ = self.second(x)  # (N, T, 256)
        logits = self.head(self.dropout(x))  # (N, T, C)
        # float32 whatever the precision before: the error of 13 bfloat16 logs adds up in a probability.
        return F.log_softmax(logits.float(), dim=-1)
