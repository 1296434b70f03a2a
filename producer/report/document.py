"""The report as JSON: report.json, and what `--json` prints. docs/report.md explains every key."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from model_zoo.figures import confusion_json, share_json
from producer.figures import SeenFigures, SureFigures, WrongAnswer
from producer.report.summary import RunSummary

REPORT_VERSION = 1


def to_json(summary: RunSummary) -> dict[str, Any]:
    """The report as one JSON object. File names keep their surrogates, so write it as ASCII (`json_text`)."""
    return {
        "report_version": REPORT_VERSION,
        **_run(summary),
        **_accuracy(summary),
        "notes": list(summary.notes),
        "versions": dict(summary.versions),
    }


def json_text(summary: RunSummary) -> str:
    """The report as the text of report.json: ASCII, indented, with a newline at its end."""
    return json.dumps(to_json(summary), indent=2, allow_nan=False) + "\n"


def _run(summary: RunSummary) -> dict[str, Any]:
    return {
        "job": summary.job_id,
        "directory": summary.directory,
        "finished_at": summary.finished_at,
        "complete": summary.complete,
        "images": summary.images,
        "answered": summary.answered,
        "unanswered": summary.unanswered,
        "errors": dict(summary.errors),
        "skipped": summary.skipped.count,
        "skipped_by_reason": dict(summary.skipped.by_reason),
        "skipped_files": [asdict(skipped) for skipped in summary.skipped.files],
        "seconds": summary.seconds,
        "startup_seconds": summary.startup_seconds,
        "images_per_second": summary.images_per_second,
        "model": asdict(summary.model),
        "workers": [asdict(worker) for worker in summary.workers],
        "options": {
            **asdict(summary.options),
            "unconstrained": summary.unconstrained,
            "labels": summary.accuracy.labels,
            "ignore_case": summary.accuracy.ignore_case,
            "min_probability": None
            if summary.accuracy.sure is None
            else summary.accuracy.sure.min_probability,
        },
        "decoding": _decoding(summary),
    }


def _decoding(summary: RunSummary) -> dict[str, Any]:
    facts = summary.decoding
    return {
        "decoder": summary.options.decoder,
        "ignore_case": summary.options.ignore_case,
        "constraints": [asdict(constraint) for constraint in facts.constraints],
        "lexicon": None if facts.lexicon is None else asdict(facts.lexicon),
        "proven": facts.proven,
        "unproven": facts.unproven,
        "allowed_mass": {
            "mean": facts.mean_allowed_mass,
            "scant": facts.scant,
            "n": facts.massed,
        },
    }


def _accuracy(summary: RunSummary) -> dict[str, Any]:
    accuracy = summary.accuracy
    return {
        "exact_match": share_json(accuracy.exact_match),
        "answered_exact_match": share_json(accuracy.answered_exact_match),
        "character_accuracy": accuracy.character_accuracy,
        "character_error_rate": accuracy.character_error_rate,
        "label_characters": accuracy.label_characters,
        "characters_right": accuracy.characters_right,
        "edits": accuracy.edits,
        "by_length": [
            {"length": row.length, **(share_json(row.exact_match) or {})} for row in accuracy.by_length
        ],
        "by_character": [
            {"character": row.character, **(share_json(row.accuracy) or {})} for row in accuracy.by_character
        ],
        "confusions": [confusion_json(confusion) for confusion in accuracy.confusions],
        "confusions_total": accuracy.confusions_total,
        "wrong_answers": [_wrong(answer) for answer in accuracy.wrong],
        "wrong_total": accuracy.wrong_total,
        "unsure": _unsure(accuracy.sure),
        "seen_in_training": _seen(accuracy.seen),
        "labels_outside_charset": accuracy.outside_charset,
        "outside_characters": list(accuracy.outside_characters),
        "labels_ruled_out": accuracy.ruled_out,
        "mean_probability": {
            "right": accuracy.mean_probability_right,
            "wrong": accuracy.mean_probability_wrong,
        },
    }


def _seen(seen: SeenFigures) -> dict[str, Any] | None:
    if not seen.known:
        return None
    return {
        "images": seen.seen,
        "compared": seen.known,
        "exact_match_unseen": share_json(seen.exact_match_unseen),
    }


def _unsure(sure: SureFigures | None) -> dict[str, Any] | None:
    if sure is None:
        return None
    return {
        "answers": sure.answers,
        "right": sure.right,
        "precision": share_json(sure.precision),
        "coverage": share_json(sure.coverage),
    }


def _wrong(wrong: WrongAnswer) -> dict[str, Any]:
    """Without n-best, which stands in results.jsonl."""
    return {
        "id": wrong.id,
        "file": wrong.file,
        "label": wrong.label,
        "text": wrong.text,
        "probability": wrong.probability,
    }
