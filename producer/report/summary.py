"""Everything a report says, as one value: the figures of `producer.accuracy` and the facts of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_zoo.constraint_texts import dropped_note
from model_zoo.constraints import parse_charset, range_advice
from model_zoo.folding import fold_charset
from model_zoo.visible import visible_character
from producer.decoding import DecodingFacts
from producer.figures import AccuracyReport
from worker.contract import JobOptions

MAX_LACKING_NAMED = 20  # characters in one sentence


@dataclass(frozen=True)
class CardAccuracy:
    """What a model's card says of it: exact match over one part of the data it was measured on.

    `seed` is that of the training where several were measured; `constraints` are what answers were known to
    keep, e.g. "length 5".
    """

    part: str
    decoder: str
    value: float
    low: float
    high: float
    n: int
    seed: int | None = None
    constraints: str | None = None


@dataclass(frozen=True)
class ModelFacts:
    """The model that answered, as its card describes it; None where a card says nothing.

    Attributes:
        name: as in `--model`.
        fingerprint: of weights and card.
        charset: the characters it can answer.
        time_steps: T, the frames of its output.
        height: of its input, in pixels.
        width: of its input, in pixels.
        parameters: learned numbers.
        accuracy: measured by whoever trained it.
    """

    name: str
    fingerprint: str
    charset: str | None = None
    time_steps: int | None = None
    height: int | None = None
    width: int | None = None
    parameters: int | None = None
    accuracy: tuple[CardAccuracy, ...] = ()

    @classmethod
    def from_card(cls, name: str, fingerprint: str, card: Mapping[str, Any]) -> ModelFacts:
        """The facts in a card that a worker announced; it comes from outside: what does not fit is left out.

        Args:
            name: of the model.
            fingerprint: of the model.
            card: the JSON object of `model_zoo.cards.ModelCard`.
        """
        charset = card.get("charset")
        sizes = {key: card.get(key) for key in ("time_steps", "height", "width", "parameters")}
        measured = card.get("accuracy")
        rows = [_card_accuracy(row) for row in measured] if isinstance(measured, list | tuple) else []
        return cls(
            name=name,
            fingerprint=fingerprint,
            charset=charset if isinstance(charset, str) else None,
            accuracy=tuple(row for row in rows if row is not None),
            **{key: size if type(size) is int else None for key, size in sizes.items()},
        )


@dataclass(frozen=True)
class WorkerFacts:
    """One worker that served the job, and how many images it answered: with a text, errors not counted."""

    name: str
    device: str
    answered: int


@dataclass(frozen=True)
class SkippedFile:
    """A file that is no image, and why we think so."""

    file: str
    reason: str


@dataclass(frozen=True)
class Skipped:
    """The files of the directory that are no images.

    Attributes:
        by_reason: reason -> files.
        files: some or all of them, for the reader.
    """

    by_reason: Mapping[str, int] = field(default_factory=dict, hash=False)
    files: tuple[SkippedFile, ...] = ()

    @property
    def count(self) -> int:
        """All files that were skipped."""
        return sum(self.by_reason.values())


@dataclass(frozen=True)
class RunSummary:
    """One job: what was asked, what came back, how well it fits the labels.

    Attributes:
        accuracy: measured over the journal.
        job_id: of the job.
        directory: the images' directory, absolute.
        images: in the manifest, whether answered or not.
        model: that answered.
        options: how the images were to be read, as asked for; what held is in `decoding`.
        seconds: from the first send to the last answer journalled; None where nothing was sent.
        startup_seconds: before the first send: server, workers, models; None where that is unknown.
        workers: that served the job.
        skipped: files that are no images.
        note: sentences of the caller that every form of the report shows, e.g. "synthetic images".
        versions: name of a program or library -> its version.
        finished_at: date and time in ISO 8601; None where that is unknown.
        decoding: how answers were found, and under which constraints.
        unconstrained: whether the constraints of the model's card were left out.
    """

    accuracy: AccuracyReport
    job_id: str
    directory: str
    images: int
    model: ModelFacts
    options: JobOptions
    seconds: float | None = None
    startup_seconds: float | None = None
    workers: tuple[WorkerFacts, ...] = ()
    skipped: Skipped = Skipped()
    note: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict, hash=False)
    finished_at: str | None = None
    decoding: DecodingFacts = field(default_factory=DecodingFacts)
    unconstrained: bool = False

    @property
    def answered(self) -> int:
        """Images with a text."""
        return self.accuracy.answered

    @property
    def errors(self) -> Mapping[str, int]:
        """Error code -> images, the most frequent first."""
        return self.accuracy.errors

    @property
    def unanswered(self) -> int:
        """Images with neither a text nor an error yet."""
        return max(0, self.images - self.accuracy.images)

    @property
    def complete(self) -> bool:
        """Whether every image of the manifest has its line in the journal."""
        return self.unanswered == 0

    @property
    def images_per_second(self) -> float | None:
        """Answered images over `seconds`; None where nothing was answered or no time was taken."""
        return self.answered / self.seconds if self.answered and self.seconds else None

    @property
    def notes(self) -> tuple[str, ...]:
        """The caller's sentences, then what the options could not have, then those of the measurement."""
        lexicon = self.decoding.lexicon
        told = (
            self.accuracy.seen.warning,
            _lacking(self.options, self.model.charset),
            lexicon and dropped_note(lexicon.dropped, lexicon.words),
            self.decoding.doubt,
            self.decoding.uncertainty if self.options.decoder == "exact" else None,
        )
        return (*self.note, *(sentence for sentence in told if sentence), *self.accuracy.notes)


def _lacking(options: JobOptions, charset: str | None) -> str | None:
    """A sentence about the characters of `--charset` that the model's charset has not; None without any."""
    if options.charset is None or charset is None:
        return None
    asked = parse_charset(options.charset)
    if options.ignore_case:
        asked, charset = fold_charset(asked), fold_charset(charset)
    lacking = [visible_character(char) for char in asked if char not in charset]
    if not lacking:
        return None
    named = lacking[:MAX_LACKING_NAMED]
    if more := len(lacking) - len(named):
        named.append(f"{more} more")
    listed = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    return f"--charset allows {listed}, which this model cannot answer" + (
        range_advice(asked) if "-" in lacking else ""
    )


def _card_accuracy(row: object) -> CardAccuracy | None:
    """A row of a card's `accuracy`, None where it is no such row."""
    if not isinstance(row, Mapping):
        return None
    try:
        value, low, high, n = float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"])
        found = CardAccuracy(
            str(row["part"]), str(row["decoder"]), value, low, high, n, _seed(row), _held(row)
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return found if n > 0 and 0 <= low <= value <= high <= 1 else None


def _seed(row: Mapping[Any, Any]) -> int | None:
    seed = row.get("seed")
    return seed if type(seed) is int else None


def _held(row: Mapping[Any, Any]) -> str | None:
    held = row.get("constraints")
    if not isinstance(held, Mapping) or not held:
        return None
    return ", ".join(f"{kind} {text}" for kind, text in held.items())
