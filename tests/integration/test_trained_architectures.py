"""A network of "From CNN to CRNN", whose weights do not ship: trained for an epoch, then read with."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import producer, report_of, results_of, write_captchas

from model_zoo.solver import load_solver
from model_zoo.training.log import EpochLog
from model_zoo.training.recipe import recipe_named
from model_zoo.training.run import TrainOptions, train

IMAGES = 8  # one batch of the post's
TIME_STEPS = {"xresnet34-pool": 9, "xresnet34-flat": 9, "crnn-resnet34": 13}
# Through a worker goes one: it loads a card, and knows the networks no more than the solver here does. It is
# the one with positions, which no shipped model has.
SENT = "xresnet34-pool"


@pytest.mark.parametrize("architecture", TIME_STEPS)
def test_an_architecture_of_the_post_is_trained_and_reads_through_the_system(
    architecture: str, tmp_path: Path
) -> None:
    labelled, logs = tmp_path / "labelled", list[EpochLog]()
    labelled.mkdir()
    write_captchas(labelled, IMAGES)
    recipe = recipe_named("post", epochs=1)

    options = TrainOptions(labelled, architecture, tmp_path, architecture, recipe=recipe, parts="all")
    card = train(options, logs.append)

    assert [(log.epoch, log.images) for log in logs] == [(1, IMAGES)]
    assert (card.architecture, card.time_steps) == (architecture, TIME_STEPS[architecture])
    model = tmp_path / f"{architecture}.json"
    read = load_solver(model, "cpu").solve(sorted(labelled.iterdir()))
    assert all(prediction.error is None for prediction in read)
    if architecture == SENT:
        done = producer("submit", labelled, "--model", model, "--run-dir", "run", cwd=tmp_path, timeout_s=240)
        assert done.code == 0, done.err
        assert report_of(tmp_path / "run")["answered"] == IMAGES
        answers = sorted(results_of(tmp_path / "run"), key=lambda line: line["file"])
        assert [line["text"] for line in answers] == [prediction.text for prediction in read]
        probabilities = [prediction.probability for prediction in read]
        assert [line["probability"] for line in answers] == pytest.approx(probabilities, rel=1e-3)
