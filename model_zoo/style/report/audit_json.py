"""The report of an audit for programs: every number of it."""

from __future__ import annotations

import math
from typing import Any

from model_zoo.figures import share_json
from model_zoo.split import RULE
from model_zoo.style.audit import Audit
from model_zoo.style.audit_journal import Run
from model_zoo.style.audit_verdict import BROKEN
from model_zoo.style.bot import Bot
from model_zoo.style.curve import Reached
from model_zoo.style.report.audit_report import AuditReport, method
from model_zoo.style.report.facts import figures_json
from model_zoo.style.samples_text import samples_json, shown

VERSION = 1


def document(report: AuditReport) -> dict[str, Any]:
    """As JSON; docs/audit.md explains every key."""
    audit, curve = report.audit, report.curve
    return {
        "kind": "audit",
        "version": VERSION,
        "verdict": {
            "kind": report.verdict.kind,
            "in_words": report.headline,
            **_reached_json(report.verdict.at(BROKEN)),
        },
        "answer": {
            "complete": audit.complete,
            **_reached_json(report.answer),
            "smallest_size": curve.levels[0].size,
            "largest_size": curve.levels[-1].size,
            "in_words": report.verdict.answer,
        },
        "notes": report.notes(),
        "zero_shot": share_json(report.zero_shot),
        "curve": [
            {
                "size": level.size,
                "value": level.value,
                "low": level.low,
                "high": level.high,
                "draws": [right / point.test for right in point.right],
            }
            for level, point in zip(curve.levels, curve.points, strict=True)
        ],
        "reached": [_reached_json(it) for it in report.reached],
        "at_the_largest_size": {
            "size": report.median.size,
            "draw": report.median.draw,
            **figures_json(report.figures),
        },
        "labels_to_look_at": [
            {
                "file": shown(it.file.path, audit.samples.folder),
                "label": it.file.label,
                "text": it.text,
                "trainings": it.trainings,
                "of": it.of,
                "probability": it.probability,
            }
            for it in report.doubts
        ],
        "protection": [{"title": it.title, "verdict": it.verdict, "text": it.text} for it in report.findings],
        "attempts": [_bot_json(it) for it in report.bots],
        "texts": {
            "alphabet": report.texts.alphabet,
            "lengths": {str(length): times for length, times in report.texts.lengths.items()},
            "blind_guess": report.texts.guess,
            "bits_a_character": report.texts.bits,
            "pairs_of_the_same_text": report.texts.same,
            "pairs_by_chance": report.texts.same_expected,
        },
        "appearance": {
            "images": audit.appearance.images,
            "ground_grey": [audit.appearance.ground_low, audit.appearance.ground_high],
            "common_variance": audit.appearance.common,
        },
        "data": samples_json(audit.samples),
        "split": {"rule": RULE, "test": len(audit.test), "to_learn_from": len(audit.pool)},
        "plan": {
            "minutes": audit.minutes,
            "stopped": audit.stopped,
            "trainings": audit.planned,
            "trainings_made": audit.trainings,
            "minutes_for_all": audit.enough_minutes,
            "seconds_taken": round(audit.elapsed, 1),
            "model": audit.head.model,
            "seed": audit.head.seed,
            "sizes": list(audit.head.sizes),
            "draws": audit.head.draws,
            "seconds": list(audit.head.seconds),
        },
        "runs": [_run_json(audit, run) for run in audit.runs],
        "method": method(report),
    }


def _reached_json(it: Reached) -> dict[str, Any]:
    return {"target": it.target, "samples": it.samples, "low": it.low, "high": it.high}


def _bot_json(it: Bot) -> dict[str, Any]:
    return {
        "samples": it.samples,
        "success": {"value": it.success, "low": it.low, "high": it.high},
        "attempts_on_average": None if math.isinf(it.needed) else it.needed,
        "within": [
            {"attempts": attempts, "chance": chance, "low": low, "high": high}
            for attempts, chance, low, high in it.within
        ],
    }


def _run_json(audit: Audit, run: Run) -> dict[str, Any]:
    return {
        "size": run.size,
        "draw": run.draw,
        "right": audit.right(run),
        "n": len(audit.test),
        "characters_shown": run.characters,
        "seconds_allowed": run.allowed,
        "seconds_trained": run.seconds,
        "seconds_in_all": run.wall,
        "epochs": run.epochs,
        "stopped": run.stopped,
    }
