"""The one recipe for every style: from the generic backbone to a reader of one captcha, in a time budget."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import torch
from torch import nn

from model_zoo.solver import find_device
from model_zoo.split import LabelledFile
from model_zoo.style import notes
from model_zoo.style.backbone import copied_weights, style_network
from model_zoo.style.epochs import Epochs
from model_zoo.style.looked_at import Inputs, best_case, draw_bank, read_inputs
from model_zoo.style.reading import read_with
from model_zoo.style.recipe import STYLE
from model_zoo.style.rounds import Result, round_images, why_stop
from model_zoo.style.suspicion import find_suspects, is_to_look, looked_at
from model_zoo.style.threads import Threads, seconds_per_image
from model_zoo.style.tuned import StyleEpoch, Suspect, Tuned, in_words
from model_zoo.training.checkpoint import load_checkpoint, save_checkpoint
from model_zoo.training.data import Normalisation
from model_zoo.training.fit import Fit, seed_epoch
from model_zoo.training.start import Start, load_start

__all__ = ["StyleEpoch", "Suspect", "Tuned", "read_with", "tune"]

RESERVE = 0.06  # of the budget: for reading, judging and writing
MOST_VALIDATION = 1_000  # images: more tell the same, and are read after every epoch


def tune(
    training: Sequence[LabelledFile],
    validation: Sequence[LabelledFile],
    *,
    seconds: float,
    used: float = 0.0,
    seed: int = 0,
    start: str | Start = "generic",
    charset: str | None = None,
    device: str = "auto",
    checkpoint: Path | None = None,
    on_epoch: Callable[[StyleEpoch], None] = lambda epoch: None,
) -> Tuned:
    """Train a reader of one style.

    Args:
        training: at least one image that can be read, with its label.
        validation: what tells when to stop, and which round was best; may be empty. Of more than
            `MOST_VALIDATION` a part is looked at.
        seconds: that it may take, all in all.
        used: seconds of them that are gone already.
        seed: of everything random.
        start: the model of the zoo to begin with, by name or loaded already.
        charset: characters to read; None: those of the labels.
        device: where it runs, as for `load_solver`.
        checkpoint: file for the state after every epoch; one that is there is gone on with. None: none.
        on_epoch: called after every epoch.

    Raises:
        DataError: a checkpoint of other data, a start that is no network with CTC and a head, or a training
            that diverged.
        DeviceError: a device that is not there.
        ModelNotFound: there is no model `start`.
        UnreadableImage: an image that has gone.
        WeightsMismatch: its weights are not those of its card.
    """
    loaded = start if isinstance(start, Start) else load_start(start)
    place = find_device(device)
    with Threads(place) as threads:
        return _Tuning(
            training, validation, seconds=seconds, used=used, seed=seed, start=loaded, charset=charset,
            device=place, threads=threads, checkpoint=checkpoint, on_epoch=on_epoch,
        ).run()  # fmt: skip


class _Tuning:
    """The state of one training: rounds that are done, and the one that is on."""

    def __init__(
        self,
        training: Sequence[LabelledFile],
        validation: Sequence[LabelledFile],
        *,
        seconds: float,
        used: float,
        seed: int,
        start: Start,
        charset: str | None,
        device: torch.device,
        threads: Threads,
        checkpoint: Path | None,
        on_epoch: Callable[[StyleEpoch], None],
    ) -> None:
        self._began = time.perf_counter() - used
        self._budget, self._seed, self._start, self._path = seconds, seed, start, checkpoint
        self._on_epoch, self._device, self._threads = on_epoch, device, threads
        # A sha256 is as good as a draw, and the same every time.
        some = sorted(validation, key=lambda file: file.sha256)[:MOST_VALIDATION]
        some = list(validation) if len(some) == len(validation) else some
        self._inputs: Inputs = read_inputs(training, some, charset, start)
        self._normalise = Normalisation(start.card.mean, start.card.std)
        self._case = best_case(self._inputs, start, self._normalise)
        self._bank = draw_bank(self._inputs, self._case, seed)
        self._log: list[StyleEpoch] = []
        self._results: list[Result] = []
        self._suspects: tuple[Suspect, ...] = ()
        self._best: dict[str, torch.Tensor] | None = None
        self._per_image = 0.0

    def run(self) -> Tuned:
        """Go through the rounds that are left."""
        fit, stopped = self._resumed(), self._why_stop()
        while stopped is None:
            fit = fit or self._next_round()
            if fit is None:
                stopped = f"the budget of {in_words(self._budget)} is used"
                break
            self._train(fit)
            self._judge(fit)
            fit, stopped = None, self._why_stop()
            self._save(None)
        return self._tuned(stopped)

    @property
    def _elapsed(self) -> float:
        return time.perf_counter() - self._began

    def _why_stop(self) -> str | None:
        return why_stop(self._results, len(self._inputs.validation_files))

    def _next_round(self) -> Fit | None:
        """The next round, at its beginning; None where the time left is not worth one."""
        number = len(self._results)
        self._look_at_speed()
        left = (1 - RESERVE) * self._budget - self._elapsed
        images = round_images(number, self._per_image, left)
        size = len(self._epochs(number))
        epochs = max(1, images // size)
        # Of a large folder a single epoch may be longer than the round, and than the time that is left.
        late = number and epochs * size * self._per_image > left
        return self._fit(epochs, number) if images and not late else None

    def _fit(self, epochs: int, number: int) -> Fit:
        """The fit of round `number`, with the best weights so far."""
        network = self._network()
        recipe = replace(STYLE, epochs=epochs, seed=self._seed * 100 + number, start=self._start.name)
        return Fit(
            network,
            None,
            self._inputs.validation,
            charset=self._inputs.charset,
            normalise=self._normalise,
            recipe=recipe,
            device=self._device,
            per_epoch=self._epochs(number),
            start=self._best,
            beam=False,
        )

    def _network(self) -> nn.Module:
        seed_epoch(self._seed, -1)
        inputs = self._inputs
        return style_network(self._start, inputs.charset, inputs.height, inputs.width, self._case)

    def _epochs(self, number: int) -> Epochs:
        return Epochs(self._inputs, self._bank, self._suspected, self._seed * 101 + number)

    @property
    def _suspected(self) -> set[str]:
        return {suspect.file.sha256 for suspect in self._suspects}

    def _look_at_speed(self) -> None:
        """Choose the number of threads: before each round, for other processes come and go."""
        self._per_image = self._threads.fastest(
            lambda: seconds_per_image(self._fit(1, 0), time.perf_counter), self._per_image
        )

    def _train(self, fit: Fit) -> None:
        """To the end of the round, or of the time; the first epoch of all is made in any case."""
        end, source = (1 - RESERVE) * self._budget, fit.per_epoch
        assert isinstance(source, Epochs), "so `_fit` made it"
        while fit.state.epoch < fit.recipe.epochs and (not self._log or self._elapsed < end):
            # In the first round, before wrong labels are learnt by heart.
            if not self._results and is_to_look(fit.state.epoch, len(source), self._inputs):
                self._suspects = find_suspects(fit.network, self._inputs, self._normalise, early=True)
                source.leave_out(self._suspected)
            began = time.perf_counter()
            log = fit.epoch()
            self._per_image = (time.perf_counter() - began) / log.images
            self._log.append(
                StyleEpoch(
                    len(self._log) + 1, self._elapsed, log.loss, log.validation_exact_match,
                    log.validation_loss, fit.state.epoch / fit.recipe.epochs, len(self._results) + 1,
                )
            )  # fmt: skip
            self._save(fit)
            self._on_epoch(self._log[-1])

    def _judge(self, fit: Fit) -> None:
        """Keep the round's weights if they are the best, and look for wrong labels with those."""
        last = self._log[-1]
        # A loss of 0 is one; without validation images that of the training is all there is.
        loss = last.loss if last.validation_loss is None else last.validation_loss
        result = Result(last.validation_exact_match or 0.0, loss)
        if not self._results or result.rank >= max(it.rank for it in self._results):
            self._best = copied_weights(fit.network)
            self._suspects = find_suspects(fit.network, self._inputs, self._normalise)
        self._results.append(result)

    def _tuned(self, stopped: str) -> Tuned:
        network = self._network()
        assert self._best is not None, "the first round is always made"
        network.load_state_dict(self._best)
        inputs = self._inputs
        ranks = [it.rank for it in self._results]
        best = len(ranks) - ranks[::-1].index(max(ranks))  # the last of equals
        return Tuned(
            network=network.eval(),
            charset=inputs.charset,
            normalise=self._normalise,
            height=inputs.height,
            width=inputs.width,
            time_steps=inputs.time_steps,
            epochs=tuple(self._log),
            stopped=stopped,
            out_of_time=self._why_stop() is None,
            suspects=self._suspects,
            seconds=self._elapsed,
            images=len(inputs.training_files),
            recipe=replace(
                STYLE,
                epochs=sum(it.round == best for it in self._log),
                seed=self._seed,
                start=self._start.name,
                generator="styles",
                synthetic=self._epochs(best - 1).generated,
            ),
            start=self._start,
            length=inputs.length,
            round=best,
            looked_at=looked_at(inputs),
            case=self._case,
            threads=self._threads.chosen,
        )

    def _save(self, fit: Fit | None) -> None:
        if self._path is None:
            return
        # Between two rounds there is no optimiser's state to keep: that of a round not begun stands for it.
        between = fit is None
        fit = fit or self._fit(1, len(self._results))
        said = notes.Notes(
            self._elapsed, self._per_image, between, fit.recipe.epochs, tuple(self._log),
            tuple(self._results), self._suspects,
        )  # fmt: skip
        save_checkpoint(
            self._path, fit.state, fit.recipe, self._contents, notes=said.to_json(), kept=self._best
        )

    @property
    def _contents(self) -> str:
        """A hash of what is trained on and measured, and how."""
        inputs = self._inputs
        chosen = [
            sorted((file.sha256, file.label) for file in files)
            for files in (inputs.training_files, inputs.validation_files)
        ]
        said = [chosen, inputs.charset.chars, inputs.width, self._seed, self._start.name]
        return sha256(json.dumps(said).encode()).hexdigest()

    def _resumed(self) -> Fit | None:
        """The round that was on when the run was stopped; None at a beginning."""
        if self._path is None or not self._path.exists():
            return None
        said, self._best = notes.read(self._path, self._contents, self._inputs.files)
        self._results, self._suspects = list(said.results), said.suspects
        self._log, self._per_image = list(said.epochs), said.per_image
        if not said.between:  # else the next round looks
            self._look_at_speed()
        fit = self._fit(said.round_epochs, len(self._results))
        load_checkpoint(self._path, fit.state, fit.recipe, self._contents)
        self._began -= said.elapsed  # what reading the images again took counts as well
        return None if said.between else fit
