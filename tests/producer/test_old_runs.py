"""Run folders that the version before this one wrote: measured, and gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from producer.cli import main
from producer.manifest import LexiconFile, read_facts
from producer.results import Journal, ResultLine, read_results
from worker.contract import JobOptions

pytestmark = pytest.mark.usefixtures("untouched")

# As version 0.1.0 wrote them before there were patterns, lexicons and proofs.
MANIFEST = [
    {
        "type": "job", "version": 1, "job": "20260401-101500-3fa9c1", "directory": "/imgs", "model": None,
        "options": {"decoder": "beam", "beam_width": 10, "n_best": 1, "charset": None, "length": "5",
                    "max_image_bytes": 10485760},
        "labels": "stem", "ignore_case": False, "created": "2026-04-01T10:15:00+00:00", "notes": [],
        "from_list": None, "limits": {"max_images": None, "max_bytes": 8388608},
    },
    {"type": "image", "id": 0, "file": "2b827.png", "size": 10},
    {"type": "image", "id": 1, "file": "gnm4x.png", "size": 10},
    {"type": "batch", "first": 0, "last": 1},
    {"type": "end", "images": 2, "skipped": 0},
    {"type": "model", "name": "crnn-small", "fingerprint": "ab0c75e728211867",
     "card": {"charset": "2345678bcdefgmnpwxy", "time_steps": 25}},
    {"type": "session", "number": 0, "time": 1.0, "startup_seconds": 2.0, "workers": {"w": "cpu"}},
    {"type": "session_end", "number": 0, "seconds": 1.0, "workers": {"w": "cpu"}},
]  # fmt: skip
RESULTS = [
    {"id": 0, "file": "2b827.png", "text": "2b827", "probability": 0.9,
     "n_best": [{"text": "2b827", "probability": 0.9}], "error": None, "worker": "w", "attempt": 1},
    {"id": 1, "file": "gnm4x.png", "text": "gmm4x", "probability": 0.5,
     "n_best": [{"text": "gmm4x", "probability": 0.5}], "error": None, "worker": "w", "attempt": 1},
]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run folder of that version."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name, lines in (("manifest.jsonl", MANIFEST), ("results.jsonl", RESULTS)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_its_request_is_read_with_nothing_added(run: Path) -> None:
    request = read_facts(run / "manifest.jsonl").request

    assert request.options == JobOptions("beam", length="5")
    assert (request.lexicon, request.unconstrained) == (None, False)


def test_it_is_measured_again(run: Path) -> None:
    result = CliRunner().invoke(main, ["report", str(run), "--json"])

    report = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert report["exact_match"]["right"] == 1
    assert report["decoding"] == {
        "decoder": "beam",
        "constraints": [{"kind": "length", "text": "5", "from_card": False}],
        "lexicon": None,
        "proven": 0,
        "unproven": 0,
        "allowed_mass": {"mean": None, "scant": 0, "n": 0},
    }


def test_it_is_gone_on_with_where_every_image_has_its_answer(run: Path) -> None:
    result = CliRunner().invoke(main, ["resume", str(run)])

    assert result.exit_code == 0, result.output
    assert "every image has its answer already" in result.stderr
    assert "beam, width 10, 1 best; length 5" in result.stdout


def test_its_journal_takes_the_lines_of_today(run: Path) -> None:
    with Journal(run / "results.jsonl") as journal:
        journal.append([ResultLine(2, "c.png", "c", 0.5, proven=True, allowed_mass=0.75)])

    assert [line.proven for line in read_results(run / "results.jsonl")] == [None, None, True]


def test_a_request_of_today_has_where_its_words_came_from(run: Path) -> None:
    first = {
        **MANIFEST[0],
        "version": 2,
        "lexicon": {"file": "/words.txt", "words": 7},
        "unconstrained": True,
    }
    (run / "manifest.jsonl").write_text(json.dumps(first) + "\n")

    request = read_facts(run / "manifest.jsonl").request

    assert (request.lexicon, request.unconstrained) == (LexiconFile("/words.txt", 7), True)
