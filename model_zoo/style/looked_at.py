"""The images of one style as the training takes them, and what is found out by looking at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from model_zoo.charset import Charset
from model_zoo.generators.labels import random_source
from model_zoo.generators.styles.render import render
from model_zoo.generators.styles.style import ALL, draw_style
from model_zoo.preprocess import read_image, resize_grey, to_batch
from model_zoo.split import LabelledFile
from model_zoo.style.backbone import CASES, Case, drawn_as, style_network
from model_zoo.style.problems import LONGEST
from model_zoo.training.data import LabelledImages, Normalisation
from model_zoo.training.losses import ctc_losses
from model_zoo.training.metrics import log_probs
from model_zoo.training.start import Start

__all__ = [
    "BANK",
    "COLUMNS_PER_CHARACTER",
    "COLUMNS_PER_FRAME",
    "LONGEST",
    "WIDEST",
    "Inputs",
    "best_case",
    "draw_bank",
    "input_width",
    "read_inputs",
]

COLUMNS_PER_FRAME = 8  # of every architecture with CTC here
COLUMNS_PER_CHARACTER = 24  # three frames: one for the character, two to tell it from its neighbours
WIDEST = COLUMNS_PER_CHARACTER * LONGEST  # pixels of an input
BANK = 2_000  # generated images that an epoch's are drawn from
_LOOKS = 256  # images that tell which case the letters are in


@dataclass(frozen=True)
class Inputs:
    """Images at the size that the network takes.

    Attributes:
        training_files: in the order of `training`.
        training: pixels and labels.
        validation_files: in the order of `validation`.
        validation: None without any.
        charset: to be read.
        height: of the input, in pixels.
        width: of the input, in pixels.
        length: the fewest and the most characters of the labels.
        aspect: the median width / height of the images themselves.
    """

    training_files: tuple[LabelledFile, ...]
    training: LabelledImages
    validation_files: tuple[LabelledFile, ...]
    validation: LabelledImages | None
    charset: Charset
    height: int
    width: int
    length: tuple[int, int]
    aspect: float

    @property
    def files(self) -> tuple[LabelledFile, ...]:
        """All of them."""
        return self.training_files + self.validation_files

    @property
    def time_steps(self) -> int:
        """T of the network."""
        return -(-self.width // COLUMNS_PER_FRAME)


def read_inputs(
    training: Sequence[LabelledFile], validation: Sequence[LabelledFile], charset: str | None, start: Start
) -> Inputs:
    """Read all images and bring them to one size.

    Raises:
        UnreadableImage: an image that cannot be read.
    """
    labels = [file.label for file in (*training, *validation)]
    lengths = [len(label) for label in labels]
    height, width = start.card.height, input_width(max(lengths), start.card.width)
    images, aspects = [], []
    for file in (*training, *validation):
        image = read_image(file.path)
        aspects.append(image.shape[1] / image.shape[0])
        images.append(resize_grey(image, height, width))  # at once: thousands at full size are gigabytes
    pixels = to_batch(images)
    n = len(training)
    return Inputs(
        training_files=tuple(training),
        training=LabelledImages(pixels[:n], tuple(labels[:n])),
        validation_files=tuple(validation),
        validation=LabelledImages(pixels[n:], tuple(labels[n:])) if validation else None,
        charset=Charset(charset or "".join(sorted({char for label in labels for char in label}))),
        height=height,
        width=width,
        length=(min(lengths), max(lengths)),
        aspect=median(aspects),
    )


def input_width(longest: int, usual: int) -> int:
    """The width of the input for labels of at most `longest` characters: the usual one where it is enough."""
    return min(WIDEST, max(usual, COLUMNS_PER_CHARACTER * longest))


def best_case(inputs: Inputs, start: Start, normalise: Normalisation) -> Case:
    """Which case the images show, where the labels have letters of one case alone.

    The labels of many data sets are lower-cased by whoever typed them. The start tells: of the three heads
    that the labels allow, the one under which the training labels are most probable.
    """
    letters = {char for char in inputs.charset.chars if char.swapcase() != char}
    if not letters or any(char.swapcase() in letters for char in letters):
        return "labelled"
    some = slice(0, _LOOKS)
    labels = inputs.training.labels[some]
    losses: dict[Case, float] = {}
    for case in CASES:
        network = style_network(start, inputs.charset, inputs.height, inputs.width, case)
        found = log_probs(network, inputs.training.pixels[some], normalise)
        # The median: single images that the start does not read at all must not decide.
        losses[case] = ctc_losses(found, labels, inputs.charset).median().item()
    return min(CASES, key=losses.__getitem__)


def draw_bank(inputs: Inputs, case: Case, seed: int) -> LabelledImages | None:
    """Generated images with the style's characters, lengths and shape; None where no font has a character.

    They keep alive what the start knows of text, which a few hundred images of one style would overwrite.
    """
    chars = "".join(char for char in inputs.charset.chars if char in ALL)
    if not chars:
        return None
    images, labels = [], []
    for number in range(BANK):
        source = random_source("training", seed, number)
        label = "".join(source.choice(chars) for _ in range(source.randint(*inputs.length)))
        shown = drawn_as(label, case, [source.random() < 0.5 for _ in label])
        style = draw_style(source, charset=_both(chars, case), length=inputs.length, aspect=inputs.aspect)
        images.append(resize_grey(render(shown, style, source), inputs.height, inputs.width))
        labels.append(label)
    return LabelledImages(to_batch(images), tuple(labels))


def _both(chars: str, case: Case) -> str:
    return chars if case == "labelled" else "".join(sorted({*chars, *chars.swapcase()}))
