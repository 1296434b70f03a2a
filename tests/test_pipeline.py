"""benchmarks/pipeline.py: the following of a job, its arithmetic and tables, and one tiny run; no time is
asserted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pipeline
import pytest
from fleet.images import link_tree
from fleet.processes import CpuSeconds
from speed.common import Runs
from speed.floor import floor_us
from speed.journal import JobEndedError, Mark, marks, rate, steady
from speed.timed import Tally, keep
from speed.whole import Costs, Finished, TimedFleet, costs

EXAMPLES = Path(__file__).parent.parent / "examples" / "captchas"


def test_a_mark_comes_as_soon_as_the_journal_has_its_answers(tmp_path: Path) -> None:
    journal = tmp_path / "results.jsonl"
    written = iter(["", '{"id": 0}\n', '{"id": 1}\n{"id"', ": 2}\n", '{"id": 3}\n'])

    def is_over() -> bool:
        with journal.open("a") as stream:
            stream.write(next(written))
        return False

    found = [mark.images for mark in marks(journal, (1, 2, 3), is_over)]

    assert found == [1, 2, 3], "half a line is no answer"
    assert next(written) == '{"id": 3}\n', "nothing is waited for once the last count is reached"


def test_a_batch_may_reach_several_marks_at_once(tmp_path: Path) -> None:
    journal = tmp_path / "results.jsonl"
    journal.write_text("{}\n" * 5)
    assert [mark.images for mark in marks(journal, (1, 4, 5), lambda: True)] == [5, 5, 5]


def test_a_job_that_ends_early_is_no_figure(tmp_path: Path) -> None:
    journal = tmp_path / "results.jsonl"
    journal.write_text("{}\n" * 5)
    with pytest.raises(JobEndedError) as refusal:
        list(marks(journal, (5, 1000), lambda: True))
    assert str(refusal.value) == "the job ended with 5 answers, 1,000 were expected"
    with pytest.raises(JobEndedError) as refusal:
        list(marks(tmp_path / "none.jsonl", (1,), lambda: True))
    assert str(refusal.value) == "the job ended with 0 answers, 1 were expected"


def test_the_steady_state_leaves_beginning_and_end_out() -> None:
    assert steady(50_000) == (5_000, 45_000)
    assert rate(Mark(5_000, 10.0), Mark(45_000, 30.0)) == 2_000


def test_a_tally_is_kept_of_every_solve_also_of_one_that_fails(tmp_path: Path) -> None:
    file = tmp_path / "tally"
    assert Tally.read(file) == Tally(0, 0.0, 0.0)

    def plain(images: list[bytes], *, n_best: int) -> list[str]:
        began = time.process_time()
        while time.process_time() - began < 0.01:
            pass
        if n_best == 2:
            raise ValueError("no")
        return ["a"] * len(images)

    solver: Any = keep(SimpleNamespace(solve=plain), file)  # type: ignore[arg-type]
    assert solver.solve([b"", b""], n_best=1) == ["a", "a"]
    first = Tally.read(file)
    with pytest.raises(ValueError, match=r"^no$"):
        solver.solve([b""], n_best=2)
    both = Tally.read(file)

    assert (first.images, both.images) == (2, 3)
    assert first.solving_s >= 0.01
    assert (both - first).solving_s >= 0.01
    assert both.total_s >= first.total_s + (both - first).solving_s


def finished(before_s: float, after_s: float, images: int = 40_000) -> Finished:
    tally = Tally(images, solving_s=20.0, total_s=21.6)
    processes = CpuSeconds(redis=0.4, parents=0.8, children=22.0)
    return Finished(2_000.0, before_s, after_s, 40_000, 1.2, processes, tally)


def test_what_does_not_grow_with_a_job_is_in_no_figure() -> None:
    found = costs(finished(3.0, 2.1), 50_000, finished(0.6, 0.1), 2_000)
    assert found == Costs(
        scan=pytest.approx(50),
        producer=pytest.approx(30),
        redis=pytest.approx(10),
        parent=pytest.approx(20),
        child=pytest.approx(40),
        solving=pytest.approx(500),
        reports=pytest.approx(2e6 / 48_000),
    )
    assert found.queue == pytest.approx(150), "reports and solving are not the queue's"


RATES = {
    pipeline.F: Runs((4_000.0, 4_000.0)),
    pipeline.D: Runs((4_000.0, 8_000.0)),
    pipeline.ALONE: Runs((8_000.0, 8_000.0)),
    pipeline.C: Runs((8_000.0, 8_000.0)),
    pipeline.SOLVE: Runs((1_200.0, 2_000.0)),
    pipeline.BATCHES: Runs((1_000.0, 1_000.0)),
    pipeline.WHOLE: Runs((900.0, 1_000.0)),
}


def test_shared_cores_are_bound_by_the_sum_and_a_gpu_by_the_slowest() -> None:
    shared, apart = pipeline.ratios(RATES, False), pipeline.ratios(RATES, True)
    assert shared["solve / bound"].values == pytest.approx((1_200 / 1_600, 1.0))
    assert shared["solve / bound, decoding in processes"].values == pytest.approx((0.6, 1.0))
    assert apart["solve / bound"].values == pytest.approx((0.3, 0.5))
    assert shared["whole system / solve"].values == (0.75, 0.5)
    assert shared["whole system / solve, batch by batch"].values == (0.9, 1.0)


def made(is_default: bool) -> dict[str, Any]:
    """What `--json` keeps of a model, with one round."""
    once = {name: Runs(runs.values[:1]) for name, runs in RATES.items()}
    each = Costs(scan=10, producer=30, redis=10, parent=20, child=50, solving=500, reports=40)
    return {
        "model": "m@1",
        "is_default": is_default,
        "device": "cpu",
        "threads": 2,
        "cores": 2,
        "rates": {name: runs.to_object() for name, runs in once.items()},
        "ratios": {name: runs.to_object() for name, runs in pipeline.ratios(once, False).items()},
        "stage_us": {name: Runs((7.0,)).to_object() for name in (pipeline.F, pipeline.D, pipeline.C)},
        "costs_us": pipeline._by_name([each]),
    }


@pytest.mark.parametrize(("is_default", "verdict"), [(True, ">= 0.9 | not met"), (False, "- | -")])
def test_the_tables_say_goal_verdict_and_what_is_left_of_the_cores(is_default: bool, verdict: str) -> None:
    text = pipeline.show(made(is_default), Runs((39.0,)).to_object())
    lines = text.splitlines()
    assert lines[0] == "**m@1** on cpu, 2 threads of the solver, 2 cores:"
    assert "| (b) / bound | 0.750 | 0.750 | 0.750 | >= 0.9 | not met |" in lines
    assert f"| (c) / (b) | 0.750 | 0.750 | 0.750 | {verdict} |" in lines
    assert "| the queue, µs an image | 120 | 120 | 120 | <= 120 | met |" in lines
    # 2 cores at 900 images/s have 2,222 us for an image.
    assert "| worker's child: solving | 500.0 | 500.0 | 500.0 | 22.5% |" in lines
    assert "| nobody: cores that wait | 1612.2 |  |  | 72.5% |" in lines
    assert "| the floor: stat, read, two JSON lines | 39.0 | 39.0 | 39.0 | - |" in lines


def test_the_floor_is_above_nothing() -> None:
    assert floor_us([str(path) for path in sorted(EXAMPLES.glob("*.png"))[:50]]) > 0


def test_too_few_images_and_missing_ones_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline.main(["--originals", str(tmp_path)]) == 2
    assert pipeline.main(["--originals", str(EXAMPLES), "--images", "100"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"pipeline.py: {tmp_path} holds no PNG; see --help",
        "pipeline.py: 100 images are too few, 5,120 are the least; see --help",
    ]


@pytest.mark.slow
@pytest.mark.redis
def test_a_model_is_measured_on_a_real_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    many, few = (link_tree(tmp_path / name, count, EXAMPLES) for name, count in (("m", 600), ("f", 100)))
    data = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.png"))[:64]]
    with TimedFleet(tmp_path / "fleet") as fleet:
        bench = pipeline.Bench(fleet, (many, 600), (few, 100))
        found = json.loads(json.dumps(bench.measure("nano", "cpu", data, 1, 0.01)))

    assert not found["is_default"]
    assert set(found["rates"]) == set(RATES)
    costs_us = {name: it["median"] for name, it in found["costs_us"].items()}
    assert costs_us["solving"] > 0
    assert costs_us["child"] > 0
    assert f"**{found['model']}** on cpu" in pipeline.show(found, Runs((39.0,)).to_object())
    assert list(tmp_path.glob("fleet/run-*")) == [], "run folders of many images are not left behind"
