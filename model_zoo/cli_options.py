"""The options of the commands; each has its CAPTCHAFLEET_OPTION variable. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from model_zoo.cards import ModelCard
from model_zoo.constraint_texts import ConstraintTexts, Merged, merge
from model_zoo.constraints import Constraints
from model_zoo.env_options import Command, option, reading_options
from model_zoo.lexicon import Lexicon, read_lexicon
from model_zoo.split import PARTS

FOLDER = click.Path(path_type=Path)


def data_option(command: Command) -> Command:
    """`--data`, as `data`."""
    help_text = "Folder of images named LABEL.png or LABEL_anything.png."
    return option("--data", required=True, type=FOLDER, help=help_text)(command)


def part_option(**settings: Any) -> Callable[[Command], Command]:
    """`--part`, once or more, as `parts`: distinct, in the order given."""
    return option(
        "--part",
        "parts",
        type=click.Choice(list(PARTS)),
        multiple=True,
        callback=lambda context, parameter, parts: tuple(dict.fromkeys(parts)),
        help="Repeatable.",
        **settings,
    )


def solver_options(command: Command) -> Command:
    """How images are read, and where: those of `reading_options`, `beam_width` and `device`."""
    for decorate in (
        option("--device", default="auto", help="Where to run: auto, cpu, cuda or cuda:N."),
        option("--beam-width", type=click.IntRange(1, 200), help="[default: the model's]"),
        reading_options,
    ):
        command = decorate(command)
    return command


@dataclass(frozen=True)
class Wish:
    """What a command was told an answer may be.

    Attributes:
        texts: the constraints in words.
        lexicon: the words of `--lexicon`.
        unconstrained: whether the constraints of the model's card are left out.
    """

    texts: ConstraintTexts
    lexicon: Lexicon | None = None
    unconstrained: bool = False

    def of(self, card: ModelCard) -> Constraints:
        """The constraints that hold: these, and those of the model's card of which none is named here."""
        return self._merged(card).texts.parse(self.lexicon)

    def told(self, card: ModelCard) -> list[str]:
        """The constraints that hold, in words."""
        merged = self._merged(card)
        held = [
            f"{kind} {text}" + (" (the model's card)" if kind in merged.from_card else "")
            for kind, text in merged.texts.to_object().items()
        ]
        words = [] if self.lexicon is None else [f"lexicon of {len(self.lexicon.words):,} words"]
        return [*held, *words]

    def _merged(self, card: ModelCard) -> Merged:
        return merge(self.texts, card.constraints, self.unconstrained)


def wish(*, lexicon: Path | None, unconstrained: bool, **texts: str | None) -> Wish:
    """What the options of `reading_options` say; the decoder stands beside them.

    Raises:
        ConstraintError: a text that means nothing, a lexicon that cannot be read.
    """
    words = None if lexicon is None else read_lexicon(lexicon)
    wished = Wish(ConstraintTexts(**texts), words, unconstrained)
    wished.texts.parse(words)
    return wished
