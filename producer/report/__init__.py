"""The report of a job as terminal text, JSON and HTML; docs/report.md defines what it says."""

from producer.report.document import json_text, to_json
from producer.report.page import html_text, write_html
from producer.report.summary import (
    CardAccuracy,
    ModelFacts,
    RunSummary,
    Skipped,
    SkippedFile,
    WorkerFacts,
)
from producer.report.terminal import render_terminal

__all__ = [
    "CardAccuracy",
    "ModelFacts",
    "RunSummary",
    "Skipped",
    "SkippedFile",
    "WorkerFacts",
    "html_text",
    "json_text",
    "render_terminal",
    "to_json",
    "write_html",
]
