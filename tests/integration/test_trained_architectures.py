"""The networks of "From CNN to CRNN", whose weights do not ship: trained for an epoch, then read with."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import report_of, results_of, start_producer, write_captchas

from model_zoo.cards import ModelCard
from model_zoo.solver import load_solver
from model_zoo.training.log import EpochLog
from model_zoo.training.recipe import recipe_named
from model_zoo.training.run import TrainOptions, train

IMAGES = 8  # one batch of the post's
TIME_STEPS = {"xresnet34-pool": 9, "xresnet34-flat": 9, "crnn-resnet34": 13}


@dataclass(frozen=True)
class Trained:
    """A model after one epoch, and the producer that reads with it."""

    card: ModelCard
    logs: list[EpochLog]
    folder: Path
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of generated captchas, for reading only."""
    folder = tmp_path_factory.mktemp("labelled")
    write_captchas(folder, IMAGES)
    return folder


@pytest.fixture(scope="module")
def trained(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Trained]]:
    """All three; one reads while the next one is trained, since a worker takes seconds to start."""
    found: dict[str, Trained] = {}
    try:
        for architecture in TIME_STEPS:
            folder, logs = tmp_path_factory.mktemp(architecture), []
            recipe = recipe_named("post", epochs=1)
            options = TrainOptions(labelled, architecture, folder, architecture, recipe=recipe, parts="all")
            card = train(options, logs.append)
            model = folder / f"{architecture}.json"
            process = start_producer("submit", labelled, "--model", model, "--run-dir", "run", cwd=folder)
            found[architecture] = Trained(card, logs, folder, process)
        yield found
    finally:
        for it in found.values():
            it.process.terminate()
            it.process.wait(timeout=60)


@pytest.mark.parametrize("architecture", TIME_STEPS)
def test_an_architecture_of_the_post_is_trained_and_reads_through_the_system(
    architecture: str, trained: dict[str, Trained], labelled: Path
) -> None:
    found = trained[architecture]
    assert [(log.epoch, log.images) for log in found.logs] == [(1, IMAGES)]
    assert (found.card.architecture, found.card.time_steps) == (architecture, TIME_STEPS[architecture])

    code = found.process.wait(timeout=240)

    assert code == 0, (found.folder / "producer.log").read_text()
    assert report_of(found.folder / "run")["answered"] == IMAGES
    answers = sorted(results_of(found.folder / "run"), key=lambda line: line["file"])
    read = load_solver(found.folder / f"{architecture}.json", "cpu").solve(sorted(labelled.iterdir()))
    assert [line["text"] for line in answers] == [prediction.text for prediction in read]
    probabilities = [prediction.probability for prediction in read]
    assert [line["probability"] for line in answers] == pytest.approx(probabilities, rel=1e-3)
