"""A sheet of training images as a network sees them, with their labels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from model_zoo.atomic import write_whole
from model_zoo.generators.kaptcha import FONT_FILE
from model_zoo.training.augment import augment
from model_zoo.training.fit import Fit, seed_epoch

TEXT_PIXELS, MARGIN_PIXELS = 16, 8


def draw_sheet(images: torch.Tensor, labels: Sequence[str], columns: int) -> Image.Image:
    """A sheet with a label above each image.

    Args:
        images: (N, 1, H, W), grey in 0..1.
        labels: N texts.
        columns: images side by side.
    """
    n, _, H, W = images.shape
    cell_width, cell_height = W + MARGIN_PIXELS, H + TEXT_PIXELS + MARGIN_PIXELS + 4
    rows = -(-n // columns)
    size = (columns * cell_width + MARGIN_PIXELS, rows * cell_height + MARGIN_PIXELS)
    sheet = Image.new("L", size, 255)
    draw, font = ImageDraw.Draw(sheet), ImageFont.truetype(str(FONT_FILE), TEXT_PIXELS)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        x = MARGIN_PIXELS + number % columns * cell_width
        y = MARGIN_PIXELS + number // columns * cell_height
        draw.text((x, y + TEXT_PIXELS), label, font=font, fill=0, anchor="ls")
        pixels = (image[0] * 255).round().byte().cpu().numpy()
        sheet.paste(Image.fromarray(pixels), (x, y + TEXT_PIXELS + 4))
    return sheet


def write_sheet(fit: Fit, count: int, columns: int, out: Path) -> int:
    """The first images of the first epoch, augmented as in training, as a PNG.

    Returns:
        How many there are: `count`, or all there are.

    Raises:
        DataError: the file cannot be written.
    """
    images, source = fit.images(0), seed_epoch(fit.recipe.seed, 0)
    chosen = torch.randperm(len(images), generator=source)[:count]
    bent = augment(images.pixels[chosen].float() / 255, fit.recipe.augmentation, source)
    content = io.BytesIO()
    labels = [images.labels[index] for index in chosen.tolist()]
    draw_sheet(bent, labels, columns).save(content, format="PNG")
    write_whole(out, content.getvalue())
    return len(chosen)
