"""An ensemble through the worker and to the producer, like any other model."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_zoo.combine import CombineOptions, combine
from model_zoo.constraints import Constraints
from producer.report import ModelFacts
from worker.contract import Batch, ImageItem, JobOptions, WorkerInfo, decode_worker, encode
from worker.settings import Settings
from worker.solving import card_facts, load, served_card, solve_batch

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "captchas").glob("*.png"))[:3]


def test_an_ensemble_is_served_announced_and_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = combine(CombineOptions(["crnn-small"], "looks", tmp_path, ((0.0, 0.0, 1.0), (1.0, 0.0, 1.0))))
    monkeypatch.setenv("CAPTCHAFLEET_ZOO", str(tmp_path))
    settings = Settings(model="looks", device="cpu", precision="float32")

    assert served_card(settings) == card
    solver = load(settings)
    items = tuple(ImageItem(number, path.read_bytes()) for number, path in enumerate(EXAMPLES))
    answers = solve_batch(Batch("j:0-2", "j", items), JobOptions(), Constraints(), solver, None)
    announced = decode_worker(encode(WorkerInfo("w", card.name, card.fingerprint, card_facts(card))))
    facts = ModelFacts.from_card(announced.model, announced.fingerprint, announced.card)

    assert [answer.text for answer in answers] == [path.stem for path in EXAMPLES]
    assert (facts.name, facts.fingerprint, facts.charset) == ("looks", card.fingerprint, card.charset)
    assert (facts.time_steps, facts.parameters) == (card.time_steps, card.parameters)
