"""A card says everything about a model that is not in its weights. Standard library only.

A model is two files in one folder: NAME.safetensors and its card NAME.json. Charset, input size and
normalisation stand in the card and nowhere else; `load_solver` needs nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from model_zoo.card_parts import Accuracy, Calibration, Member, Precision, TrainingData
from model_zoo.card_rules import NAME_PATTERN, check_card
from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.errors import CardError, ConstraintError, ModelNotFound, WeightsMismatch
from model_zoo.language import compile_language
from model_zoo.strict_json import from_object, to_object

__all__ = [
    "DEFAULT_MODEL",
    "NAME_PATTERN",
    "Accuracy",
    "FoundModel",
    "ModelCard",
    "TrainingData",
    "available_models",
    "find_card",
    "read_card",
    "verify_weights",
    "zoo_folders",
]

# Version 2 added what is optional in `ModelCard`; all that version 1 says means the same.
CARD_VERSION = 2
_READ_VERSIONS = (1, 2)

# What was measured of a model, or is told of its training, not what it is.
_NOT_THE_MODEL = {"accuracy", "calibration", "precision", "training_images", "training_images_sha256"}

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
DEFAULT_MODEL = "kaptcha"
ZOO_VARIABLE = "CAPTCHAFLEET_ZOO"
BUILT_IN = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class ModelCard:
    """One model: how to build it, feed it and read it, and how far to trust it.

    Attributes:
        name: what `--model` takes; also the stem of both files.
        description: one sentence.
        architecture: a registered name, see `model_zoo.architectures`.
        options: arguments of that architecture.
        weights: file name of the weights, in the card's folder; empty in an ensemble's card.
        sha256: of the weights file; empty likewise.
        charset: characters of class 1, 2, ...; class 0 is the blank.
        height: of the input, in pixels.
        width: of the input, in pixels.
        mean: subtracted from grey values scaled to 0..1.
        std: by which they are divided.
        time_steps: T, the frames of the output for an input of that width.
        decoder: what reads best, one of `DECODERS`.
        beam_width: for `beam` and `alignment-beam`.
        min_length: shortest label trained on.
        max_length: longest label trained on.
        data: what it was trained on.
        recipe: how it was trained: epochs, learning rate, augmentation, seed.
        accuracy: what was measured, part by part.
        parameters: learned numbers.
        flops_per_image: 2 per multiply-add of convolutions, linear and recurrent layers.
        licence: of the weights.
        constraints: what every answer keeps, unless a job names its own of that kind; None: nothing.
        temperature: by which log-probabilities are divided before they are normalised anew; None: 1.
        members: the models that an ensemble asks.
        training_images: file name, in the card's folder, of the list of the images it was fitted to, see
            `model_zoo.seen`; None: there is no list.
        training_images_sha256: of that list.
        calibration: what its probabilities are worth, where measured.
        precision: from which probability on its answers are precise enough, where measured.
    """

    name: str
    description: str
    architecture: str
    options: Mapping[str, Any] = field(hash=False)
    weights: str
    sha256: str
    charset: str
    height: int
    width: int
    mean: float
    std: float
    time_steps: int
    decoder: str
    beam_width: int
    min_length: int
    max_length: int
    data: TrainingData
    recipe: Mapping[str, Any] = field(hash=False)
    accuracy: tuple[Accuracy, ...]
    parameters: int
    flops_per_image: int
    licence: str
    constraints: ConstraintTexts | None = None
    temperature: float | None = None
    members: tuple[Member, ...] = ()
    training_images: str | None = None
    training_images_sha256: str | None = None
    calibration: tuple[Calibration, ...] = ()
    precision: tuple[Precision, ...] = ()

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of sha256 over the weights' sha256 and the canonical card without measurements.

        A new measurement of the same model keeps its queue, a list of what it was trained on too; a changed
        charset does not.
        """
        content = {key: value for key, value in self.to_object().items() if key not in _NOT_THE_MODEL}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(f"{self.sha256}\n{canonical}".encode()).hexdigest()[:16]

    def to_object(self) -> dict[str, Any]:
        """The card as a JSON object, without what is optional and absent, like cards of before."""
        content: dict[str, Any] = to_object(self)
        return content

    def to_json(self) -> str:
        """The card's file, indented for readers."""
        content = {"card_version": CARD_VERSION, **self.to_object()}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> ModelCard:
        """The card in `text`; `source` names the file in messages.

        Raises:
            CardError: no JSON, another card version, unknown, missing or mistyped fields, constraints that
                the model cannot keep.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise CardError(f"card {source} is not JSON: {error}") from error
        if not isinstance(content, dict):
            raise CardError(f"card {source} is a JSON {type(content).__name__}; expected an object")
        if "card_version" not in content:
            raise CardError(
                f"card {source} has no card_version, so it is no model's card; move it out of that folder"
            )
        version = content.pop("card_version")
        if type(version) is not int or version not in _READ_VERSIONS:
            raise CardError(
                f"card {source} is of version {version!r}, this captchafleet reads versions "
                f"{' and '.join(map(str, _READ_VERSIONS))}; install the version that wrote it"
            )
        constraints = content.pop("constraints", None)
        card = from_object(cls, content, source)
        check_card(card, source)
        return card if constraints is None else _constrained(card, constraints, source)


def read_card(path: Path) -> ModelCard:
    """The card in the file `path`, whose name must be the model's.

    Raises:
        CardError: a file that is no card of this version, or that bears another model's name.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error if isinstance(error, OSError) else "it is no text; give the model's card, NAME.json"
        raise CardError(f"card {path} cannot be read: {why}") from error
    card = ModelCard.from_json(text, str(path))
    if path.name != f"{card.name}.json":
        raise CardError(f"card {path} says its name is {card.name!r}; name the file {card.name}.json")
    return card


def verify_weights(card: ModelCard, directory: Path) -> Path:
    """The weights file of `card` in `directory`, after a check of its sha256.

    Raises:
        WeightsMismatch: no such file, or another one than the card names.
    """
    path = directory / card.weights
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsMismatch(f"weights {path} of model {card.name!r} cannot be read: {error}") from error
    if digest != card.sha256:
        raise WeightsMismatch(
            f"weights {path} have sha256 {digest}, the card names {card.sha256}; copy both files again"
        )
    return path


class FoundModel(NamedTuple):
    """A card and the folder that holds it and its weights."""

    card: ModelCard
    directory: Path


def zoo_folders() -> list[Path]:
    """Where names are looked up: the folders of CAPTCHAFLEET_ZOO, then the built-in one.

    Raises:
        ModelNotFound: the variable names something that is no folder.
    """
    named = [Path(it) for it in os.environ.get(ZOO_VARIABLE, "").split(os.pathsep) if it]
    for folder in named:
        if not folder.is_dir():
            raise ModelNotFound(f"{ZOO_VARIABLE} names {str(folder)!r}, which is no folder; correct it")
    return [*named, BUILT_IN]


def available_models() -> list[ModelCard]:
    """Every model that a name finds, by name; a name in an earlier folder hides the same name in a later one.

    Raises:
        CardError: a JSON file in one of the folders that is no card.
        ModelNotFound: CAPTCHAFLEET_ZOO names something that is no folder.
    """
    found: dict[str, Path] = {}
    for folder in zoo_folders():
        for path in sorted(folder.glob("*.json")):
            found.setdefault(path.stem, path)
    return [read_card(found[name]) for name in sorted(found)]


def find_card(name_or_path: str | Path) -> FoundModel:
    """The card of a name, NAME@FINGERPRINT, card file, or folder with one card.

    Raises:
        ModelNotFound: nothing of that name or path, or another fingerprint than the one asked for.
        CardError: a file there that is no card of this version.
    """
    text = os.fspath(name_or_path)
    name, _, fingerprint = text.rpartition("@")
    if not name or not _FINGERPRINT.fullmatch(fingerprint):
        return _found(text)
    found = _found(name)
    if found.card.fingerprint != fingerprint:
        raise ModelNotFound(
            f"model {name!r} here has the fingerprint {found.card.fingerprint}, not {fingerprint}; "
            f"ask for {found.card.name}@{found.card.fingerprint} or bring the model you mean"
        )
    return found


def _found(text: str) -> FoundModel:
    path = Path(text)
    if path.name != text or path.suffix in (".json", ".safetensors"):
        return _at_path(path)
    for folder in zoo_folders():
        if (file := folder / f"{text}.json").is_file():
            return FoundModel(read_card(file), folder)
    if path.is_dir():
        return _at_path(path)
    names = ", ".join(sorted({file.stem for folder in zoo_folders() for file in folder.glob("*.json")}))
    folders = ", ".join("model_zoo/weights" if it == BUILT_IN else str(it) for it in zoo_folders())
    raise ModelNotFound(
        f"model {text!r} is not in {folders}; available: {names or 'none'}; a model of your own: give the "
        f"path of its card, like zoo/mine.json, or name its folder in {ZOO_VARIABLE}"
    )


def _at_path(path: Path) -> FoundModel:
    if not path.is_dir():
        if not path.is_file():
            raise ModelNotFound(
                f"model {str(path)!r} is not there; give a name, a card file or a folder with one"
            )
        return FoundModel(read_card(path), path.parent)
    cards = sorted(path.glob("*.json"))
    if len(cards) != 1:
        raise ModelNotFound(
            f"folder {str(path)!r} holds {len(cards)} cards; expected one, so name the card file itself"
        )
    return FoundModel(read_card(cards[0]), path)


def _constrained(card: ModelCard, constraints: object, source: str) -> ModelCard:
    """The card with constraints that its model can keep."""
    try:
        texts = ConstraintTexts.from_object(constraints)
        compile_language(texts.parse(), card.charset, card.time_steps)
    except ConstraintError as error:
        raise CardError(f"card {source}: {error}") from error
    return replace(card, constraints=texts)
