"""Cards: to disk and back, and every way in which one is refused."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_zoo.cards import (
    Accuracy,
    ModelCard,
    TrainingData,
    available_models,
    find_card,
    read_card,
    verify_weights,
)
from model_zoo.errors import CardError, ModelNotFound, WeightsMismatch

CARD = ModelCard(
    name="tiny",
    description="Reads nothing yet.",
    architecture="crnn-small",
    options={"hidden": 8},
    weights="tiny.safetensors",
    sha256=hashlib.sha256(b"weights").hexdigest(),
    charset="23ab",
    height=50,
    width=200,
    mean=0.7,
    std=0.3,
    time_steps=25,
    decoder="greedy",
    beam_width=10,
    min_length=5,
    max_length=5,
    data=TrainingData("set", 6, 1, 3, "a rule", None, "00" * 32, 0),
    recipe={"epochs": 1},
    accuracy=(Accuracy("test", "greedy", 0.5, 0.1, 0.9, 2),),
    parameters=1,
    flops_per_image=2,
    licence="MIT",
)


@pytest.fixture(autouse=True)
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the zoo that holds `tiny`, looked up before the built-in one."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "tiny.json").write_text(CARD.to_json())
    (folder / "tiny.safetensors").write_bytes(b"weights")
    monkeypatch.setenv("CAPTCHAFLEET_ZOO", str(folder))
    return folder


def test_a_card_survives_the_way_to_disk_and_back(zoo: Path) -> None:
    assert read_card(zoo / "tiny.json") == CARD


def test_the_fingerprint_leaves_the_accuracy_out_and_nothing_else() -> None:
    measured_again = replace(CARD, accuracy=())
    others = [
        replace(CARD, charset="ab23"),
        replace(CARD, mean=0.71),
        replace(CARD, sha256="11" * 32),
        replace(CARD, recipe={"epochs": 2}),
        replace(CARD, decoder="beam"),
    ]

    assert measured_again.fingerprint == CARD.fingerprint
    assert len({card.fingerprint for card in [CARD, *others]}) == 6
    assert len(CARD.fingerprint) == 16


def test_the_fingerprint_of_a_card_is_the_same_on_every_machine() -> None:
    assert CARD.fingerprint == "9138de51bd27e406"


def test_a_name_a_fingerprint_a_file_and_a_folder_all_find_the_card(zoo: Path) -> None:
    wanted = (CARD, zoo)

    assert find_card("tiny") == wanted
    assert find_card(f"tiny@{CARD.fingerprint}") == wanted
    assert find_card(zoo / "tiny.json") == wanted
    assert find_card(str(zoo)) == wanted


def test_an_earlier_folder_hides_a_name_of_a_later_one(
    zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    nearer = replace(CARD, description="Nearer.")
    (first / "tiny.json").write_text(nearer.to_json())
    monkeypatch.setenv("CAPTCHAFLEET_ZOO", f"{first}:{zoo}")

    assert find_card("tiny").card == nearer
    assert [card for card in available_models() if card.name == "tiny"] == [nearer]


def test_the_built_in_models_are_listed_beside_ones_own() -> None:
    names = [card.name for card in available_models()]

    assert names == ["crnn-small", "generic", "kaptcha", "kaptcha-zero", "nano", "tiny"]


def test_an_unknown_name_is_answered_with_those_there_are(zoo: Path) -> None:
    with pytest.raises(ModelNotFound) as caught:
        find_card("crnn-9")
    assert str(caught.value) == (
        f"model 'crnn-9' is not in {zoo}, model_zoo/weights; available: crnn-small, generic, "
        "kaptcha, kaptcha-zero, nano, tiny; a model of your own: give the path of its card, like "
        "zoo/mine.json, or name its folder in CAPTCHAFLEET_ZOO"
    )


def test_a_folder_named_zoo_is_not_searched_unless_the_variable_names_it(
    zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(zoo.parent)
    assert find_card("zoo/tiny.json").card == CARD

    monkeypatch.delenv("CAPTCHAFLEET_ZOO")
    with pytest.raises(ModelNotFound) as caught:
        find_card("tiny")
    assert str(caught.value) == (
        "model 'tiny' is not in model_zoo/weights; available: crnn-small, generic, kaptcha, kaptcha-zero, "
        "nano; a model of your own: give the path of its card, like zoo/mine.json, or name its folder in "
        "CAPTCHAFLEET_ZOO"
    )


def test_another_fingerprint_is_refused_with_the_one_that_is_there() -> None:
    with pytest.raises(ModelNotFound) as caught:
        find_card("tiny@0123456789abcdef")
    assert str(caught.value) == (
        f"model 'tiny' here has the fingerprint {CARD.fingerprint}, not 0123456789abcdef; "
        f"ask for tiny@{CARD.fingerprint} or bring the model you mean"
    )


def test_a_path_that_is_not_there_is_said_so(zoo: Path) -> None:
    with pytest.raises(ModelNotFound) as caught:
        find_card(zoo / "none.json")
    assert str(caught.value) == (
        f"model {str(zoo / 'none.json')!r} is not there; give a name, a card file or a folder with one"
    )


def test_a_folder_of_two_cards_is_ambiguous(zoo: Path) -> None:
    (zoo / "other.json").write_text(replace(CARD, name="other").to_json())

    with pytest.raises(ModelNotFound) as caught:
        find_card(zoo)
    assert str(caught.value) == (
        f"folder {str(zoo)!r} holds 2 cards; expected one, so name the card file itself"
    )


@pytest.mark.parametrize("there", [True, False])
def test_weights_in_the_place_of_their_card_are_refused(there: bool, zoo: Path) -> None:
    path = zoo / "mine.safetensors"
    if there:
        path.write_bytes(b"\xde\x00")

    with pytest.raises((CardError, ModelNotFound)) as caught:
        find_card(path)
    assert str(caught.value) == (
        f"card {path} cannot be read: it is no text; give the model's card, NAME.json"
        if there
        else f"model {str(path)!r} is not there; give a name, a card file or a folder with one"
    )


def changed(**fields: Any) -> str:
    """The card's JSON with some fields replaced; None drops one."""
    content = {**json.loads(CARD.to_json()), **fields}
    return json.dumps({key: value for key, value in content.items() if value is not None})


DATA = json.loads(CARD.to_json())["data"]


@pytest.mark.parametrize(
    ("text", "message", "reason"),
    [
        ("[]", "card X is a JSON list; expected an object", "not an object"),
        (
            "{",
            "card X is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
            "",
        ),
        (
            changed(card_version=3),
            "card X is of version 3, this captchafleet reads versions 1 and 2; "
            "install the version that wrote it",
            "from the future",
        ),
        (
            changed(card_version=None),
            "card X has no card_version, so it is no model's card; move it out of that folder",
            "another program's JSON",
        ),
        (changed(charset=None), "card X lacks: charset", "a missing field"),
        (changed(height="50"), "card X: height is '50'; expected a whole number", "a text for a number"),
        (changed(height=True), "card X: height is True; expected a whole number", "JSON's true is no number"),
        (changed(options=[]), "card X: options is []; expected an object", "a list for an object"),
        (changed(accuracy={}), "card X: accuracy is {}; expected a list", "an object for a list"),
        (
            changed(data={**DATA, "train": 0.5}),
            "card X: data: train is 0.5; expected a whole number",
            "a part is checked as well",
        ),
        (
            changed(name="../tiny"),
            "card X has the name '../tiny'; use letters, digits and . _ - only",
            "names become file names",
        ),
        (
            changed(weights="../other.safetensors"),
            "card X names weights '../other.safetensors'; give a file name in the card's folder",
            "no way out of the folder",
        ),
        (
            changed(charset="aa"),
            "card X has the charset 'aa'; expected distinct characters",
            "one class each",
        ),
        (
            changed(decoder="best"),
            "card X has the decoder 'best'; expected exact, beam, greedy, alignment-beam",
            "an unknown decoder",
        ),
        (changed(std=0), "card X has a size, T, beam width or std that is not positive", "division by 0"),
        (
            changed(std=math.nan),
            "card X has a size, T, beam width or std that is not positive",
            "JSON has NaN",
        ),
    ],
)
def test_a_card_that_is_not_one_is_refused(text: str, message: str, reason: str) -> None:
    with pytest.raises(CardError) as caught:
        ModelCard.from_json(text, "X")
    assert str(caught.value) == message


def test_unknown_fields_are_named_with_the_known_ones() -> None:
    with pytest.raises(CardError) as caught:
        ModelCard.from_json(changed(colour="red"), "X")
    assert str(caught.value).startswith("card X has unknown fields: colour; known are name, description, ")


def test_a_card_under_another_name_is_refused(zoo: Path) -> None:
    path = (zoo / "tiny.json").rename(zoo / "big.json")

    with pytest.raises(CardError) as caught:
        find_card("big")
    assert str(caught.value) == f"card {path} says its name is 'tiny'; name the file tiny.json"


def test_weights_are_checked_against_the_card(zoo: Path) -> None:
    assert verify_weights(CARD, zoo) == zoo / "tiny.safetensors"

    (zoo / "tiny.safetensors").write_bytes(b"others")
    with pytest.raises(WeightsMismatch) as caught:
        verify_weights(CARD, zoo)
    assert str(caught.value) == (
        f"weights {zoo / 'tiny.safetensors'} have sha256 {hashlib.sha256(b'others').hexdigest()}, "
        f"the card names {CARD.sha256}; copy both files again"
    )


def test_missing_weights_are_said_so(zoo: Path) -> None:
    path = zoo / "tiny.safetensors"
    path.unlink()

    with pytest.raises(WeightsMismatch) as caught:
        verify_weights(CARD, zoo)
    assert str(caught.value) == (
        f"weights {path} of model 'tiny' cannot be read: [Errno 2] No such file or directory: '{path}'"
    )


def test_cards_are_read_without_torch() -> None:
    code = (
        "import sys, model_zoo.cards; model_zoo.cards.available_models(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
