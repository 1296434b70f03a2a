"""What styles.py measured, and the file that keeps it between runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from styles_sets import Style, StylesError

from model_zoo.atomic import write_whole
from model_zoo.errors import CardError
from model_zoo.figures import Share
from model_zoo.split import data_hash
from model_zoo.strict_json import from_object, to_object


@dataclass(frozen=True)
class Figure(Share):
    """How many of the test images were read right, and how long it took.

    Attributes:
        seconds: of the processor, in one thread, from files to texts; other processes do not add to them.
    """

    seconds: float | None = None


@dataclass(frozen=True)
class Peer:
    """ddddocr with one of its networks: as it comes, and held to the style's charset and lengths.

    Attributes:
        network: `default` or `beta`.
        constrained: its seconds are not taken: the decoder is ours.
        versions: of the package and what computes for it.
    """

    network: str
    plain: Figure
    constrained: Figure
    versions: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True)
class ZeroShot:
    """A model that saw no image of the style, as it comes and told charset and lengths.

    Attributes:
        model: NAME@FINGERPRINT.
    """

    model: str
    plain: Figure
    constrained: Figure


@dataclass(frozen=True)
class Trained:
    """The model that `model-zoo train` made of the style's folder, as it comes.

    Attributes:
        model: NAME@FINGERPRINT.
        start: the model it started from, as its card says; None where it says nothing.
        minutes: `--minutes`; None for the command's default.
        seconds: that the command took; None where it had ended in an earlier run.
    """

    model: str
    figure: Figure
    start: str | None = None
    minutes: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class StyleResults:
    """One row of the tables.

    Attributes:
        test_images: sha256 over the test images' sha256.
        case: of the labels: `ignored` or `kept`.
        peer: an entry a network.
        zero: every measurement there was, in its order; the last one of a model is its figure.
    """

    name: str
    test_images: str
    charset: str
    min_length: int
    max_length: int
    case: str
    peer: tuple[Peer, ...] = ()
    zero: tuple[ZeroShot, ...] = ()
    trained: Trained | None = None

    def zero_of(self, model: str) -> ZeroShot | None:
        """The zero-shot figures of NAME@FINGERPRINT."""
        return next((it for it in reversed(self.zero) if it.model == model), None)

    def peer_of(self, network: str) -> Peer | None:
        """The peer's figures with one of its networks."""
        return next((it for it in self.peer if it.network == network), None)


@dataclass(frozen=True)
class Results:
    """All rows.

    Attributes:
        model: NAME@FINGERPRINT of the model that was last measured zero-shot, or is to be.
        machine: of the last run.
    """

    model: str
    machine: Mapping[str, Any] = field(hash=False)
    styles: tuple[StyleResults, ...] = ()

    def of(self, style: Style) -> StyleResults:
        """What is kept of a style; an empty row where nothing is.

        Raises:
            StylesError: what is kept was measured on other images.
        """
        images = data_hash(style.test)
        kept = next((it for it in self.styles if it.name == style.name), None)
        if kept is None:
            case = "ignored" if style.case_blind else "kept"
            return StyleResults(style.name, images, style.charset, style.min_length, style.max_length, case)
        if kept.test_images != images:
            raise StylesError(
                f"the figures that are kept of {style.name} are of other images than those of "
                f"{style.folder}; keep the new ones in another file with --json"
            )
        return kept

    def with_row(self, row: StyleResults) -> Results:
        """The same with a row added or replaced; rows are in the order of their names."""
        others = [it for it in self.styles if it.name != row.name]
        return replace(self, styles=tuple(sorted([*others, row], key=lambda it: it.name)))


def load(path: Path) -> Results | None:
    """What the file holds; None where there is no file.

    Raises:
        StylesError: it is no such file.
    """
    if not path.exists():
        return None
    try:
        return from_object(Results, json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError, TypeError, CardError) as error:
        raise StylesError(f"{path} holds no figures of styles.py ({error}); give another --json") from error


def save(results: Results, path: Path) -> None:
    """Write the file whole.

    Raises:
        DataError: it cannot be written.
    """
    write_whole(path, (json.dumps(to_object(results), indent=1) + "\n").encode())
