"""What the checkpoint of a style's training keeps beside the weights of the round that is on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from model_zoo.errors import DataError
from model_zoo.split import LabelledFile
from model_zoo.style.rounds import Result
from model_zoo.style.tuned import StyleEpoch, Suspect
from model_zoo.training.checkpoint import read_notes

# Of what is written here; one more with every field that comes, goes or changes.
VERSION = 2


@dataclass(frozen=True)
class Notes:
    """How far a training came.

    Attributes:
        elapsed: seconds that it took so far.
        per_image: seconds that training takes an image.
        between: whether no round was on, so that the weights are not worth going on with.
        round_epochs: that the round has.
        epochs: of all rounds, as far as they came.
        results: of the rounds that are done.
        suspects: after the last of them.
    """

    elapsed: float
    per_image: float
    between: bool
    round_epochs: int
    epochs: tuple[StyleEpoch, ...]
    results: tuple[Result, ...]
    suspects: tuple[Suspect, ...]

    def to_json(self) -> str:
        """As `read` takes it."""
        suspects = [[it.file.sha256, it.reading, it.probability] for it in self.suspects]
        content = {name: value for name, value in vars(self).items() if name != "suspects"}
        content |= {name: [asdict(it) for it in content[name]] for name in ("epochs", "results")}
        return json.dumps(content | {"suspects": suspects, "version": VERSION})


def read(
    path: Path, contents: str, files: Iterable[LabelledFile]
) -> tuple[Notes, dict[str, torch.Tensor] | None]:
    """The notes of a checkpoint, and the best weights of the rounds that are done, if any is.

    Args:
        path: of the checkpoint.
        contents: a hash of what is trained on and measured, and how.
        files: the images.

    Raises:
        DataError: a checkpoint of another recipe or version, or of other contents.
    """
    text, data, kept = read_notes(path)
    if not text:
        raise DataError(f"the run at {path} had another recipe; resume with its --recipe, or delete the file")
    if data != contents:
        raise DataError(
            f"the run at {path} had other images, labels, seed or start; resume with its options, or delete "
            "the file"
        )
    said, by_hash = json.loads(text), {file.sha256: file for file in files}
    if (version := said.pop("version", None)) != VERSION:
        raise DataError(
            f"the run at {path} was written by another version of captchafleet (its notes are of version "
            f"{version}, expected {VERSION}); resume with that one, or delete the file"
        )
    said["epochs"] = tuple(StyleEpoch(**it) for it in said["epochs"])
    said["results"] = tuple(Result(**it) for it in said["results"])
    said["suspects"] = tuple(
        Suspect(by_hash[sha256], reading, probability) for sha256, reading, probability in said["suspects"]
    )
    return Notes(**said), kept or None
