"""The report as one self-contained HTML file, made by `model_zoo.page`: what stands in it, in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from model_zoo import page
from model_zoo.page import Part, parts_of
from model_zoo.sure import is_unsure
from producer.figures import AccuracyReport, WrongAnswer
from producer.report import wording
from producer.report.summary import RunSummary
from producer.report.thumbnails import thumbnail
from producer.report.whole import write_whole
from producer.results import ResultLine
from producer.smallest import Smallest
from worker.contract import ERROR_CODES, Candidate

MAX_THUMBNAILS = 60
MAX_ROWS = 1000  # of a table with one image a row
MAX_UNSURE = 60  # answers shown where nothing could be measured
MAX_CHARACTERS = 100
MAX_CONFUSIONS = 25


@dataclass(frozen=True)
class ImageRow:
    """One answered image in a table.

    Attributes:
        file: as in the journal.
        picture: a data: URI; None where it cannot be shown.
        label: what it should read; the answer itself without labels.
        text: the answer.
        probability: of the answer.
        others: the rest of n-best.
    """

    file: str
    picture: str | None
    label: tuple[Part, ...]
    text: tuple[Part, ...]
    probability: float | None
    others: tuple[Candidate, ...]


@dataclass(frozen=True)
class FailedRow:
    """One image without an answer."""

    file: str
    code: str
    message: str


def write_html(
    summary: RunSummary, lines: Iterable[ResultLine], path: Path, directory: Path | None = None
) -> None:
    """Write the report to `path`, whole or not at all.

    Args:
        summary: what to say.
        lines: of the journal, for the images without an answer and, without labels, the least sure answers.
        path: of the HTML file.
        directory: of the images, for pictures of wrong answers; None shows none.
    """
    write_whole(path, html_text(summary, lines, directory))


def html_text(summary: RunSummary, lines: Iterable[ResultLine], directory: Path | None = None) -> str:
    """The report as HTML; arguments as for `write_html`."""
    failed, unsure = _pick(lines, _wanted(summary.accuracy))
    return page.render(
        __package__,
        "page.html",
        title=f"Accuracy report: {summary.directory}",
        summary=summary,
        accuracy=summary.accuracy,
        wording=wording,
        meanings=ERROR_CODES,
        failed=failed,
        wrong=_rows(summary.accuracy.wrong, directory),
        unsure=_rows(unsure, directory),
        max_characters=MAX_CHARACTERS,
        max_confusions=MAX_CONFUSIONS,
    )


def shows_answers(accuracy: AccuracyReport) -> bool:
    """Whether the page needs the lines of answered images at all, or those without an answer alone."""
    return accuracy.exact_match is None or accuracy.sure is not None


def _wanted(accuracy: AccuracyReport) -> Callable[[float | None], bool]:
    """Which answers to show for their probability: those that are unsure, without labels the least sure."""
    least = None if accuracy.sure is None else accuracy.sure.min_probability
    if least is None:
        return lambda probability: accuracy.exact_match is None and probability is not None
    return lambda probability: is_unsure(probability, least)


def _pick(
    lines: Iterable[ResultLine], wanted: Callable[[float | None], bool]
) -> tuple[tuple[FailedRow, ...], tuple[ResultLine, ...]]:
    """The images without an answer, in the order of the manifest, and the answers to look at first."""
    failed: Smallest[FailedRow] = Smallest(MAX_ROWS)
    unsure: Smallest[ResultLine] = Smallest(MAX_UNSURE)
    for line in lines:
        if line.error is not None:
            failed.offer((line.id,), FailedRow(line.file, line.error.code, line.error.message))
        elif line.text is not None and wanted(line.probability):
            said = line.probability
            unsure.offer((said if said is not None and math.isfinite(said) else 0.0, line.id), line)
    return failed.items(), unsure.items()


def _rows(images: Iterable[WrongAnswer | ResultLine], directory: Path | None) -> list[ImageRow]:
    rows = []
    for number, image in enumerate(images):
        text = image.text or ""
        label = image.label if isinstance(image, WrongAnswer) else text
        shown = directory if number < MAX_THUMBNAILS else None
        rows.append(
            ImageRow(
                file=image.file,
                picture=None if shown is None else thumbnail(shown, image.file),
                label=parts_of(label, text),
                text=parts_of(text, label),
                probability=image.probability,
                others=tuple(other for other in image.n_best if other.text != image.text),
            )
        )
    return rows
