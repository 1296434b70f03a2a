"""The figures of an accuracy report as plain values. Defined in docs/report.md, measured in `accuracy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from model_zoo.figures import Confusion, Share
from model_zoo.overlap import overlap_warning
from worker.contract import Candidate

MAX_WRONG_KEPT = 1000  # wrong answers kept for the reader, most confident first; all are counted
MAX_CONFUSIONS_KEPT = 100
MAX_OUTSIDE_KEPT = 20  # examples of characters that could not be answered


@dataclass(frozen=True)
class LengthRow:
    """Exact match of the labels of one length (in characters)."""

    length: int
    exact_match: Share


@dataclass(frozen=True)
class CharacterRow:
    """How often one character of the labels stands at its position in the answer."""

    character: str
    accuracy: Share

    @property
    def missed(self) -> int:
        """Positions of it that are wrong."""
        return self.accuracy.n - self.accuracy.right


@dataclass(frozen=True)
class WrongAnswer:
    """An image that was answered, but not with its label."""

    id: int
    file: str
    label: str
    text: str
    probability: float | None
    n_best: tuple[Candidate, ...]


@dataclass(frozen=True)
class SeenFigures:
    """What of a job's images the model was trained on, by the files' hashes.

    Attributes:
        known: images whose answer says whether it was; a model without a list of its training images cannot,
            nor can the producer, of a file that it could not read.
        images: with an answer or an error.
        seen: of these, images that the model was trained on.
        exact_match_unseen: of all others, as `AccuracyReport.exact_match`; None without any that has a label.
    """

    known: int = 0
    images: int = 0
    seen: int = 0
    exact_match_unseen: Share | None = None

    @property
    def warning(self) -> str | None:
        """A sentence where the model has seen any of the images."""
        return overlap_warning(self.seen, self.images)

    @property
    def assurance(self) -> str | None:
        """A sentence where answers say that the model has seen none of them; None where nobody knows."""
        if self.seen or not self.known:
            return None
        one, others = self.known == 1, self.images - self.known
        images = "the one image" if one else f"none of the {self.known:,} images"
        compared = f" that {'was' if one else 'were'} compared" if others else ""
        told = f"{images}{compared} is {'not ' if one else ''}in the model's list of training images"
        return f"{told}; {others:,} {'was' if others == 1 else 'were'} not compared" if others else told


@dataclass(frozen=True)
class SureFigures:
    """What `--min-probability` sorts out: answers below it are unsure.

    Attributes:
        min_probability: the least probability of a sure answer.
        answers: that are unsure.
        right: of these, how many have the text of their label all the same; None without labels.
        precision: sure answers with a label that are right; None without any.
        coverage: sure answers, of all images with an answer or an error; None without images.
    """

    min_probability: float
    answers: int
    right: int | None
    precision: Share | None
    coverage: Share | None


@dataclass(frozen=True)
class AccuracyReport:
    """What `measure` found.

    Attributes:
        images: lines of the journal: images with an answer or an error.
        answered: of these, images with a text.
        errors: error code -> images, the most frequent first.
        labels: the source of the labels, as given to `--labels`.
        ignore_case: whether texts were compared without case.
        exact_match: of all images with a label, an error counting as wrong and an unsure answer as not right;
            None without labels.
        answered_exact_match: of the answered images with a label; None without any.
        label_characters: in all labels.
        characters_right: positions of labels at which the answer has the same character.
        edits: edit distances summed; an image without an answer counts as all its characters deleted.
        by_length: exact match by length of the label, shortest first.
        by_character: accuracy by character of the labels, the most often missed first.
        confusions: the most frequent edits of answered images, at most `MAX_CONFUSIONS_KEPT`.
        confusions_total: all edits of answered images.
        wrong: the most confident wrong answers, at most `MAX_WRONG_KEPT`.
        wrong_total: all wrong answers (errors and unsure answers are not among them).
        outside_charset: labels with a character that the model lacks or the job did not allow; None where the
            model's charset is unknown.
        outside_characters: the most frequent of these characters.
        ruled_out: labels of allowed characters alone that the job's other constraints did not allow; None
            where the job's lexicon is missing, or no longer what was sent.
        mean_probability_right: of the answers with the text of their label, unsure or not; None without any.
        mean_probability_wrong: of the other answers with a label, unsure or not; None without any.
        notes: sentences that the reader of these figures must not miss.
        sure: what is left of the answers at `--min-probability`; None without it.
        seen: how many of the images the model was trained on, and how well it read the others.
    """

    images: int
    answered: int
    errors: Mapping[str, int] = field(hash=False)
    labels: str
    ignore_case: bool
    exact_match: Share | None
    answered_exact_match: Share | None
    label_characters: int
    characters_right: int
    edits: int
    by_length: tuple[LengthRow, ...]
    by_character: tuple[CharacterRow, ...]
    confusions: tuple[Confusion, ...]
    confusions_total: int
    wrong: tuple[WrongAnswer, ...]
    wrong_total: int
    outside_charset: int | None
    outside_characters: tuple[str, ...]
    ruled_out: int | None
    mean_probability_right: float | None
    mean_probability_wrong: float | None
    notes: tuple[str, ...]
    seen: SeenFigures = SeenFigures()
    sure: SureFigures | None = None

    @property
    def character_accuracy(self) -> float | None:
        """Share of label positions whose character stands at the same position of the answer."""
        return self.characters_right / self.label_characters if self.label_characters else None

    @property
    def character_error_rate(self) -> float | None:
        """Edit distances over label lengths; above 1 where answers are much longer than labels."""
        return self.edits / self.label_characters if self.label_characters else None
