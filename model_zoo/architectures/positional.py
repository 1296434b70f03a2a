"""Networks that give every character of a text at once, one vector of classes a position.

Captcha reading as image classification with many outputs. Both networks are those of the post "Captcha
prediction - From CNN to CRNN" (2022): one pools what xresnet34 sees to a single vector, the other keeps where
it saw it. Class 0 at a position says that no character stands there, so texts may be shorter than the
positions. The weights start at random: of this family fastai has ImageNet weights for xresnet50 alone.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from model_zoo.architectures.xresnet import CHANNELS, XResNet34Body, body_size
from model_zoo.charset import BLANK_ID


def interleave_blanks(log_probs: torch.Tensor) -> torch.Tensor:
    """Positions as frames that CTC reads exactly as they are meant.

    Between two positions comes a frame that is the blank for certain. So no two positions are neighbours, and
    CTC never merges equal characters of two of them. A path through the frames is a choice of one class at
    each position, its probability the product of those, and its text the characters chosen, in order. Hence a
    text with a character at every position has one path, and its CTC probability is the product over its
    positions; a shorter one sums over the positions that may be empty. Every decoder, constraint and
    candidate list of the zoo therefore holds for such networks too.

    The other classes of a certain blank have -inf: for reading alone, training uses the positions.

    Args:
        log_probs: (N, L, C), each position normalised.

    Returns:
        (N, 2 * L - 1, C), normalised frame by frame.
    """
    certain = torch.full(log_probs.shape[-1:], -torch.inf, dtype=log_probs.dtype, device=log_probs.device)
    certain[BLANK_ID] = 0
    blanks = certain.expand_as(log_probs)  # not by numbers: a traced graph would keep N
    return torch.stack([log_probs, blanks], dim=2).flatten(1, 2)[:, :-1]  # a, -, b, -, c


class PositionalNetwork(nn.Module):
    """xresnet34 and a head that gives L vectors of C classes.

    Args:
        head: (N, 512, rows, columns) to (N, L * C).
        n_classes: C, the characters and "no character".
        positions: L, the longest text.

    Raises:
        ValueError: `positions` is no whole number above 0.
    """

    def __init__(self, head: nn.Module, n_classes: int, positions: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.body = XResNet34Body()
        self.head = head
        self.n_positions = positions

    def positions(self, images: torch.Tensor) -> torch.Tensor:
        """What training looks at.

        Args:
            images: (N, 1, H, W), grey; in training N > 1, since the head normalises over the batch.

        Returns:
            Logits (N, L, C) in float32; class 0 is "no character".
        """
        features = self.body(images.expand(-1, 3, -1, -1))  # red = green = blue = grey
        logits = self.head(features)  # (N, L * C)
        return cast(torch.Tensor, logits.float().unflatten(1, (self.n_positions, self.n_classes)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Log-probabilities of every class at every frame, for the decoders.

        Args:
            images: (N, 1, H, W), grey.

        Returns:
            (N, T, C), T = 2 * L - 1: positions with certain blanks between them, see `interleave_blanks`.
        """
        return interleave_blanks(F.log_softmax(self.positions(images), dim=-1))


def checked_positions(positions: object) -> int:
    """The positions that a card asks for.

    Raises:
        ValueError: no whole number above 0.
    """
    if not isinstance(positions, int) or isinstance(positions, bool) or positions < 1:
        raise ValueError(f"positions is {positions!r}; expected a whole number, 1 or more")
    return positions


class ConcatPool(nn.Module):
    """The largest and the mean value of every channel, side by side."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, 2 * channels)."""
        return torch.cat([F.adaptive_max_pool2d(x, 1), F.adaptive_avg_pool2d(x, 1)], dim=1).flatten(1)


class XResnet34Pool(PositionalNetwork):
    """The post's first network: what fastai's `create_cnn_model(xresnet34, 5 * 20)` makes.

    Args:
        n_classes: C, the characters and "no character".
        height: H of the input; any, since the head pools.
        width: W of the input; any.
        positions: L, the longest text.
        hidden: units of the head.
        dropout: share of units dropped before the last layer, half as many before the one before it.
    """

    def __init__(
        self,
        n_classes: int,
        height: int,
        width: int,
        *,
        positions: int = 5,
        hidden: int = 512,
        dropout: float = 0.5,
    ) -> None:
        outputs = checked_positions(positions) * n_classes
        head = nn.Sequential(
            ConcatPool(),  # (N, 1024)
            nn.BatchNorm1d(2 * CHANNELS),
            nn.Dropout(dropout / 2),
            nn.Linear(2 * CHANNELS, hidden, bias=False),
            nn.ReLU(),
            nn.BatchNorm1d(hidden),
            nn.Dropout(dropout),
            nn.Linear(hidden, outputs, bias=False),
        )
        for layer in head:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
            elif isinstance(layer, nn.BatchNorm1d):
                nn.init.constant_(layer.bias, 1e-3)  # as fastai does
        super().__init__(head, n_classes, positions)


class XResnet34Flat(PositionalNetwork):
    """The post's second network: every place of the image keeps its own features.

    Args:
        n_classes: C, the characters and "no character".
        height: H of the input.
        width: W of the input; 50x200 leaves 2x7 places, so 7168 features.
        positions: L, the longest text.
        hidden: units of the head.
        dropout: share of units dropped before each linear layer.
    """

    def __init__(
        self,
        n_classes: int,
        height: int,
        width: int,
        *,
        positions: int = 5,
        hidden: int = 1000,
        dropout: float = 0.5,
    ) -> None:
        rows, columns = body_size(height, width)
        head = nn.Sequential(
            nn.Flatten(),  # (N, 512 * rows * columns)
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(CHANNELS * rows * columns, hidden),
            nn.ReLU(),
            nn.BatchNorm1d(hidden),
            nn.Dropout(dropout),
            nn.Linear(hidden, checked_positions(positions) * n_classes),
        )
        super().__init__(head, n_classes, positions)
