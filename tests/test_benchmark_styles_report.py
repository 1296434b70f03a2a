"""benchmarks/styles.py: what it keeps, judges and prints; made-up figures in, tables out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import styles_report
from styles_report import APART, renew, tables, verdicts
from styles_results import Figure, Peer, Results, StyleResults, Trained, ZeroShot, load, save
from styles_sets import StylesError


def row(name: str, **figures: Any) -> StyleResults:
    return StyleResults(name, "0" * 64, "ab", 4, 6, "ignored", **figures)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    figure = Figure(3, 4, 0.25)
    peer = Peer("default", figure, Figure(4, 4), {"ddddocr": "1.6.1"})
    trained = Trained("one@1", figure, "generic@2", 5.0, 290.5)
    rows = (
        row("one", peer=(peer,), zero=(ZeroShot("generic@2", figure, figure),), trained=trained),
        row("two"),
    )
    results = Results("generic@2", {"cpu": "a processor"}, rows)

    save(results, tmp_path / "kept.json")

    assert load(tmp_path / "kept.json") == results
    assert load(tmp_path / "none.json") is None


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text(json.dumps({"model": "x", "machine": {}, "rows": []}))
    with pytest.raises(StylesError) as refusal:
        load(path)
    assert str(refusal.value) == (
        f"{path} holds no figures of styles.py (card {path} has unknown fields: rows; "
        "known are model, machine, styles); give another --json"
    )


def test_the_last_figure_of_a_model_counts_and_rows_stay_in_order() -> None:
    first, last = (ZeroShot("m@1", Figure(n, 9), Figure(n, 9)) for n in (1, 2))
    results = Results("m@1", {}).with_row(row("two")).with_row(row("one", zero=(first,)))
    results = results.with_row(row("one", zero=(first, last, replace(first, model="m@2"))))
    assert [it.name for it in results.styles] == ["one", "two"]
    assert results.styles[0].zero_of("m@1") == last


def judged(trained: list[int], zero: list[int], default: list[int], beta: list[int]) -> list[Any]:
    """Verdicts on eight styles, the last one apart; figures are right answers of 100."""
    names = [*(f"s{number}" for number in range(7)), APART]
    rows = []
    for name, after, ours, theirs, other in zip(names, trained, zero, default, beta, strict=True):
        at = {"default": theirs, "beta": other}
        rows.append(
            row(
                name,
                peer=tuple(Peer(it, Figure(0, 100), Figure(n, 100), {}) for it, n in at.items()),
                zero=(ZeroShot("m@1", Figure(0, 100), Figure(ours, 100)),),
                trained=Trained("t@1", Figure(after, 100)),
            )
        )
    return [(it.found, it.word) for it in verdicts(Results("m@1", {}, tuple(rows)))]


def test_goals_at_their_edge_are_met() -> None:
    found = judged([95, 96, 98, 99, 99, 100, 100, 10], [90] * 8, [89] * 6 + [90, 91], [89] * 5 + [90] * 3)
    assert found == [
        ("99.00%", "met"),
        ("95.00% (s0)", "met"),
        ("6 of 8, equal on 1", "met"),
        ("5 of 8, equal on 2", "not met"),
    ]


def test_goals_below_their_edge_are_not_met() -> None:
    found = judged([94, 96, 98, 98, 99, 100, 100, 100], [90] * 8, [89] * 5 + [90] * 3, [0] * 8)
    assert found[:3] == [("98.00%", "not met"), ("94.00% (s0)", "not met"), ("5 of 8, equal on 3", "not met")]


def test_a_goal_with_missing_figures_is_not_measured() -> None:
    results = Results("m@1", {}, (row("one", trained=Trained("t@1", Figure(99, 100))),))
    assert [(it.found, it.word) for it in verdicts(results)] == [
        ("99.00% on 1 of 7 styles", "not measured"),
        ("99.00% (one) on 1 of 7 styles", "not measured"),
        ("-", "not measured"),
        ("-", "not measured"),
    ]


MACHINE = {"cpu": "a processor", "cores": 2, "load": 0.1}


def test_a_row_has_every_figure_with_its_interval() -> None:
    peer = Peer("default", Figure(50, 100, 2.0), Figure(75, 100), {})
    trained = Trained("one@1", Figure(100, 100, 0.5), None, None, 90.0)
    text = tables(Results("m@1", MACHINE, (row("one", peer=(peer,), trained=trained),)))
    lines = [line for line in text.splitlines() if line.startswith("| one |")]
    assert lines == [
        "| one | 100 | 2 x 4-6, case-blind | 50.0 (40.4-59.6) | 75.0 (65.7-82.5) | - | - | - | - "
        "| 100.0 (96.3-100.0) |",
        "| one | 50 | - | - | 200 |",
        "| one | `one@1` | - | default | 1.5 |",
    ]


def test_the_document_gets_the_tables_between_its_markers(tmp_path: Path) -> None:
    path = tmp_path / "styles.md"
    path.write_text(f"before\n{styles_report.START}old\n{styles_report.END}after\n")
    renew(path, "new")
    assert path.read_text() == f"before\n{styles_report.START}new\n{styles_report.END}after\n"
    path.write_text("nothing")
    with pytest.raises(StylesError) as refusal:
        renew(path, "new")
    assert str(refusal.value) == f"{path} has no place for the tables; put both markers back"


def test_the_committed_document_shows_what_is_kept() -> None:
    results = load(styles_report.KEPT)
    assert results is not None
    assert (
        f"{styles_report.START}{tables(results)}\n{styles_report.END}" in styles_report.DOCUMENT.read_text()
    )
