"""The report of an audit as files: how many samples break a captcha, and what protects it."""

from __future__ import annotations

import json
import math
from pathlib import Path

from model_zoo.atomic import write_whole
from model_zoo.style.audit import Audit
from model_zoo.style.audit_journal import NAME, of_size
from model_zoo.style.curve_text import share_in_words
from model_zoo.style.report import charts
from model_zoo.style.report.audit_json import document
from model_zoo.style.report.audit_report import AuditReport, make_report, method
from model_zoo.style.report.facts import tables
from model_zoo.style.report.page import render, row
from model_zoo.told import seconds

MAX_DOUBTS = 50  # shown; all are in the JSON


def write_audit_report(audit: Audit, out: Path) -> AuditReport:
    """Write audit.html and audit.json into `out`, each whole or not at all.

    Raises:
        DataError: a file cannot be written.
    """
    report = make_report(audit)
    content = json.dumps(document(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(out / "audit.json", content.encode())
    write_whole(out / "audit.html", _page(report).encode())
    return report


def _page(report: AuditReport) -> str:
    audit, curve = report.audit, report.curve
    marks = {"protects": "yes", "helps": "some", "does not": "no", "measured": "fact"}
    names = {
        "protects": "protects",
        "helps": "helps some",
        "does not": "does not protect",
        "measured": "measured",
    }
    return render(
        "audit.html",
        title=f"Audit: {audit.samples.folder.name}",
        report=report,
        audit=audit,
        notes=report.notes(),
        curve=curve,
        chart=charts.learning_curve(curve, report.zero_shot.value, report.answer),
        facts=report.facts(),
        doubts=[row(it.file, it.text, it.probability) for it in report.doubts[:MAX_DOUBTS]],
        reached=[
            (share_in_words(it.target), report.verdict.number(it), report.interval(it))
            for it in report.reached
        ],
        rows=list(zip(curve.levels, curve.points, strict=True)),
        shown={size: of_size(audit.runs, size) for size in audit.sizes},
        figures=report.figures,
        tables=tables(report.figures),
        marks=marks,
        names=names,
        method=method(report),
        infinite=math.inf,
        took=seconds(audit.elapsed),
        journal=NAME,
    )
