"""A whole training run: a folder of labelled images in, a model of the zoo out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_zoo.atomic import check_folder, write_whole
from model_zoo.cards import ModelCard
from model_zoo.seen import with_list
from model_zoo.training import checkpoint
from model_zoo.training.card import make_card
from model_zoo.training.log import EpochLog, append, trim
from model_zoo.training.metrics import measure
from model_zoo.training.output import check_output
from model_zoo.training.prepare import Prepared, TrainOptions

__all__ = ["Run", "TrainOptions", "TrainStart", "train"]


@dataclass(frozen=True)
class TrainStart:
    """What is known when every check has passed and nothing is trained yet.

    Attributes:
        images: labelled ones that are trained on.
        epochs_done: by the run that is resumed; 0 for a new one.
        log: gets a line an epoch.
    """

    images: int
    epochs_done: int
    log: Path


def train(
    options: TrainOptions,
    on_epoch: Callable[[EpochLog], None] = lambda log: None,
    on_start: Callable[[TrainStart], None] = lambda start: None,
) -> ModelCard:
    """Train a model and put it into its zoo folder.

    Args:
        options: of the run.
        on_epoch: called after every epoch.
        on_start: called before the first one.

    Returns:
        The card, as written.

    Raises:
        DataError: data, name, folder, recipe or checkpoint with which no run can start or go on.
        CardError: an unknown architecture or options that it does not take.
        DeviceError: a device that is not there.
        ModelNotFound: there is no model `start`.
        WeightsMismatch: its weights are not those of its card.
    """
    run = Run(options)
    try:
        on_start(TrainStart(len(run.prepared.selection.training), run.fit.state.epoch, run.log))
        while run.fit.state.epoch < options.recipe.epochs:
            on_epoch(run.epoch())
        return run.finish()
    finally:
        run.fit.close()


class Run:
    """The state of one run; every check is made before the first epoch."""

    def __init__(self, options: TrainOptions) -> None:
        self.options = options
        self.checkpoint = check_output(options.name, options.out, resume=options.resume)
        self.weights = options.out / f"{options.name}.safetensors"
        self.log = options.out / f"{options.name}.csv"
        self.prepared = Prepared(options)
        self.fit = self.prepared.fit
        try:
            check_folder(options.out)
            if options.resume:
                checkpoint.load_checkpoint(
                    self.checkpoint, self.fit.state, self.fit.recipe, self.prepared.contents
                )
                trim(self.log, self.fit.state.epoch)
        except BaseException:
            self.fit.close()
            raise

    def epoch(self) -> EpochLog:
        """Train one epoch, look at the validation images, log, save."""
        log = self.fit.epoch()
        append(self.log, log)
        checkpoint.save_checkpoint(self.checkpoint, self.fit.state, self.fit.recipe, self.prepared.contents)
        return log

    def finish(self) -> ModelCard:
        """Write the weights and the list of training images, then their card; the checkpoint goes last."""
        fit, match = self.fit, None
        if fit.validation is not None:
            match = measure(fit.network, fit.validation, fit.charset, fit.normalise, fit.recipe).exact_match
        checkpoint.write_safetensors(self.weights, fit.network.state_dict(), {"format": "pt"})
        card = make_card(self.prepared, hashlib.sha256(self.weights.read_bytes()).hexdigest(), match)
        if self.prepared.images is not None:
            card = with_list(card, self.prepared.images, self.options.out)
        write_whole(self.options.out / f"{card.name}.json", card.to_json().encode())
        self.checkpoint.unlink(missing_ok=True)
        return card
