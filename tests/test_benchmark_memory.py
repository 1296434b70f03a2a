"""benchmarks/memory.py: its arithmetic, its tables, each stage once on a few images; no size is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import memory
import psutil
import pytest
from footprint import names, stages
from footprint.sampling import Peak, Series, slope, watch
from footprint.stages import ProducerPeak, RedisPeak, Resident, StageError, WorkerMemory

EXAMPLES = Path(__file__).parent.parent / "examples" / "captchas"
MB = 10**6


def test_a_slope_is_that_of_the_line_through_all_points() -> None:
    assert slope([10, 20, 30], [105, 115, 125]) == 1.0
    assert slope([1, 2, 3], [0, 1, 0]) == 0.0
    assert slope([7], [100]) == slope([7, 7], [100, 300]) == 0.0


def test_a_series_compares_its_first_third_with_its_last() -> None:
    series = Series((0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0), (10, 20, 0, 0, 0, 30, 50))

    assert (series.first_third, series.last_third) == (15, 40)
    assert Series((0.0,), (5,)).first_third == Series((0.0,), (5,)).last_third == 5


SLEEPER = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]


@pytest.fixture
def sleeper() -> Any:
    """A process that does nothing until it is told to end."""
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_peak_of_a_process_is_what_it_once_had_until_its_end() -> None:
    script = "a = bytearray(60_000_000); a = None; import sys; sys.stdin.read()"
    with (
        subprocess.Popen([sys.executable, "-S", "-c", script], stdin=subprocess.PIPE) as process,
        Peak(process.pid, 0.005) as peak,
    ):
        deadline = time.monotonic() + 60
        while peak.bytes < 60_000_000 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.communicate()

    assert 60_000_000 < peak.bytes < 120_000_000


def test_processes_are_watched_for_as_long_as_they_are_kept_busy(sleeper: subprocess.Popen[bytes]) -> None:
    rounds: list[float] = []

    def busy() -> None:
        rounds.append(time.monotonic())
        time.sleep(0.05)

    (series,) = watch([sleeper.pid], 0.2, 0.01, busy)

    assert len(rounds) >= 2
    assert len(series.values) == len(series.seconds) >= 3
    assert min(series.values) > 0


def test_a_watched_process_that_ends_is_told(sleeper: subprocess.Popen[bytes]) -> None:
    def end() -> None:
        sleeper.kill()
        sleeper.wait()
        time.sleep(0.05)

    with pytest.raises(psutil.NoSuchProcess):
        watch([sleeper.pid], 60, 0.01, end)


def test_the_producers_table_has_the_cost_of_a_file_and_judges_the_goals_number_alone() -> None:
    few = [ProducerPeak("folders", 10_000, 66 * MB, 1.0, 1), ProducerPeak("folders", 20_000, 67 * MB, 1.0, 1)]
    many = [
        *few,
        ProducerPeak("list", 10_000, 70 * MB, 1.0, 1),
        ProducerPeak("list", 20_000, 70 * MB, 1.0, 1),
    ]

    assert memory.producer_text(many).splitlines() == [
        "| producer's peak, MB | 10,000 files | 20,000 files | bytes a file |",
        "| --- | ---: | ---: | ---: |",
        "| folders: 10,000 files a folder | 66.0 | 67.0 | 100.0 |",
        "| list: the same files by --from-list | 70.0 | 70.0 | 0.0 |",
    ]

    for peak, verdict in ((299 * MB, "met"), (300 * MB, "not met")):
        text = memory.producer_text([*few, ProducerPeak("folders", 1_000_000, peak, 1.0, 1)])
        assert text.splitlines()[-1] == (
            f"Goal: under 300 MB for 1,000,000 files: {verdict} (the most: {peak / MB:.1f} MB, folders)"
        )


def test_redis_is_told_in_windows() -> None:
    row = RedisPeak(4 * 2**20, 1 * MB, 1 * MB + 3 * 2**20, 2 * MB, 50 * MB)

    assert memory.redis_text([row]).splitlines()[2] == "| 4 MiB | 50.0 | 1.0 | 4.1 | 2.0 | 0.75 |"


def test_a_workers_growth_is_told_in_megabytes_an_hour() -> None:
    series = Series((0.0, 60.0, 120.0), (100 * MB, 101 * MB, 102 * MB))
    found = WorkerMemory((Resident("child", series, 110 * MB),), 120.0, 1500, 3)

    assert memory.worker_text(found).splitlines() == [
        "1,500 images in 3 jobs, 2.0 minutes",
        "",
        "| resident, MB | first third | last third | last / first | MB an hour | peak |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| child | 100.0 | 102.0 | 1.0200 | +60.00 | 110.0 |",
    ]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["memory.py", "--images", str(EXAMPLES), *arguments])
    return memory.main()


needs_redis = pytest.mark.redis
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@needs_redis
@linux
def test_the_producers_stage_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.json"
    options = ["--files", "40", "--shapes", "one folder", "list", "table", "--folder", str(tmp_path)]

    assert run(monkeypatch, "--stage", "producer", *options, "--json", str(out)) == 0

    told = json.loads(out.read_text())
    shapes = ["one folder", "list", "table"]
    assert [(row["shape"], row["files"]) for row in told["peaks"]] == [(shape, 40) for shape in shapes]
    assert min(row["peak"] for row in told["peaks"]) > 10 * MB
    assert list(told["bytes_a_file"]) == shapes
    assert list(tmp_path.iterdir()) == [out], "links and run folders are gone"


@linux
def test_the_stage_of_names_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.json"

    assert run(monkeypatch, "--stage", "names", "--names", "1000", "150000", "--json", str(out)) == 0

    told = json.loads(out.read_text())
    assert [row["names"] for row in told["peaks"]] == [1000, 150_000]
    assert min(row["peak"] for row in told["peaks"]) > 10 * MB


def test_the_names_that_are_sorted_are_distinct_and_out_of_order() -> None:
    made = list(names.names(20_000))

    assert len(set(made)) == 20_000
    assert made != sorted(made)


@needs_redis
@linux
def test_the_stage_of_redis_runs_and_the_window_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.json"
    options = ["--windows", "1", "--workers", "2", "--rate", "500", "--json", str(out)]

    assert run(monkeypatch, "--stage", "redis", *options) == 0

    (row,) = json.loads(out.read_text())["peaks"]
    assert row["sent"] > 2.5 * row["window"]
    assert row["over"] > 0


@needs_redis
@linux
def test_the_workers_stage_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def quickly(folder: Path, originals: Path, seconds: float, files: int, every_s: float) -> WorkerMemory:
        assert every_s == 1.0
        return stages.worker_memory(
            folder, originals, seconds, files, 0.05, lambda fleet: fleet.start_pretended(1, 1e9, "nano")[0]
        )

    monkeypatch.setattr(memory, "worker_memory", quickly)
    out = tmp_path / "out.json"

    assert run(monkeypatch, "--stage", "worker", "--minutes", "0.001", "--job", "30", "--json", str(out)) == 0

    told = json.loads(out.read_text())
    assert (told["jobs"], told["images"]) == (1, 30)
    assert set(told["processes"]) == {"parent", "child"}
    assert all(it["peak"] >= max(it["values"]) > 0 for it in told["processes"].values())
    assert "30 images in 1 jobs" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["memory.py", "--stage", "redis", "--images", str(tmp_path / "gone")])

    assert memory.main() == 2
    told = f"{tmp_path / 'gone'} is no folder; name its parent in CAPTCHAFLEET_DATA, or give --images"
    assert capsys.readouterr().err == f"memory.py: {told}\n"


def test_a_job_that_fails_ends_the_stage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> Any:
        raise StageError("the producer ended with 4: Error: no worker")

    monkeypatch.setattr(memory, "redis_peaks", fail)

    assert run(monkeypatch, "--stage", "redis") == 1
    assert capsys.readouterr().err == "memory.py: the producer ended with 4: Error: no worker\n"
