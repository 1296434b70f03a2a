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
from model_zoo.env_options import Command, FiniteRange, option, reading_options
from model_zoo.lexicon import Lexicon, read_lexicon
from model_zoo.split import PARTS

FOLDER = click.Path(path_type=Path)


def data_option(command: Command) -> Command:
    """`--data`, as `data`."""
    help_text = "Folder of images named LABEL.png or LABEL_anything.png."
    return option("--data", required=True, type=FOLDER, help=help_text)(command)


def labels_option(command: Command) -> Command:
    """`--labels`, as `labels`: a CSV file in the place of the names."""
    help_text = "CSV file,label. [default: the labels are in the names]"
    return option("--labels", type=FOLDER, metavar="FILE", help=help_text)(command)


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


def min_probability_option(command: Command) -> Command:
    """`--min-probability`, as `min_probability`."""
    help_text = "Answers less probable than this are unsure: they count as not right. [default: none]"
    return option("--min-probability", type=FiniteRange(0, 1), metavar="P", help=help_text)(command)


@dataclass(frozen=True)
class Wish:
    """What a command was told an answer may be.

    Attributes:
        texts: the constraints in words.
        lexicon: the words of `--lexicon`.
        unconstrained: whether the constraints of the model's card are left out.
        file: of the lexicon.
        ignore_case: whether upper and lower case are read as one.
    """

    texts: ConstraintTexts
    lexicon: Lexicon | None = None
    unconstrained: bool = False
    file: Path | None = None
    ignore_case: bool = False

    def of(self, card: ModelCard) -> Constraints:
        """The constraints that hold: these, and those of the model's card of which none is named here."""
        return self._merged(card).texts.parse(self.lexicon, self.ignore_case)

    def added_by(self, card: ModelCard) -> tuple[str, ...]:
        """The kinds of constraints that only the model's card names."""
        return self._merged(card).from_card

    def told(self, card: ModelCard) -> list[str]:
        """The constraints that hold, in words, and that case is ignored."""
        told = [
            f"lexicon of {it['words']:,} words" if "words" in it
            else f"{it['kind']} {it['text']}" + (" (the model's card)" if it["from_card"] else "")
            for it in self.held(card)
        ]  # fmt: skip
        return [*told, "case ignored"] if self.ignore_case else told

    def held(self, card: ModelCard) -> list[dict[str, Any]]:
        """The constraints that hold, as JSON objects: kind, text and from_card as in a report, and words."""
        merged = self._merged(card)
        texts: list[dict[str, Any]] = [
            {"kind": kind, "text": text, "from_card": kind in merged.from_card}
            for kind, text in merged.texts.to_object().items()
        ]
        if self.lexicon is None:
            return texts
        words = len(self.lexicon.words)
        return [*texts, {"kind": "lexicon", "text": str(self.file), "from_card": False, "words": words}]

    def _merged(self, card: ModelCard) -> Merged:
        return merge(self.texts, card.constraints, self.unconstrained)


def wish(*, lexicon: Path | None, unconstrained: bool, ignore_case: bool, **texts: str | None) -> Wish:
    """What the options of `reading_options` say; the decoder stands beside them.

    Raises:
        ConstraintError: a text that means nothing, a lexicon that cannot be read.
    """
    words = None if lexicon is None else read_lexicon(lexicon)
    wished = Wish(ConstraintTexts(**texts), words, unconstrained, lexicon, ignore_case)
    wished.texts.parse(words)
    return wished
