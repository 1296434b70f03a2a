"""Several models, or one that looks several times, as one network.

Its probabilities are the mean of the members' probabilities, frame by frame, as of a mixture of models
(Lakshminarayanan, Pritzel and Blundell 2017, Simple and scalable predictive uncertainty estimation using deep
ensembles, NeurIPS, section 2.4). Frames are averaged, so a character that two members place a frame apart is
shared between the two frames: members must cut the image alike, and views may only shift it by a few pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.functional import affine_grid, grid_sample

from model_zoo.cards import ModelCard
from model_zoo.errors import CardError
from model_zoo.frames import temper

View = tuple[float, float, float]

STRAIGHT: View = (0.0, 0.0, 1.0)


class Ensemble(nn.Module):
    """The mean of several networks over several views of the same images.

    Args:
        networks: the members' networks.
        cards: of the members, for their normalisation and temperature.
        views: (dx, dy, scale) each: pixels right and down, and a magnification about the centre.
    """

    def __init__(
        self, networks: Sequence[nn.Module], cards: Sequence[ModelCard], views: Sequence[View] = (STRAIGHT,)
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self._cards = tuple(cards)
        self._views = tuple(views)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Ask every member about every view.

        Args:
            images: (N, 1, H, W), grey values 0 to 1.

        Returns:
            float32 log-probabilities (N, T, C).
        """
        asked = [
            temper(network((seen - card.mean) / card.std).float(), card.temperature)
            for seen in (_view(images, view) for view in self._views)
            for network, card in zip(self.networks, self._cards, strict=True)
        ]
        return torch.stack(asked).logsumexp(0) - math.log(len(asked))


def parse_views(options: Mapping[str, Any]) -> tuple[View, ...]:
    """The views among the options of an ensemble's card; the straight one alone where there are none.

    Raises:
        CardError: another option, or a view that is not three numbers.
    """
    given = options.get("views", [list(STRAIGHT)])
    if set(options) - {"views"} or not isinstance(given, list) or not given:
        raise CardError(f"architecture 'ensemble' does not take the options {dict(options)}; it takes views")
    return tuple(_parsed(view) for view in given)


def _parsed(view: object) -> View:
    numbers = view if isinstance(view, list) and len(view) == 3 else []
    if numbers and all(type(it) in (int, float) and math.isfinite(it) for it in numbers) and numbers[2] > 0:
        return float(numbers[0]), float(numbers[1]), float(numbers[2])
    raise CardError(
        f"architecture 'ensemble' does not take the view {view!r}; give [dx, dy, scale], e.g. [1, 0, 1.0]"
    )


def _view(images: torch.Tensor, view: View) -> torch.Tensor:
    """The images moved and magnified, bilinear; what comes in at the rim repeats the border."""
    if view == STRAIGHT:
        return images
    dx, dy, scale = view
    N, _, H, W = images.shape
    # From places of the output to places of the input, both -1 to 1 from rim to rim.
    back = images.new_tensor([[1 / scale, 0, -2 * dx / (W * scale)], [0, 1 / scale, -2 * dy / (H * scale)]])
    grid = affine_grid(back.float().expand(N, 2, 3), [N, 1, H, W], align_corners=False)
    return grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
