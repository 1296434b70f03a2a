"""What one epoch of a style's training goes over: its own images, and generated ones."""

from __future__ import annotations

from collections.abc import Collection

import torch

from model_zoo.style.looked_at import Inputs
from model_zoo.training.data import LabelledImages

# Fewer images are gone over several times in an epoch, of more it takes a part, drawn anew: after an epoch
# the validation images are read and the clock is looked at.
LEAST_IMAGES, MOST_IMAGES = 384, 4_096

# Generated images in the style's alphabet and lengths keep what the backbone knows, which a few images would
# overwrite: half of an epoch where there are up to so many images, the smaller a share the more there are.
AS_MANY_GENERATED = 40


class Epochs:
    """The images of each epoch of a round; the same for the same seed.

    Args:
        inputs: the style's images.
        bank: generated ones, or None.
        left_out: sha256 of the images that are not trained on; were none left, all are trained on.
        seed: of the choice.

    Attributes:
        generated: how many images of an epoch are.
    """

    def __init__(
        self, inputs: Inputs, bank: LabelledImages | None, left_out: Collection[str], seed: int
    ) -> None:
        self._images, self._bank, self._seed = inputs.training, bank, seed
        self._files = files = inputs.training_files
        self.leave_out(left_out)
        self._own = min(MOST_IMAGES, len(files) * -(-LEAST_IMAGES // len(files)))
        share = min(1.0, AS_MANY_GENERATED / len(files))
        self.generated = 0 if bank is None else round(share * self._own)

    def leave_out(self, left_out: Collection[str]) -> None:
        """Other images are left out from now on; an epoch has as many as before."""
        kept = [n for n, file in enumerate(self._files) if file.sha256 not in left_out]
        self._kept = kept or list(range(len(self._files)))

    def __len__(self) -> int:
        """Images of an epoch."""
        return self._own + self.generated

    def __call__(self, epoch: int) -> LabelledImages:
        """The images of an epoch (0, 1, ...), in no particular order."""
        source = torch.Generator().manual_seed(self._seed * 10_007 + epoch)
        n = len(self._kept)
        own = list(range(n)) * (self._own // n)
        if len(own) < self._own:  # a part of many, or the rest where images were left out meanwhile
            own += torch.randperm(n, generator=source)[: self._own - len(own)].tolist()
        images = _some(self._images, [self._kept[place] for place in own])
        if self._bank is None:
            return images
        drawn = torch.randint(len(self._bank), (self.generated,), generator=source).tolist()
        return images + _some(self._bank, drawn)


def _some(images: LabelledImages, numbers: list[int]) -> LabelledImages:
    return LabelledImages(images.pixels[numbers], tuple(images.labels[n] for n in numbers))
