"""fastai's side: prints one JSON object. `fastai_parity.py` runs it in fastai's environment."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from typing import Any

import fastai
import fastai.callback.progress
import fastai.callback.schedule
import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.layers import LinBnDrop
from fastai.learner import Learner
from fastai.losses import LabelSmoothingCrossEntropyFlat
from fastai.optimizer import Adam
from fastai.vision.augment import Rotate
from fastai.vision.learner import create_body, create_vision_model
from fastai.vision.models.xresnet import xresnet34
from torch import nn
from torchvision.models import resnet34

from parity import describe as d


class Recurrent(nn.Module):
    """The post's third network, of the layers that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.body = create_body(resnet34(weights=None), cut=7)
        self.map_to_sequence = LinBnDrop(256 * 4, 64, p=0.1, bn=False, lin_first=False)
        self.first = nn.LSTM(64, 256, bidirectional=True)
        self.second = nn.LSTM(512, 128, bidirectional=True)
        self.head = LinBnDrop(256, d.CLASSES, p=0.1, bn=False, lin_first=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (T, N, C)."""
        columns = self.body(images).flatten(1, 2).permute(2, 0, 1)
        logits: torch.Tensor = self.head(self.second(self.first(self.map_to_sequence(columns))[0])[0])
        return logits


def main() -> None:
    """Print what fastai says."""
    torch.manual_seed(0)
    json.dump(
        {
            "versions": {"fastai": fastai.__version__, "torch": torch.__version__},
            "networks": {name: network(name) for name in d.NETWORKS},
            "curves": curves(),
            "defaults": defaults(),
            "adam": adam(),
            "smoothed_loss": smoothed_loss(),
        },
        sys.stdout,
    )


def network(name: str) -> dict[str, Any]:
    """One network, described."""
    made = MAKERS[name]()
    images = d.images().expand(-1, 3, -1, -1)
    if name == "crnn-resnet34":
        return d.describe(made, lambda: made(images).transpose(0, 1).log_softmax(2), _part_of_recurrent)
    return d.describe(
        made,
        lambda: made(images).view(-1, d.POSITIONS, d.CLASSES),
        lambda tensor: ("body", "head")[int(tensor.partition(".")[0])],
    )


def _part_of_recurrent(tensor: str) -> str:
    return tensor.partition(".")[0]


def pooled() -> nn.Module:
    """The post's first network."""
    made: nn.Module = create_vision_model(xresnet34, d.POSITIONS * d.CLASSES, pretrained=False)
    return made


def flat() -> nn.Module:
    """The post's second network."""
    head = nn.Sequential(
        nn.Flatten(), nn.ReLU(), nn.Dropout(0.5), nn.Linear(7168, 1000), nn.ReLU(), nn.BatchNorm1d(1000),
        nn.Dropout(0.5), nn.Linear(1000, d.POSITIONS * d.CLASSES),
    )  # fmt: skip
    return nn.Sequential(create_body(xresnet34(), pretrained=False), head)


MAKERS: dict[str, Callable[[], nn.Module]] = {
    "xresnet34-pool": pooled,
    "xresnet34-flat": flat,
    "crnn-resnet34": Recurrent,
}


def curves() -> dict[str, list[float]]:
    """Learning rate and momentum of every step of a real `fit_one_cycle`, on a model of two numbers."""
    pairs = [(torch.zeros(1), torch.zeros(1))] * d.BATCHES
    loaders = DataLoaders(DataLoader(pairs, bs=1), DataLoader(pairs[:1], bs=1))
    learner = Learner(loaders, nn.Linear(1, 1), loss_func=nn.MSELoss())
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(d.EPOCHS, d.PEAK)
    steps = learner.recorder.hps
    return {"rate": [float(rate) for rate in steps["lr"]], "momentum": [float(mom) for mom in steps["mom"]]}


def defaults() -> dict[str, Any]:
    """What the post leaves to fastai."""
    learner, rotate, optimizer = (inspect.signature(it).parameters for it in (Learner, Rotate, Adam))
    loaders = DataLoaders.from_dsets([(0, 0)] * 3, [(0, 0)], bs=2)
    return {
        "rotation_probability": rotate["p"].default,
        "padding": rotate["pad_mode"].default,
        "weight_decay": optimizer["wd"].default,
        "beta2": optimizer["sqr_mom"].default,
        "eps": optimizer["eps"].default,
        "norms_and_biases_decay": learner["wd_bn_bias"].default,
        "label_smoothing": LabelSmoothingCrossEntropyFlat().func.eps,
        "drop_last": loaders.train.drop_last,
    }


def adam() -> list[float]:
    """Five numbers after some steps of a Learner's optimizer under one cycle's first steps."""
    numbers = nn.Parameter(torch.ones(5))
    optimizer = Adam([numbers], lr=d.PEAK)
    for step, gradient in enumerate(d.gradients()):
        optimizer.set_hyper("mom", 0.95 - 0.1 * step / d.OPTIMIZER_STEPS)
        numbers.grad = gradient
        optimizer.step()
    values: list[float] = numbers.tolist()
    return values


def smoothed_loss() -> float:
    """The post's loss of the first two networks."""
    return float(LabelSmoothingCrossEntropyFlat()(*d.logits_and_targets()))


if __name__ == "__main__":
    main()
