"""`--ignore-case` through a real Redis and real workers: a model of both cases reads captchas of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from both_cases import NAME, write_both_cases
from processes import Finished, Fleet, producer, report_of, results_of

from worker.contract import WorkerInfo
from worker.store import connect

pytestmark = pytest.mark.redis

ASKED = ("--charset", ":digits::upper:", "--length", "4-6", "--n-best", "2")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The card of the model of both cases."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    write_both_cases(folder)
    return folder / f"{NAME}.json"


@pytest.fixture
def shouted(captchas: Path, tmp_path: Path) -> Path:
    """The captchas, labelled in capitals."""
    folder = tmp_path / "shouted"
    folder.mkdir()
    for path in captchas.glob("*.png"):
        (folder / f"{path.stem.upper()}.png").write_bytes(path.read_bytes())
    return folder


def submit(images: Path, run: Path, *more: str | Path) -> Finished:
    return producer("submit", images, "--run-dir", run, *more, cwd=images.parent)


def answers(run: Path) -> dict[str, tuple[str, float, float]]:
    """Of each file its text, its probability and the mass of all allowed texts."""
    return {
        line["file"].lower(): (line["text"], line["probability"], line["allowed_mass"])
        for line in results_of(run)
    }


def test_a_fleet_reads_without_case_and_the_report_says_so(
    fleet: Fleet, shared_fleet: Fleet, model: Path, shouted: Path, tmp_path: Path
) -> None:
    fleet.start_worker("--model", str(model))
    plain = ("--charset", ":digits::lower:", "--length", "4-6", "--n-best", "2")

    done = submit(shouted, tmp_path / "run", "--broker", fleet.url, "--ignore-case", *ASKED)
    one_case = submit(shouted, tmp_path / "plain", "--broker", shared_fleet.url, *plain)

    assert (done.code, one_case.code) == (0, 0), done.err
    report = report_of(tmp_path / "run")
    assert (report["exact_match"]["value"], report["exact_match"]["n"]) == (1.0, 40)
    assert (report["decoding"]["ignore_case"], report["decoding"]["proven"]) == (True, 40)
    assert report["labels_ruled_out"] == 0
    assert "case ignored, answers in lower case" in " ".join(done.out.split())
    # Folded it is the model of one case: not only its texts, its probabilities too.
    found, wanted = answers(tmp_path / "run"), answers(tmp_path / "plain")
    assert {file: text for file, (text, *_) in found.items()} == {
        file: text for file, (text, *_) in wanted.items()
    }
    for file, (_, *figures) in wanted.items():
        assert list(found[file][1:]) == pytest.approx(figures, rel=1e-3)


def test_a_worker_of_before_is_named_and_nothing_is_sent(
    fleet: Fleet, model: Path, shouted: Path, tmp_path: Path
) -> None:
    worker = fleet.start_worker("--model", str(model))
    store = connect(fleet.url)
    (info,) = store.workers()
    before: WorkerInfo = replace(info, name="old@there", instance="0", can_ignore_case=False)
    store.announce(before)

    done = submit(shouted, tmp_path / "run", "--broker", fleet.url, "--ignore-case")

    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == (
        "Error: --ignore-case is not known to worker old@there, of an older captchafleet; "
        "install this one there as well, or leave --ignore-case out"
    )
    assert not (tmp_path / "run").exists()
    assert worker.process.poll() is None


def test_the_embedded_default_reads_without_case(model: Path, shouted: Path, tmp_path: Path) -> None:
    done = submit(shouted, tmp_path / "run", "--model", model, "--ignore-case", "--length", "5")

    assert done.code == 0, done.err
    assert {line["text"] for line in results_of(tmp_path / "run")} == {
        path.stem.partition("_")[0].lower() for path in shouted.glob("*.png")
    }
