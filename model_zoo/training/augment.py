"""Bend and shade training images, a batch at a time."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from model_zoo.training.recipe import Augmentation

# Knots of the elastic field; few enough that a character moves as a whole.
_KNOTS = (4, 12)


def augment(images: torch.Tensor, setting: Augmentation, source: torch.Generator) -> torch.Tensor:
    """A differently bent and shaded version of every image.

    Args:
        images: (N, 1, H, W), grey in 0..1.
        setting: how far.
        source: of the randomness.

    Returns:
        (N, 1, H, W), clipped to 0..1.
    """
    grid = _affine_grid(images, setting, source) + _elastic_field(images, setting, source)
    grid = grid + _ripple_field(images, setting, source)
    bent = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return _shade(bent, setting, source)


def _spread(n: int, largest: float, source: torch.Generator) -> torch.Tensor:
    """(N,) uniform in -largest..largest."""
    return (torch.rand(n, generator=source) * 2 - 1) * largest


def _affine_grid(images: torch.Tensor, setting: Augmentation, source: torch.Generator) -> torch.Tensor:
    """(N, H, W, 2): where each pixel comes from, in -1..1."""
    n, _, H, W = images.shape
    angle = _spread(n, math.radians(setting.rotation_degrees), source)
    scale_x, scale_y = 1 + _spread(n, setting.scale, source), 1 + _spread(n, setting.scale, source)
    shear = _spread(n, setting.shear, source)
    theta = torch.zeros(n, 2, 3)
    # Rotation and shear are angles of pixels, the grid is in units of half the image: hence H / W.
    theta[:, 0, 0] = torch.cos(angle) * scale_x
    theta[:, 0, 1] = (torch.sin(angle) + shear) * H / W
    theta[:, 1, 0] = -torch.sin(angle) * W / H
    theta[:, 1, 1] = torch.cos(angle) * scale_y
    theta[:, 0, 2] = _spread(n, 2 * setting.shift_x, source)
    theta[:, 1, 2] = _spread(n, 2 * setting.shift_y, source)
    return F.affine_grid(theta, list(images.shape), align_corners=False)


def _elastic_field(images: torch.Tensor, setting: Augmentation, source: torch.Generator) -> torch.Tensor:
    """(N, H, W, 2): a smooth random displacement, in units of half the image."""
    n, _, H, W = images.shape
    knots = (torch.rand((n, 2, *_KNOTS), generator=source) * 2 - 1) * setting.elastic_pixels
    field = F.interpolate(knots, (H, W), mode="bicubic", align_corners=True)
    return field.permute(0, 2, 3, 1) * torch.tensor([2 / W, 2 / H])


def _ripple_field(images: torch.Tensor, setting: Augmentation, source: torch.Generator) -> torch.Tensor:
    """(N, H, W, 2): a sine of the row along x and of the column along y, in units of half the image."""
    n, _, H, W = images.shape
    rows, columns = torch.arange(H).view(1, H, 1), torch.arange(W).view(1, 1, W)
    along_x, along_y = (
        _spread(n, setting.ripple_pixels, source).view(n, 1, 1)
        * torch.sin(
            axis / (3 + 12 * torch.rand((n, 1, 1), generator=source))
            + 2 * math.pi * torch.rand((n, 1, 1), generator=source)
        )
        for axis in (rows, columns)
    )
    return torch.stack((along_x.expand(n, H, W) * 2 / W, along_y.expand(n, H, W) * 2 / H), dim=-1)


def _shade(images: torch.Tensor, setting: Augmentation, source: torch.Generator) -> torch.Tensor:
    n = len(images)
    contrast = 1 + _spread(n, setting.contrast, source).view(n, 1, 1, 1)
    brightness = _spread(n, setting.brightness, source).view(n, 1, 1, 1)
    strength = setting.noise * torch.rand((n, 1, 1, 1), generator=source)
    noise = torch.randn(images.shape, generator=source) * strength
    return ((images - 0.5) * contrast + 0.5 + brightness + noise).clamp(0, 1)
