"""Run folders that the version before this one wrote: measured, and gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from model_zoo.cards import find_card
from producer import job as jobs
from producer import session
from producer.broker import Broker
from producer.cli import main
from producer.manifest import LexiconFile, read_facts
from producer.results import Journal, ResultLine, read_results
from worker.contract import JobOptions, WorkerInfo

pytestmark = pytest.mark.usefixtures("untouched")

# As version 0.1.0 wrote them before there were patterns, lexicons and proofs.
MANIFEST: list[dict[str, Any]] = [
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
RESULTS: list[dict[str, Any]] = [
    {"id": 0, "file": "2b827.png", "text": "2b827", "probability": 0.9,
     "n_best": [{"text": "2b827", "probability": 0.9}], "error": None, "worker": "w", "attempt": 1},
    {"id": 1, "file": "gnm4x.png", "text": "gmm4x", "probability": 0.5,
     "n_best": [{"text": "gmm4x", "probability": 0.5}], "error": None, "worker": "w", "attempt": 1},
]  # fmt: skip


def write(folder: Path, manifest: list[dict[str, Any]], results: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    for name, lines in (("manifest.jsonl", manifest), ("results.jsonl", results)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run folder of that version."""
    return write(tmp_path / "run", MANIFEST, RESULTS)


@pytest.fixture
def shipped(job: Any, monkeypatch: pytest.MonkeyPatch) -> WorkerInfo:
    """The only worker there is: it serves the shipped model that a job asks for, as a local worker would."""
    card = find_card("crnn-small").card
    facts = {"charset": card.charset, "time_steps": card.time_steps}
    worker = WorkerInfo("cpu-1@here", card.name, card.fingerprint, facts, visibility_timeout_s=150.0)

    @contextmanager
    def open_broker(model: str, *_: object) -> Iterator[Broker]:
        found = find_card(model).card
        yield Broker("redis://here", f"{found.name}@{found.fingerprint}", 0.0)

    fleet = job.fleet
    monkeypatch.setattr(fleet, "workers", lambda: [worker])
    monkeypatch.setattr(fleet, "close", lambda: None, raising=False)
    monkeypatch.setattr(jobs, "open_broker", open_broker)
    monkeypatch.setattr(session, "open_store", lambda url: fleet)
    monkeypatch.setattr(session, "BatchQueue", lambda url, fingerprint: fleet)
    return worker


def test_its_request_is_read_with_nothing_added(run: Path) -> None:
    request = read_facts(run / "manifest.jsonl").request

    assert request.options == JobOptions("beam", length="5")
    assert (request.lexicon, request.unconstrained, request.priority) == (None, False, "normal")


def test_it_is_measured_again(run: Path) -> None:
    result = CliRunner().invoke(main, ["report", str(run), "--json"])

    report = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert report["exact_match"]["right"] == 1
    assert report["decoding"] == {
        "decoder": "beam",
        "ignore_case": False,
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


def test_it_is_gone_on_with_by_the_shipped_model_where_an_image_waits(
    shipped: WorkerInfo, job: Any, tmp_path: Path
) -> None:
    (tmp_path / "imgs" / "gnm4x.png").write_bytes(b"gnm4x")
    first = {**MANIFEST[0], "directory": str(tmp_path / "imgs")}
    run = write(tmp_path / "run", [first, *MANIFEST[1:]], RESULTS[:1])

    result = CliRunner().invoke(main, ["resume", str(run)])

    assert result.exit_code == 0, result.output
    assert shipped.fingerprint == "ab0c75e728211867", "the jobs of that version ask for it"
    assert job.fleet.sent == [("0-1", 1)]
    assert [line.text for line in read_results(run / "results.jsonl")] == ["2b827", "gnm4x"]
    report = json.loads((run / "report.json").read_text())
    assert report["exact_match"]["right"] == 2


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
