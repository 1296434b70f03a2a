"""Everything that decides how a training run goes; it is written into the card as it stands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from model_zoo.errors import DataError

PRECISIONS = ("float32", "bfloat16")
SCHEDULES = ("cosine", "one-cycle")
GENERATORS = ("kaptcha", "styles")
PADDINGS = ("border", "reflection")


@dataclass(frozen=True)
class Augmentation:
    """How far a training image may be bent and shaded; every value is the largest, drawn uniformly per image.

    Attributes:
        rotation_degrees: either way.
        scale: relative growth or shrinkage, of each axis on its own.
        shear: columns that a row shifts per row.
        shift_x: share of the width, either way.
        shift_y: share of the height, either way.
        elastic_pixels: of a smooth random field of displacements.
        ripple_pixels: of a sine along each axis, with random wavelength and phase.
        contrast: relative, either way.
        brightness: of grey values in 0..1, either way.
        noise: standard deviation of grey values in 0..1.
        rotation_probability: that an image is rotated, scaled, sheared and shifted at all.
        logit_brightness: below 1; added to the logit of grey values, see `augment`.
        logit_contrast: below 1; multiplies the logit of grey values.
        lighting_probability: that an image gets a new logit brightness; likewise a new logit contrast.
        strokes: probability that two more strokes are drawn over the image, see `strokes`.
        lines: probability that lines in the image's own greys are drawn over it, see `lines`.
        padding: what is beyond the edges, `border` (the last pixel repeated) or `reflection`.
    """

    rotation_degrees: float = 4.0
    scale: float = 0.1
    shear: float = 0.15
    shift_x: float = 0.04
    shift_y: float = 0.06
    elastic_pixels: float = 1.5
    ripple_pixels: float = 0.8
    contrast: float = 0.3
    brightness: float = 0.15
    noise: float = 0.05
    rotation_probability: float = 1.0
    logit_brightness: float = 0.0
    logit_contrast: float = 0.0
    lighting_probability: float = 1.0
    strokes: float = 0.0
    lines: float = 0.0
    padding: str = "border"


# Nothing is changed; recipes say what they add to it.
STILL = Augmentation(
    rotation_degrees=0.0, scale=0.0, shear=0.0, shift_x=0.0, shift_y=0.0, elastic_pixels=0.0,
    ripple_pixels=0.0, contrast=0.0, brightness=0.0, noise=0.0,
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """The settings of one run.

    Attributes:
        epochs: passes over the training images.
        synthetic: generated images mixed into each epoch, new ones each time.
        seed: of everything random.
        batch_size: images a step.
        learning_rate: the peak of the cycle.
        weight_decay: of AdamW, on matrices and filters alone.
        warm_up: share of the steps before the peak.
        averaging: decay of the running average of the weights, which is what is shipped; 0: none.
        clip: largest norm of a gradient; 0: any.
        augmentation: of training images.
        precision: of the network's arithmetic in training: `float32`, or `bfloat16` where autocast allows it.
        schedule: `cosine` or `one-cycle`, see `schedule`.
        beta2: of AdamW, the memory of squared gradients.
        eps: of AdamW, added to the root of squared gradients.
        drop_last: whether images that do not fill the last batch of an epoch are left out of it.
        label_smoothing: of the cross entropy of networks with one output per position.
        loss_per_character: whether the CTC loss of an image is divided by the length of its label.
        normalise: whether mean and deviation of the training images are taken out of every image.
        start: the model of the zoo that the weights come from; "" where they are drawn.
        generator: of the generated images: `kaptcha`, or `styles`, each in a style of its own.
    """

    epochs: int = 60
    synthetic: int = 0
    seed: int = 0
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up: float = 0.15
    averaging: float = 0.998
    clip: float = 5.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: str = "float32"
    schedule: str = "cosine"
    beta2: float = 0.999
    eps: float = 1e-8
    drop_last: bool = False
    label_smoothing: float = 0.1
    loss_per_character: bool = False
    normalise: bool = True
    start: str = ""
    generator: str = "kaptcha"

    def __post_init__(self) -> None:
        check_known("precision", self.precision, PRECISIONS)
        check_known("schedule", self.schedule, SCHEDULES)
        check_known("generator", self.generator, GENERATORS)
        check_known("padding", self.augmentation.padding, PADDINGS)


def check_known(what: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse what is not known, in one sentence with all that is.

    Args:
        what: it is, for the sentence.
        value: that was given.
        known: may be given.

    Raises:
        DataError: it is none of these.
    """
    if value not in known:
        raise DataError(f"{what} {value!r} is unknown; known are {', '.join(known)}")


# Images of one style differ little, so bending them little suits them; strokes are what hides a character.
_LIGHT = Augmentation(
    rotation_degrees=2.0, scale=0.05, shear=0.06, shift_x=0.03, shift_y=0.04, elastic_pixels=1.0,
    ripple_pixels=0.4, contrast=0.2, brightness=0.1, noise=0.03, strokes=0.5,
)  # fmt: skip

# The images come bent, shaded and struck through.
_GENERIC = replace(STILL, contrast=0.1, brightness=0.05, shift_x=0.02, shift_y=0.03, scale=0.04)

# By name, for `--recipe`. `post`: "Captcha prediction - From CNN to CRNN" (2022), which trains with fastai's
# defaults (fit_one_cycle, Adam, Rotate, Brightness, Contrast; seen in its source), so they are its values.
RECIPES = {
    "standard": Recipe(),
    # No real image at all; then, from there, real images alone.
    "kaptcha-zero": Recipe(epochs=6, synthetic=20_000, augmentation=_LIGHT, precision="bfloat16"),
    "kaptcha": Recipe(epochs=20, learning_rate=1e-3, augmentation=_LIGHT, precision="bfloat16"),
    # The backbone that other styles start from.
    "generic": Recipe(
        epochs=46,
        synthetic=40_000,
        batch_size=64,
        learning_rate=2e-3,
        warm_up=0.05,
        averaging=0.9995,
        augmentation=_GENERIC,
        precision="bfloat16",
        generator="styles",
    ),
    "post": Recipe(
        batch_size=8,
        weight_decay=0.01,
        warm_up=0.25,
        averaging=0.0,
        clip=0.0,
        augmentation=replace(
            STILL,
            rotation_degrees=10.0,
            rotation_probability=0.5,
            logit_brightness=0.5,
            logit_contrast=0.5,
            lighting_probability=0.8,
            padding="reflection",
        ),
        schedule="one-cycle",
        beta2=0.99,
        eps=1e-5,
        drop_last=True,
        loss_per_character=True,
        normalise=False,
    ),
}


def recipe_named(name: str, **changes: Any) -> Recipe:
    """The recipe of that name, with some of its settings changed.

    Raises:
        DataError: an unknown recipe, precision or schedule.
    """
    check_known("recipe", name, tuple(RECIPES))
    return replace(RECIPES[name], **changes)
