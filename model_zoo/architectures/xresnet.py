"""The body of xresnet34: a ResNet of 34 layers with the usual improvements.

Sources: He et al., Deep residual learning for image recognition (2015), arXiv:1512.03385; He et al., Bag of
tricks for image classification with convolutional neural networks (2018), arXiv:1812.01187: three 3x3
convolutions for the stem (ResNet-C), average pooling before the 1x1 convolution of a shortcut (ResNet-D),
and blocks that start as the identity. Layers, sizes and first weights are those of fastai's `xresnet34`, cut
before its last pooling; `benchmarks/fastai_parity.py` holds one against the other.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

STEM = (32, 32, 64)
# Channels and blocks of each stage; every stage but the first halves the rows and the columns.
STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
CHANNELS = STAGES[-1][0]


def body_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns that the body leaves of an image: a 32nd of each, rounded up."""
    return -(-height // 32), -(-width // 32)


def convolution(inputs: int, outputs: int, size: int, stride: int = 1, *, scale: float = 1) -> nn.Sequential:
    """A convolution that keeps the image's size but for its stride, and its normalisation.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        size: of the filters, odd.
        stride: of rows and of columns.
        scale: of the normalisation, to start with.
    """
    filters = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(filters.weight)
    norm = nn.BatchNorm2d(outputs)
    nn.init.constant_(norm.weight, scale)
    return nn.Sequential(filters, norm)


class XResNetBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut; the first one strides.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        stride: of rows and of columns, 1 or 2.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, 3, stride)
        # Scaled by nothing at first, so that a new block passes on what comes through the shortcut.
        self.second = convolution(outputs, outputs, 3, scale=0)
        # Pooled first: a 1x1 convolution with a stride of 2 would not look at three pixels of four.
        pool = [nn.AvgPool2d(2, ceil_mode=True)] if stride == 2 else []
        project = [convolution(inputs, outputs, 1)] if inputs != outputs else []
        self.shortcut = nn.Sequential(*pool, *project)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) to (N, outputs, ceil(H / stride), ceil(W / stride))."""
        y = self.second(F.relu(self.first(x)))
        return F.relu(y + self.shortcut(x))


class XResNet34Body(nn.Module):
    """Stem, max-pooling and four stages of blocks: 3 colours to 512 channels, at a 32nd of the size."""

    def __init__(self) -> None:
        super().__init__()
        channels, stem, blocks = 3, nn.ModuleList(), nn.Sequential()
        for number, outputs in enumerate(STEM):
            stem.append(convolution(channels, outputs, 3, stride=1 if number else 2))
            channels = outputs
        for stage, (outputs, count) in enumerate(STAGES):
            for number in range(count):
                blocks.append(XResNetBlock(channels, outputs, stride=2 if stage and not number else 1))
                channels = outputs
        self.stem, self.blocks = stem, blocks

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, 512, ceil(H / 32), ceil(W / 32))."""
        x = images
        for layer in self.stem:
            x = F.relu(layer(x))  # (N, 64, H/2, W/2) after the last
        x = F.max_pool2d(x, 3, 2, padding=1)  # (N, 64, H/4, W/4)
        features: torch.Tensor = self.blocks(x)
        return features
