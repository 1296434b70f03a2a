"""The temperature of a style's model, where its validation images can tell one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_zoo.calibration import LEAST_RIGHT, LEAST_SHARE_RIGHT, fit_temperature
from model_zoo.errors import DataError
from model_zoo.split import LabelledFile
from model_zoo.style.reading import frames_of, pixels_of, read_frames
from model_zoo.style.tuned import Tuned
from model_zoo.told import count

# Fitted to 24 to 29 images, the temperature made the calibration of three in four models worse (expected
# calibration error on the test part 0.069 -> 0.144, say). With 100 or 150 images of drawn styles that generic
# read, it got better by 0.008 on average and worse by 0.004 at most. A person who calls `model-zoo calibrate`
# chose the images; here nobody did, so more is asked for.
LEAST_IMAGES = 100


@dataclass(frozen=True)
class Tempering:
    """Whether probabilities were calibrated.

    Attributes:
        temperature: of the model; None for 1.
        told: the same for people, with the reason: a phrase.
    """

    temperature: float | None
    told: str


def tempering(tuned: Tuned, validation: Sequence[LabelledFile]) -> Tempering:
    """The temperature fitted to the validation images, or why there is none.

    Without those whose label may be wrong: the loss of one wrong label is beyond all bounds, and makes the
    temperature that of an unsure network.

    Args:
        tuned: what was trained.
        validation: images that it was not trained on.
    """
    suspected = {suspect.file.sha256 for suspect in tuned.suspects}
    trusted = [file for file in validation if file.sha256 not in suspected]
    n = len(trusted)
    images = count(n, "validation image") + (" without a doubtful label" if n < len(validation) else "")
    if n < LEAST_IMAGES:
        return _none(f"{images} {'is' if n == 1 else 'are'} too few, expected at least {LEAST_IMAGES}")
    frames = frames_of(tuned, pixels_of(tuned, trusted))
    right = sum(it.text == it.file.label for it in read_frames(tuned, trusted, frames))
    if right < LEAST_RIGHT or right < LEAST_SHARE_RIGHT * n:
        least = f"at least {LEAST_RIGHT} and 1 in {1 / LEAST_SHARE_RIGHT:.0f}"
        return _none(f"{right:,} of {images} {'was' if right == 1 else 'were'} read right, expected {least}")
    if right == n:
        return _none(f"all {images} were read right, so that nothing tells how sure to be")
    try:
        found = round(fit_temperature(frames, [tuned.charset.encode(file.label) for file in trusted]), 4)
    except DataError:  # the labels are the more probable the farther it is from 1
        return _none(f"no temperature fits {images}")
    return Tempering(found, f"calibrated on {images} (temperature {found:.3g})")


def _none(reason: str) -> Tempering:
    return Tempering(None, f"not calibrated: {reason}")
