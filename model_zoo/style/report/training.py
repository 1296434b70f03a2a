"""The report of a training: what it learnt from, how long, and how well it reads what it never saw."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_zoo.atomic import write_whole
from model_zoo.figures import Share, share_json
from model_zoo.split import RULE, LabelledFile
from model_zoo.style.figures import Answer, Figures, doubted, measure
from model_zoo.style.problems import Samples
from model_zoo.style.report import charts
from model_zoo.style.report.facts import MAX_NAMED, figures_json, left_out, left_out_in_words, tables
from model_zoo.style.report.limits import limits
from model_zoo.style.report.page import render, row
from model_zoo.style.samples_text import samples_json, shown
from model_zoo.told import count, percent, percents, seconds
from model_zoo.visible import visible

if TYPE_CHECKING:
    from model_zoo.style.temperature import Tempering
    from model_zoo.style.tuned import Tuned

VERSION = 1
MAX_WRONG = 30  # wrong answers shown in the page; the JSON has all
MAX_SUSPECTS = 50  # likewise


@dataclass(frozen=True)
class TrainingReport:
    """What a training gave.

    Attributes:
        name: of the model.
        zoo: folder of the model and of the report.
        samples: all labelled images.
        training: images that were learnt from.
        validation: images that stopped and calibrated the training.
        test: images that only judge.
        tuned: what `tuning.tune` gave.
        tempered: whether its probabilities were calibrated.
        readings: of the test images.
        figures: of the readings.
        zero_shot: what the start reads of the test images without training, told their characters and length.
    """

    name: str
    zoo: Path
    samples: Samples
    training: Sequence[LabelledFile]
    validation: Sequence[LabelledFile]
    test: Sequence[LabelledFile]
    tuned: Tuned
    tempered: Tempering
    readings: Sequence[Answer]
    figures: Figures
    zero_shot: Share | None = None

    @property
    def suspects(self) -> list[tuple[LabelledFile, str, float]]:
        """Images whose label may be wrong, with text and probability read: those of the test part first."""
        return [(it.file, it.text, it.probability) for it in doubted(self.figures)] + [
            (it.file, it.reading, it.probability) for it in self.tuned.suspects
        ]

    @property
    def html(self) -> Path:
        """The page."""
        return self.zoo / f"{self.name}.html"

    @property
    def json(self) -> Path:
        """The same for programs: JSON, but a zoo's `*.json` are cards, and the reports are none."""
        return self.zoo / f"{self.name}.report"

    @property
    def command(self) -> str:
        """What reads images with the model."""
        return f"producer submit DIR --model {shlex.quote(str(self.zoo / self.name) + '.json')}"

    def lines(self) -> list[str]:
        """The report in a few lines for a terminal."""
        exact = self.figures.exact_match
        if not exact.n:
            figure = "no image falls into the test part, so nothing is known of it yet"
        else:
            figure = (
                f"{percent(exact.value)} of {count(exact.n, 'test image')} read exactly right "
                f"({percents(*exact.interval)}, 95 % Wilson)"
            )
        if self.zero_shot is not None and self.zero_shot.n:
            figure += f"; {percent(self.zero_shot.value)} without training"
        lines = [f"{visible(self.name)}: {figure}", f"training ended after {seconds(self.tuned.seconds)}: "
                 f"{visible(self.tuned.stopped)}"]  # fmt: skip
        if self.suspects:
            lines.append(f"{count(len(self.suspects), 'label')} may be wrong; the report shows them")
        return [*lines, f"report: {visible(str(self.html))}", f"use it: {visible(self.command)}"]


def write_training_report(
    zoo: Path,
    name: str,
    *,
    samples: Samples,
    training: Sequence[LabelledFile],
    validation: Sequence[LabelledFile],
    test: Sequence[LabelledFile],
    tuned: Tuned,
    tempered: Tempering,
    readings: Sequence[Answer],
    zero_shot: Share | None = None,
) -> TrainingReport:
    """Write NAME.html and NAME.report (JSON) into the zoo folder, each whole or not at all.

    Args:
        zoo: folder of the model.
        name: of the model.
        samples: all labelled images, as read.
        training: those of the training part.
        validation: those that stopped it.
        test: those that it never saw; may be none.
        tuned: what the training gave.
        tempered: whether its probabilities were calibrated.
        readings: of `test`, in its order.
        zero_shot: what the start reads of `test`; None where nothing is known of it.

    Returns:
        The report; its `lines` are for a terminal.

    Raises:
        DataError: a file cannot be written.
    """
    report = TrainingReport(
        name,
        zoo,
        samples,
        training,
        validation,
        test,
        tuned,
        tempered,
        readings,
        measure(readings),
        zero_shot,
    )
    content = json.dumps(_document(report), indent=2, ensure_ascii=False) + "\n"
    write_whole(report.json, content.encode())
    write_whole(report.html, _page(report).encode())
    return report


def _document(report: TrainingReport) -> dict[str, Any]:
    tuned, folder = report.tuned, report.samples.folder
    return {
        "kind": "training",
        "version": VERSION,
        "name": report.name,
        "data": samples_json(report.samples),
        "split": {
            "rule": RULE,
            "train": len(report.training),
            "validation": len(report.validation),
            "test": len(report.test),
        },
        "training": {
            "seconds": round(tuned.seconds, 1),
            "stopped": tuned.stopped,
            "epochs": [asdict(it) for it in tuned.epochs],
        },
        "model": {
            "charset": tuned.charset.chars,
            "height": tuned.height,
            "width": tuned.width,
            "time_steps": tuned.time_steps,
            "temperature": report.tempered.temperature,
            "calibration": report.tempered.told,
        },
        "test": {
            **figures_json(report.figures),
            "zero_shot": share_json(report.zero_shot),
            "wrong_answers": [
                {
                    "file": shown(it.file.path, folder),
                    "label": it.file.label,
                    "text": it.text,
                    "probability": it.probability,
                }
                for it in report.figures.wrong
            ],
        },
        "suspects": [
            {
                "file": shown(file.path, folder),
                "part": file.part,
                "label": file.label,
                "text": text,
                "probability": probability,
            }
            for file, text, probability in report.suspects
        ],
        "command": report.command,
        "what_the_figure_does_not_say": limits(report),
    }


def _page(report: TrainingReport) -> str:
    tuned = report.tuned
    validated = [
        (it.seconds, it.validation_exact_match)
        for it in tuned.epochs
        if it.validation_exact_match is not None
    ]
    told = (
        f"Validation images read right over the training, {percent(validated[-1][1])} at the end"
        if validated
        else ""
    )
    return render(
        "training.html",
        title=f"Training report: {report.name}",
        report=report,
        figures=report.figures,
        left_out=left_out(report.samples),
        left_out_in_words=left_out_in_words(report.samples),
        chart=charts.over_time(validated, told) if validated else "",
        data=_data(report),
        wrong=[row(it.file, it.text, it.probability) for it in report.figures.wrong[:MAX_WRONG]],
        suspects=[row(*it) for it in report.suspects[:MAX_SUSPECTS]],
        tables=tables(report.figures),
        limits=limits(report),
        max_named=MAX_NAMED,
        all_seen=len(report.training) + len(report.validation),
    )


def _data(report: TrainingReport) -> list[tuple[str, str]]:
    """The rows of "the data"."""
    samples, tuned = report.samples, report.tuned
    sizes = ", ".join(f"{w} x {h} ({n:,})" for (w, h), n in samples.sizes.most_common(5))
    more = len(samples.sizes) - 5
    lengths = (
        f"{samples.min_length}"
        if samples.min_length == samples.max_length
        else f"{samples.min_length} to {samples.max_length}"
    )
    return [
        ("Folder", str(samples.folder)),
        ("Images used", f"{len(samples.files):,} of {samples.images:,}"),
        ("Sizes in pixels", sizes + (f" and {more:,} more" if more > 0 else "")),
        ("Characters", f"{samples.charset} ({len(samples.charset)})"),
        ("Characters a text", lengths),
        (
            "Split",
            f"{len(report.training):,} to learn from, {len(report.validation):,} to stop by (validation), "
            f"{len(report.test):,} to judge by (test)",
        ),
        ("Rule of the split", RULE),
        ("Model", f"{tuned.width} x {tuned.height} pixels in, {tuned.time_steps} time steps"),
        ("Probabilities", report.tempered.told),
        ("Training", f"{count(tuned.images, 'image')}, {seconds(tuned.seconds)}"),
        ("Why it ended", tuned.stopped),
    ]
