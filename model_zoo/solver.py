"""Images in, texts out: the one object that a user of the zoo needs.

Importing this module loads no weights; `load_solver` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from model_zoo.cards import ModelCard, find_card
from model_zoo.charset import Charset
from model_zoo.constraints import Constraints
from model_zoo.decode import NO_CONSTRAINTS, Candidate, Decoded, decode
from model_zoo.errors import CardError, DeviceError
from model_zoo.exact.tables import tabulate
from model_zoo.frames import temper
from model_zoo.images.batch import read_batch
from model_zoo.language import compile_language
from model_zoo.networks import load_network
from model_zoo.pipeline import Work, overlapped
from model_zoo.preprocess import DEFAULT_LIMITS, ImageLimits, ImageSource
from model_zoo.runtimes import make_runtime
from model_zoo.seen import TrainingImages, training_images

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class ImageError:
    """Why an image has no text: a code of `UnreadableImage` and one sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Prediction:
    """What the model says of one image.

    Attributes:
        text: the best reading; None if the image could not be read.
        probability: of that text among all allowed strings; None likewise.
        n_best: the best readings, the first one included, best first.
        error: why there is no text; None if there is one.
        proven: no allowed text is more probable (the exact decoder proves it); None without a text.
        allowed_mass: what the model gives all allowed texts together; None without a text.
        probability_high: where a lexicon leaves the probability an interval, its upper end; else None.
    """

    text: str | None
    probability: float | None
    n_best: tuple[Candidate, ...] = ()
    error: ImageError | None = None
    proven: bool | None = None
    allowed_mass: float | None = None
    probability_high: float | None = None


class Solver:
    """A model on a device.

    Args:
        card: of the model.
        network: takes (N, 1, H, W), gives log-probabilities (N, T, C).
        device: where it runs.
        precision: `auto` is float32, so that a probability is the same on every device; on CUDA without TF32.
        training_images: what the model was fitted to; None where nobody knows.
        runtime: what runs the network, as `make_runtime` takes it; here torch, which needs no preparation.

    Raises:
        DeviceError: a precision or a runtime that is unknown, or a runtime that cannot run this.
    """

    def __init__(
        self,
        card: ModelCard,
        network: nn.Module,
        device: torch.device,
        precision: str = "auto",
        training_images: TrainingImages | None = None,
        runtime: str = "torch",
    ) -> None:
        if precision not in PRECISIONS:
            raise DeviceError(f"precision {precision!r} is unknown; give one of {', '.join(PRECISIONS)}")
        if precision == "auto":
            precision = "float32"
        if precision == "float32" and device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # its 10 bits would move a probability by 1e-3
        self.card = card
        self.charset = Charset(card.charset)
        self.device = device
        self.precision = precision
        self.training_images = training_images
        # Before and behind a GPU's one owner the cores read images and decode (`model_zoo.pipeline`).
        self.overlaps = device.type == "cuda"
        self._threads = torch.get_num_threads() if self.overlaps else 1
        # Channels last: 1.4 times the images a second on a CPU core, measured with crnn-small.
        self.network = network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.runtime = make_runtime(runtime, card, self.network, device, precision)

    def solve(
        self,
        images: Sequence[ImageSource],
        constraints: Constraints | None = None,
        *,
        decoder: str | None = None,
        beam_width: int | None = None,
        n_best: int = 1,
        micro_batch: int | None = None,
        limits: ImageLimits = DEFAULT_LIMITS,
    ) -> list[Prediction]:
        """Read images: preprocess, forward, decode.

        Args:
            images: each the bytes of a file, its path, a Pillow image, or pixels, as `read_image` takes them.
            constraints: which texts are allowed, and whether case is ignored; None for what the model's card
                says.
            decoder: one of `decode.METHODS`; None for `exact`.
            beam_width: of `beam`; None for the card's.
            n_best: readings wanted for each image.
            micro_batch: images of one forward pass; None for the device's.
            limits: larger images are answered as errors, undecoded.

        Returns:
            One prediction per image, in order; an image that cannot be read has `error` set.

        Raises:
            ConstraintError: constraints that allow nothing the model could answer.
        """
        if constraints is None:
            constraints = NO_CONSTRAINTS if self.card.constraints is None else self.card.constraints.parse()
        # Compiled here, before several threads would do it at once.
        language = compile_language(constraints, self.charset.chars, self.card.time_steps)
        tabulate(language, language.charset)
        decode_batch = partial(
            decode,
            charset=self.charset,
            constraints=constraints,
            method=decoder or "exact",
            beam_width=beam_width or self.card.beam_width,
            n_best=n_best,
        )

        def read(part: Sequence[ImageSource]) -> tuple[torch.Tensor, list[ImageError | None]]:
            return self.preprocess(part, limits)

        def answer(log_probs: torch.Tensor, errors: Sequence[ImageError | None]) -> list[Prediction]:
            return list(_in_order(errors, decode_batch(log_probs), constraints.lexicon is not None))

        def solve_part(part: Sequence[ImageSource]) -> list[Prediction]:
            readable, errors = read(part)
            return answer(self.log_probs(readable), errors)

        size = micro_batch or self.micro_batch
        if self.overlaps:
            return overlapped(
                images, size, self._threads, Work(read, self.log_probs, answer, self.device.type == "cuda")
            )
        parts = _chunks(images, size)
        if self._threads == 1:
            return [prediction for part in parts for prediction in solve_part(part)]
        with ThreadPoolExecutor(self._threads) as pool:
            return [prediction for solved in pool.map(solve_part, parts) for prediction in solved]

    def use_threads(self, count: int) -> None:
        """Read so many micro-batches at once, each on one core; for a process that does nothing else.

        On a CPU this replaces torch's own threads, for the whole process: they meet at a barrier after every
        layer, which for a small network costs more than it brings, and where another process wants the same
        cores it costs nearly everything (on two shared cores 18 images/s instead of 245, with `--length 5`).
        A GPU has one owner: there it is the number of threads that read images for it.
        """
        if self.device.type == "cpu":
            torch.set_num_threads(1)
        self._threads = count

    @property
    def micro_batch(self) -> int:
        """Images of one forward pass, where nobody says otherwise."""
        return self.runtime.micro_batch

    def preprocess(
        self, images: Sequence[ImageSource], limits: ImageLimits = DEFAULT_LIMITS
    ) -> tuple[torch.Tensor, list[ImageError | None]]:
        """Read and resize images.

        Returns:
            uint8 (N, 1, H, W) of the images that could be read, and for every image its error or None.
        """
        batch, errors = read_batch(images, limits, self.card.height, self.card.width)
        told = [None if error is None else ImageError(error.code, str(error)) for error in errors]
        return torch.from_numpy(batch), told

    def log_probs(self, batch: torch.Tensor) -> torch.Tensor:
        """The forward pass.

        Args:
            batch: uint8 (N, 1, H, W), grey; on any device.

        Returns:
            float32 (N, T, C) on the solver's device, at the card's temperature.

        Raises:
            CardError: the network gives other frames than its card says.
        """
        return temper(self.raw_log_probs(batch), self.card.temperature)

    def raw_log_probs(self, batch: torch.Tensor) -> torch.Tensor:
        """`log_probs` at temperature 1, to which a temperature is fitted."""
        if not len(batch):
            return torch.empty((0, self.card.time_steps, self.charset.n_classes), device=self.device)
        output = self.runtime.log_probs(batch)
        frames, expected = tuple(output.shape[1:]), (self.card.time_steps, self.charset.n_classes)
        if frames != expected:
            raise CardError(
                f"model {self.card.name!r} gives {frames[0]} frames of {frames[1]} classes, its card says "
                f"{expected[0]} of {expected[1]}; mend the card, or train anew"
            )
        return output


def load_solver(
    name_or_path: str | Path, device: str = "auto", precision: str = "auto", runtime: str = "auto"
) -> Solver:
    """The model of that name, ready to read.

    Args:
        name_or_path: a name of the zoo, NAME@FINGERPRINT, a card file, or a folder with one card.
        device: `auto` (the first CUDA device, else the CPU), `cpu`, `cuda`, `cuda:1`, ...
        precision: `auto`, `float32` or `bfloat16`.
        runtime: what runs the network, as `make_runtime` takes it.

    Raises:
        ModelNotFound: no such model, or not every member of an ensemble.
        CardError: a card that this version cannot read or build.
        WeightsMismatch: the weights are not those that the card names.
        DeviceError: a device that is not there, or a runtime that cannot run this model on it.
    """
    card, directory = find_card(name_or_path)
    network = load_network(card, directory)
    return Solver(card, network, find_device(device), precision, training_images(card, directory), runtime)


def find_device(name: str) -> torch.device:
    """The device called `name`.

    Raises:
        DeviceError: it is not there; the message lists those that are.
    """
    there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if name == "auto":
        return torch.device(there[1] if len(there) > 1 else "cpu")
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in there:
        raise DeviceError(f"device {name!r} is not there; available: {', '.join(there)}")
    return torch.device(wanted)


def _chunks(images: Sequence[ImageSource], size: int) -> Iterator[Sequence[ImageSource]]:
    for start in range(0, len(images), size):
        yield images[start : start + size]


def _in_order(
    errors: Sequence[ImageError | None], decoded: Decoded, has_interval: bool
) -> Iterator[Prediction]:
    """Predictions of the readable images put back between the errors of the others."""
    following = iter(decoded)
    for error in errors:
        if error is not None:
            yield Prediction(None, None, (), error)
            continue
        item = next(following)
        high = item.probability_high if has_interval else None
        yield Prediction(
            item.text, item.probability, item.candidates, None, item.proven, item.allowed_mass, high
        )
