"""docs/audit.md explains every key of a training's and an audit's JSON, and no other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from auditing import Pretender, some_samples
from json_keys import documented, key_paths
from test_style_audit_report import report as audit_report
from test_style_report import report as training_report

from model_zoo.style.problems import Problem
from model_zoo.style.samples import Samples
from model_zoo.style.tuned import Suspect

DOCS = Path(__file__).parents[2] / "docs" / "audit.md"
DATA = ("texts.lengths",)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """With an example of everything that may be left out."""
    found = some_samples(tmp_path_factory.mktemp("keys") / "images")
    first, second = found.files[0].path, found.files[1].path
    return replace(
        found,
        unusable=(Problem(first, "", "is empty"),),
        duplicates=((first, second),),
        conflicts=((first, second),),
        conflict_labels=(("a", "b"),),
    )


def told(own: str, figures: str) -> set[str]:
    """The keys of one kind of report, of the table of both and of its own."""
    tables = DOCS.read_text(encoding="utf-8").split("\n## The keys of ")[1].split("\n### ")
    (both,) = (table for table in tables if table.startswith("In both\n"))
    (alone,) = (table for table in tables if table.startswith(f"In `{own}` alone\n"))
    keys = [*documented(both), *documented(alone)]
    assert len(keys) == len(set(keys))
    return {key.replace("FIGURES.", f"{figures}.") for key in keys}


def test_the_docs_explain_every_key_of_a_training_and_no_other(samples: Samples, tmp_path: Path) -> None:
    training_report(samples, tmp_path, suspects=(Suspect(samples.files[0], "bbbb", 0.999),))

    document = json.loads((tmp_path / "mine.report").read_text())

    assert set(key_paths(document, nullable=["test.exact_match"])) == told("NAME.report", "test")


def test_the_docs_explain_every_key_of_an_audit_and_no_other(samples: Samples, tmp_path: Path) -> None:
    test = [file.label for file in samples.files if file.part == "test"]
    audit_report(samples, tmp_path, Pretender(half=40, sure_of={test[0]: "bbbb"}))

    document = json.loads((tmp_path / "audit.json").read_text())

    keys = set(key_paths(document, data=DATA, nullable=["at_the_largest_size.exact_match"]))
    assert keys == told("audit.json", "at_the_largest_size")
