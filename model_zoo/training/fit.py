"""The optimisation alone: images in memory in, a trained network out. No folders, no cards."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from model_zoo.charset import Charset
from model_zoo.errors import DataError
from model_zoo.training.augment import augment
from model_zoo.training.checkpoint import TrainingState
from model_zoo.training.data import LabelledImages, Normalisation
from model_zoo.training.log import EpochLog
from model_zoo.training.losses import has_positions, image_losses
from model_zoo.training.metrics import measure
from model_zoo.training.recipe import Recipe
from model_zoo.training.schedule import rates

# The images of an epoch (0, 1, ...): another draw each time, but always the same number.
EpochImages = Callable[[int], LabelledImages]


class Fit:
    """One run of the optimiser, an epoch at a time.

    Args:
        network: takes (N, 1, H, W), gives log-probabilities (N, T, C); trained in place. One that also has
            `positions` gives (N, L, C) logits there and is trained by cross entropy instead of CTC.
        training: images that every epoch goes over; None: there is nothing but `per_epoch`.
        validation: measured after every epoch; None: nothing is measured.
        charset: of the network's classes.
        normalise: what the network expects.
        recipe: of the run.
        device: where it runs.
        per_epoch: gives what an epoch goes over beside `training`, as generated images, or a choice of the
            labelled ones with generated ones among them; None: nothing. Its `close`, if it has one, is called
            by `close`.
        start: weights to begin with, as of `state_dict`; None: the network's own.
        compiled: whether the network's forward and backward pass go through `torch.compile`.
        beam: whether the validation images are also read by a beam search, which takes longer than training.

    Raises:
        DataError: no image at all, or fewer than a batch where the recipe leaves out what does not fill one.
    """

    def __init__(
        self,
        network: nn.Module,
        training: LabelledImages | None,
        validation: LabelledImages | None,
        *,
        charset: Charset,
        normalise: Normalisation,
        recipe: Recipe,
        device: torch.device | str = "cpu",
        per_epoch: EpochImages | None = None,
        start: Mapping[str, torch.Tensor] | None = None,
        compiled: bool = False,
        beam: bool = True,
    ) -> None:
        self.charset, self.normalise, self.recipe = charset, normalise, recipe
        self.training, self.validation, self.per_epoch = training, validation, per_epoch
        self.device, self._beam = torch.device(device), beam
        if training is None and per_epoch is None:
            raise DataError("there is no image to train on; give labelled images, or --synthetic")
        if start is not None:
            network.load_state_dict(start)
        self.state = new_state(network.to(self.device), recipe)
        self._follow = Follower(self.state)
        self._positional = has_positions(network)
        forward: Any = network.positions if self._positional else network
        self._forward = torch.compile(forward) if compiled else forward
        if self.device.type == "cuda":
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False

    @property
    def network(self) -> nn.Module:
        """What the run is for: the average of the weights, or the network where none is kept."""
        return self.state.average.eval()

    def close(self) -> None:
        """Stop what draws the images of epochs to come; nothing is trained afterwards."""
        if (stop := getattr(self.per_epoch, "close", None)) is not None:
            stop()

    def run(self, on_epoch: Callable[[EpochLog], None] = lambda log: None) -> list[EpochLog]:
        """Train the epochs that are left.

        Args:
            on_epoch: called after each.

        Returns:
            The log of each.
        """
        logs = []
        while self.state.epoch < self.recipe.epochs:
            logs.append(self.epoch())
            on_epoch(logs[-1])
        return logs

    def epoch(self) -> EpochLog:
        """Train one epoch and measure it.

        Raises:
            DataError: the loss is no longer finite.
        """
        started = time.perf_counter()
        images = self.images(self.state.epoch)
        loss, rate = self._pass_over(images)
        figures: dict[str, Any] = {}
        if self.validation is not None:
            found = measure(
                self.network, self.validation, self.charset, self.normalise, self.recipe, beam=self._beam
            )
            figures = {
                "validation_loss": round(found.loss, 4),
                "validation_character_accuracy": round(found.character_accuracy, 4),
                "validation_exact_match": round(found.exact_match, 4),
            }
            if found.beam_exact_match is not None:
                figures["validation_beam_exact_match"] = round(found.beam_exact_match, 4)
        return EpochLog(
            epoch=self.state.epoch,
            images=len(images),
            loss=round(loss, 4),
            **figures,
            weights="average" if self.recipe.averaging else "network",
            learning_rate=float(f"{rate:.3g}"),
            seconds=round(time.perf_counter() - started, 1),
        )

    def images(self, epoch: int) -> LabelledImages:
        """What is trained on in an epoch (0, 1, ...), before augmentation."""
        drawn = None if self.per_epoch is None else self.per_epoch(epoch)
        if drawn is None or self.training is None:
            images = drawn or self.training
            assert images is not None, "checked at the start"
            return images
        return self.training + drawn

    def _pass_over(self, images: LabelledImages) -> tuple[float, float]:
        """One pass in a random order; the state moves on by one epoch.

        Returns:
            The mean loss of an image, and the last learning rate.
        """
        recipe, state = self.recipe, self.state
        source = seed_epoch(recipe.seed, state.epoch)
        batches = self.batches(len(images), source)
        state.network.train()
        total, rate = torch.zeros((), dtype=torch.float64, device=self.device), 0.0
        losses = self.losses(images, batches, source)
        for number, (indices, loss) in enumerate(zip(batches, losses, strict=True)):
            step = state.epoch * len(batches) + number
            rate = self._set_rates(step, recipe.epochs * len(batches))
            self.descend(loss)
            if recipe.averaging:
                self._follow(min(recipe.averaging, (1 + step) / (10 + step)))
            total += loss.detach().double() * len(indices)
        state.epoch += 1
        mean = total.item() / sum(map(len, batches))
        if not mean < float("inf"):  # NaN included
            raise DataError(
                f"the loss is {mean} in epoch {state.epoch}: training diverged; lower the learning rate"
            )
        return mean, rate

    def batches(self, count: int, source: torch.Generator) -> list[torch.Tensor]:
        """The numbers of the images of each step of a pass over so many, in a random order."""
        size = self.recipe.batch_size
        batches = list(torch.split(torch.randperm(count, generator=source), size))
        # Over the one vector of a single image no head with positions can normalise.
        if len(batches[-1]) < (size if self.recipe.drop_last else 2 * self._positional):
            batches.pop()
        if not batches:
            raise DataError(f"{count} training images do not fill a batch of {size}; give more of them")
        return batches

    def _set_rates(self, step: int, total: int) -> float:
        rate, momentum = rates(self.recipe, step, total)
        for group in self.state.optimizer.param_groups:
            group["lr"], group["betas"] = rate, (momentum, self.recipe.beta2)
        return rate

    def losses(
        self, images: LabelledImages, batches: Sequence[torch.Tensor], source: torch.Generator
    ) -> Iterator[torch.Tensor]:
        """The mean loss of each batch, augmented, with the weights of the moment it is asked for."""
        pixels = images.pixels.to(self.device)
        if self.device.type != "cpu":  # one source cannot serve two devices
            source = torch.Generator(self.device).manual_seed(source.initial_seed())
        for indices in batches:
            chosen = pixels[indices.to(self.device)].float() / 255
            bent = augment(chosen, self.recipe.augmentation, source)
            yield self.loss(bent, [images.labels[index] for index in indices.tolist()])

    def loss(self, images: torch.Tensor, labels: Sequence[str]) -> torch.Tensor:
        """The mean loss of augmented images (N, 1, H, W) in 0..1, in the recipe's precision."""
        wanted = self.recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=wanted):
            output = self._forward(self.normalise(images))
        losses = image_losses(output, labels, self.charset, self.recipe, positional=self._positional)
        return losses.mean()

    def descend(self, loss: torch.Tensor) -> None:
        """One step of the optimiser along the gradient of `loss`, at the rates that are set."""
        self.state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.state.network.parameters(), self.recipe.clip)
        self.state.optimizer.step()


def new_state(network: nn.Module, recipe: Recipe) -> TrainingState:
    """A network at the start of its training; without averaging it is its own average."""
    network = network.to(memory_format=torch.channels_last)
    decayed = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in network.parameters() if parameter.dim() <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},  # biases and norms: shrinking them helps nobody
    ]
    # Fused: one pass over each tensor, 24 ms a step for 21 million parameters instead of 77.
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, eps=recipe.eps, fused=True)
    average = copy.deepcopy(network).eval() if recipe.averaging else network
    return TrainingState(network, average, optimizer)


class Follower:
    """Moves the average of a state (buffers included) towards its network."""

    def __init__(self, state: TrainingState) -> None:
        pairs = zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True)
        self._pairs = list(pairs)

    @torch.no_grad()
    def __call__(self, decay: float) -> None:
        """By the share 1 - decay."""
        for mean, value in self._pairs:
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


def seed_epoch(seed: int, epoch: int) -> torch.Generator:
    """A source that depends on seed and epoch alone; dropout, which takes no source, is seeded on the way."""
    number = int.from_bytes(hashlib.sha256(f"{seed}:{epoch}".encode()).digest()[:7], "big")
    torch.manual_seed(number)
    return torch.Generator().manual_seed(number)
