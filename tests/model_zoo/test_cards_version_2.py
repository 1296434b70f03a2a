"""What version 2 of a card adds: temperature, measurements of probability, members, the list of images."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from model_zoo.card_parts import (
    Accuracy,
    Calibration,
    CalibrationError,
    Member,
    Precision,
    ReliabilityRow,
    Threshold,
    answers_needed,
)
from model_zoo.cards import ModelCard, find_card
from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.errors import CardError

OLD = replace(find_card("crnn-small").card, training_images=None, training_images_sha256=None)
CALIBRATION = Calibration(
    "out-of-fold",
    "exact",
    884,
    CalibrationError(0.02, 0.03),
    CalibrationError(0.004, 0.01),
    (ReliabilityRow(14 / 15, 1.0, 884, 0.996, 881),),
    seed=1,
    constraints=ConstraintTexts(length="5"),
)
PRECISION = Precision(
    "out-of-fold",
    "exact",
    884,
    0.95,
    (Threshold(0.99, 0.9, 850, 1, 0.994), Threshold(0.999, None, 600, 0, 0.995)),
)
FULL = replace(
    OLD,
    temperature=1.25,
    training_images="crnn-small.images.txt",
    training_images_sha256="ab" * 32,
    calibration=(CALIBRATION,),
    precision=(PRECISION,),
    accuracy=(Accuracy("out-of-fold", "exact", 0.9, 0.8, 0.95, 100, 1, ConstraintTexts(length="5")),),
)
MEMBERS = (Member("a", "01" * 8, "02" * 32), Member("b", "03" * 8, "04" * 32))
ENSEMBLE = replace(OLD, architecture="ensemble", weights="", sha256="", members=MEMBERS)


@pytest.mark.parametrize("card", [OLD, FULL, ENSEMBLE], ids=["old", "full", "ensemble"])
def test_a_card_of_version_2_survives_the_way_to_disk_and_back(card: ModelCard) -> None:
    text = card.to_json()

    assert json.loads(text)["card_version"] == 2
    assert ModelCard.from_json(text, "X") == card


def test_the_shipped_card_of_version_1_is_read_and_keeps_its_fingerprint() -> None:
    assert OLD.fingerprint == "ab0c75e728211867"
    assert ModelCard.from_json(OLD.to_json(), "X").fingerprint == OLD.fingerprint


def test_what_is_optional_and_absent_is_not_written() -> None:
    new = {"temperature", "members", "training_images", "training_images_sha256", "calibration", "precision"}

    assert new.isdisjoint(OLD.to_object())
    assert OLD.to_object()["data"]["split_seed"] is None
    assert set(OLD.to_object()["accuracy"][0]) == {"part", "decoder", "value", "low", "high", "n"}
    assert FULL.to_object()["accuracy"][0]["constraints"] == {"length": "5"}


def test_what_changes_answers_is_in_the_fingerprint_and_what_was_measured_is_not() -> None:
    changed = [
        OLD,
        replace(OLD, temperature=1.0),
        replace(OLD, temperature=1.25),
        ENSEMBLE,
        replace(ENSEMBLE, members=MEMBERS[::-1]),
    ]

    assert len({card.fingerprint for card in changed}) == len(changed)
    bare = replace(FULL, calibration=(), precision=(), accuracy=())
    assert bare.fingerprint == FULL.fingerprint
    assert replace(bare, training_images=None, training_images_sha256=None).fingerprint == FULL.fingerprint


FILES = "give a file name in the card's folder and its sha256, or neither"
EMPTY_BIN = {**FULL.to_object()["calibration"][0]["table"][0], "n": 0}
CERTAIN = {**FULL.to_object()["precision"][0]["thresholds"][0], "target": 1.0}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"temperature": "1"}, "card X: temperature is '1'; expected a number or null", "a text"),
    ({"temperature": True}, "card X: temperature is True; expected a number or null", "JSON's true"),
    ({"temperature": 0}, "card X has the temperature 0.0; expected a positive number", "division by 0"),
    ({"temperature": math.inf}, "card X has the temperature inf; expected a positive number", "Infinity"),
    ({"temperature": math.nan}, "card X has the temperature nan; expected a positive number", "NaN"),
    ({"members": {}}, "card X: members is {}; expected a list", "no list"),
    (
        {"members": [{"name": "a"}]},
        "card X: members lacks: fingerprint, sha256",
        "a member that is not pinned",
    ),
    (
        {"members": [MEMBERS[0].__dict__]},
        "card X names members, so its architecture must be 'ensemble', its weights and their sha256 empty",
        "two models in one card",
    ),
    (
        {"architecture": "ensemble"},
        "card X has the architecture 'ensemble', but names no members",
        "an ensemble of nobody",
    ),
    (
        {"training_images": "list.txt"},
        f"card X names the list of training images 'list.txt' with sha256 None; {FILES}",
        "no sha256",
    ),
    (
        {"training_images": "../list.txt", "training_images_sha256": "ab"},
        f"card X names the list of training images '../list.txt' with sha256 'ab'; {FILES}",
        "no way out of the folder",
    ),
    ({"weights": ""}, "card X names weights ''; give a file name in the card's folder", "no weights"),
    (
        {"accuracy": [{**FULL.to_object()["accuracy"][0], "seed": "1"}]},
        "card X: accuracy: seed is '1'; expected a whole number or null",
        "a seed in words",
    ),
    (
        {"calibration": [{**FULL.to_object()["calibration"][0], "table": [1]}]},
        "card X: calibration: table is 1; expected an object",
        "a row that is none",
    ),
    (
        {"precision": [{**FULL.to_object()["precision"][0], "n": 0}]},
        "card X has a figure of 0 images; expected at least 1",
        "a coverage of no images",
    ),
    (
        {"calibration": [{**FULL.to_object()["calibration"][0], "table": [EMPTY_BIN]}]},
        "card X has a figure of 0 images; expected at least 1",
        "an empty bin",
    ),
    (
        {"precision": [{**FULL.to_object()["precision"][0], "confidence": 1.0}]},
        "card X has the precision or confidence 1.0; expected a number between 0 and 1",
        "what nothing can prove",
    ),
    (
        {"precision": [{**FULL.to_object()["precision"][0], "thresholds": [CERTAIN]}]},
        "card X has the precision or confidence 1.0; expected a number between 0 and 1",
        "a target that nothing can prove",
    ),
]


@pytest.mark.parametrize(("fields", "message", "reason"), REFUSED, ids=[row[-1] for row in REFUSED])
def test_a_card_of_version_2_that_is_not_one_is_refused(
    fields: dict[str, Any], message: str, reason: str
) -> None:
    with pytest.raises(CardError) as caught:
        ModelCard.from_json(json.dumps({**json.loads(OLD.to_json()), **fields}), "X")
    assert str(caught.value) == message


@pytest.mark.parametrize(("target", "needed"), [(0.99, 299), (0.995, 598), (0.9995, 5990)])
def test_so_many_answers_without_an_error_prove_a_precision(target: float, needed: int) -> None:
    assert answers_needed(target) == needed
    assert 0.05 ** (1 / needed) >= target > 0.05 ** (1 / (needed - 1))
