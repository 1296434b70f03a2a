"""Bend and shade training images, a batch at a time, on the device they are on."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch.nn import functional as F

from model_zoo.training.lines import draw_lines
from model_zoo.training.recipe import Augmentation
from model_zoo.training.strokes import draw_strokes

# Knots of the elastic field; few enough that a character moves as a whole.
_KNOTS = (4, 12)


def augment(images: torch.Tensor, setting: Augmentation, source: torch.Generator) -> torch.Tensor:
    """A differently bent and shaded version of every image.

    A part of the setting that is 0 costs nothing and draws nothing.

    Args:
        images: (N, 1, H, W), grey in 0..1.
        setting: how far.
        source: of the randomness, on the device of the images.

    Returns:
        (N, 1, H, W), clipped to 0..1.
    """
    if setting.strokes:
        images = draw_strokes(images, setting.strokes, source)
    if setting.lines:
        images = draw_lines(images, setting.lines, source)
    grid = _affine_grid(images, setting, source)
    if setting.elastic_pixels:
        grid += _elastic_field(images, setting, source)
    if setting.ripple_pixels:
        _add_ripple(grid, setting, source)
    bent = F.grid_sample(images, grid, mode="bilinear", padding_mode=setting.padding, align_corners=False)
    if setting.logit_brightness or setting.logit_contrast:
        bent = _light(bent, setting, source)
    return _shade(bent, setting, source)


def _spread(n: int, largest: float, source: torch.Generator) -> torch.Tensor:
    """(N,) uniform in -largest..largest."""
    return (torch.rand(n, generator=source, device=source.device) * 2 - 1) * largest


def _sometimes(values: torch.Tensor, probability: float, source: torch.Generator) -> torch.Tensor:
    """(N,): each value with that probability, else 0."""
    if probability >= 1:
        return values
    return values * (torch.rand(len(values), generator=source, device=source.device) < probability)


def _affine_grid(images: torch.Tensor, setting: Augmentation, source: torch.Generator) -> torch.Tensor:
    """(N, H, W, 2): where each pixel comes from, in -1..1."""
    n, _, H, W = images.shape
    angle = _spread(n, math.radians(setting.rotation_degrees), source)
    scale_x, scale_y = 1 + _spread(n, setting.scale, source), 1 + _spread(n, setting.scale, source)
    shear = _spread(n, setting.shear, source)
    theta = torch.zeros(n, 2, 3, device=images.device)
    # Rotation and shear are angles of pixels, the grid is in units of half the image: hence H / W.
    theta[:, 0, 0] = torch.cos(angle) * scale_x
    theta[:, 0, 1] = (torch.sin(angle) + shear) * H / W
    theta[:, 1, 0] = -torch.sin(angle) * W / H
    theta[:, 1, 1] = torch.cos(angle) * scale_y
    theta[:, 0, 2] = _spread(n, 2 * setting.shift_x, source)
    theta[:, 1, 2] = _spread(n, 2 * setting.shift_y, source)
    if setting.rotation_probability < 1:
        drawn = torch.rand(n, generator=source, device=source.device) < setting.rotation_probability
        theta[~drawn] = torch.eye(2, 3, device=images.device)
    return F.affine_grid(theta, list(images.shape), align_corners=False)


def _elastic_field(images: torch.Tensor, setting: Augmentation, source: torch.Generator) -> torch.Tensor:
    """(N, H, W, 2): a smooth random displacement, in units of half the image."""
    n, _, H, W = images.shape
    knots = torch.rand((n, 2, *_KNOTS), generator=source, device=source.device) * 2 - 1
    knots = knots * setting.elastic_pixels * torch.tensor([2 / W, 2 / H], device=images.device).view(2, 1, 1)
    down, across = _bicubic(_KNOTS[0], H).to(images.device), _bicubic(_KNOTS[1], W).to(images.device)
    return (down @ knots @ across.T).permute(0, 2, 3, 1)


@lru_cache(maxsize=8)
def _bicubic(knots: int, pixels: int) -> torch.Tensor:
    """(pixels, knots): bicubic interpolation from edge to edge along one axis.

    Two products of matrices take 0.01 ms an image on a CPU core, `F.interpolate` 0.29 ms.
    """
    unit = torch.eye(knots).view(knots, 1, knots, 1)
    return F.interpolate(unit, (pixels, 1), mode="bicubic", align_corners=True).view(knots, pixels).T


def _add_ripple(grid: torch.Tensor, setting: Augmentation, source: torch.Generator) -> None:
    """Move grid (N, H, W, 2) by a sine of the row along x and one of the column along y."""
    n, H, W, _ = grid.shape
    device = grid.device
    rows, columns = torch.arange(H, device=device), torch.arange(W, device=device)
    along_x, along_y = (
        _spread(n, setting.ripple_pixels, source).view(n, 1)
        * torch.sin(
            axis / (3 + 12 * torch.rand((n, 1), generator=source, device=device))
            + 2 * math.pi * torch.rand((n, 1), generator=source, device=device)
        )
        for axis in (rows, columns)
    )
    # In units of half the image.
    grid[..., 0] += along_x.view(n, H, 1) * (2 / W)
    grid[..., 1] += along_y.view(n, 1, W) * (2 / H)


def _light(images: torch.Tensor, setting: Augmentation, source: torch.Generator) -> torch.Tensor:
    """Brightness and contrast as fastai has them: logit(x) plus logit(b), times c.

    b is uniform in 0.5 (1 - brightness) to 0.5 (1 + brightness), log c in log(1 - contrast) either way.
    """
    n = len(images)
    shift = (0.5 + _spread(n, setting.logit_brightness / 2, source)).logit()
    shift = _sometimes(shift, setting.lighting_probability, source).view(n, 1, 1, 1)
    log_factor = _spread(n, -math.log(1 - setting.logit_contrast), source)
    factor = _sometimes(log_factor, setting.lighting_probability, source).exp().view(n, 1, 1, 1)
    return ((images.logit(1e-7) + shift) * factor).sigmoid()


def _shade(images: torch.Tensor, setting: Augmentation, source: torch.Generator) -> torch.Tensor:
    n = len(images)
    if setting.contrast or setting.brightness:
        contrast = 1 + _spread(n, setting.contrast, source).view(n, 1, 1, 1)
        brightness = _spread(n, setting.brightness, source).view(n, 1, 1, 1)
        images = (images - 0.5) * contrast + 0.5 + brightness
    if setting.noise:
        strength = setting.noise * torch.rand((n, 1, 1, 1), generator=source, device=images.device)
        images = images + torch.randn(images.shape, generator=source, device=images.device) * strength
    return images.clamp(0, 1)
