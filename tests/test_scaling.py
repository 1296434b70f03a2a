"""benchmarks/scaling.py: what it measures, concludes and writes; no speed is asserted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import scaling
from fleet.needs import needs
from fleet.point import Plan, Point, middle

EXAMPLES = Path(__file__).parent.parent / "examples" / "captchas"
ONE = Point(1, 1000.0, 990.0, 30.0, 10.0, 10.0, 30.0, 9000.0, 8900.0, 0.03)
EIGHT = replace(ONE, workers=8, rate=7650.0, busiest=0.24)
FASTER = {
    (1, 5000.0): replace(ONE, device=5000.0, rate=4000.0),
    (8, 5000.0): replace(ONE, workers=8, device=5000.0, rate=24_000.0, busiest=0.72),
}
POINTS = {(1, 1000.0): ONE, (8, 1000.0): EIGHT, **FASTER}


def test_the_highest_rate_is_that_of_the_most_workers_that_scale() -> None:
    assert scaling.scaling(POINTS, EIGHT) == pytest.approx(7650 / 7920)
    assert scaling.scaling(POINTS, FASTER[8, 5000.0]) == pytest.approx(0.75)
    assert scaling.highest(POINTS) == EIGHT
    assert scaling.highest(FASTER) is None


def test_without_a_single_worker_the_devices_are_the_measure() -> None:
    assert scaling.scaling({(8, 1000.0): EIGHT}, EIGHT) is None
    assert scaling.highest({(8, 1000.0): EIGHT}) == EIGHT
    assert scaling.highest({(8, 1000.0): replace(EIGHT, rate=7000.0)}) is None


@pytest.mark.parametrize(
    ("point", "said"),
    [
        (EIGHT, "the devices"),
        (replace(EIGHT, device=2000.0), "what a worker does between two batches"),
        (replace(EIGHT, busiest=0.93), "the producer's core"),
        (replace(EIGHT, redis=120.0), "Redis's core"),
        (replace(EIGHT, machine=0.95), "other programs on these cores"),
        (replace(EIGHT, rate=23_000.0), "all 2 cores"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_holds_a_fleet_back_is_named(point: Point, said: str) -> None:
    assert scaling.limit(point, 2) == said


def test_a_point_is_the_medians_of_its_rounds() -> None:
    rounds = [replace(EIGHT, rate=rate, redis=redis) for rate, redis in ((1.0, 9.0), (5.0, 7.0), (3.0, 8.0))]
    assert middle(rounds) == replace(EIGHT, rate=3.0, redis=8.0)


def test_a_job_is_as_long_as_its_steady_state_needs() -> None:
    # Batches grow over 1,024 images and four seconds; a window is outstanding, at the start and at the end.
    assert Plan(10.0).counts(8, 1000.0) == (1024 + 5400 + 32_000, 38_424 + 80_000, 118_424 + 5400)
    assert Plan(10.0, most=5000.0).counts(8, 1000.0)[1] == 1024 + 5400 + 20_000 + 50_000
    assert Plan(1.0, producers=2, batch=10).counts(1, 100.0) == (2048 + 80 + 400, 2528 + 100, 2628 + 80)


def test_the_tables_tell_rates_costs_and_the_verdict() -> None:
    lines = scaling.show(POINTS, 2).splitlines()

    assert lines[:4] == [
        "| device, images/s | rate of 1 | rate of 8 | scaling of 8 | devices used, 8 |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| 1,000 | 990 | 7,650 | 0.966 | 0.956 |",
        "| 5,000 | 4,000 | 24,000 | 0.750 | 0.600 |",
    ]
    assert lines[9:11] == [
        "| 7,650 | 30.0 | 10.0 | 10.0 | 30.0 | 80.0 | 0.61 | 69 | 68 | the devices |",
        "| 24,000 | 30.0 | 10.0 | 10.0 | 30.0 | 80.0 | 1.92 | 216 | 214 | all 2 cores |",
    ]
    assert lines[12] == (
        "Highest rate at which 8 workers reach 0.95: 7,650 images/s, with devices of 1,000 images/s "
        "(goal: 10,000): not met."
    )
    assert lines[14] == (
        "By the costs at 7,650 images/s a core of a producer is full at 33,333 images/s, and one of Redis at "
        "100,000. At 70% of that, fleets take beside their devices:"
    )
    assert lines[18] == "| 10,000 | 277.8 h | 0.09 GB/s | 1 | 1 | 1 | 0.4 |"
    verdict = scaling.show(FASTER, 2).splitlines()[10]
    assert verdict == "No rate at which 8 workers reach 0.95 (goal: at 10,000 images/s): not met."


def test_what_a_fleet_takes_follows_from_what_an_image_costs() -> None:
    # 10 M images/s at 30 us of a producer are 300 cores, 10 us of Redis 100, each 7 tenths full; 9 kB each.
    assert needs(EIGHT, 1e7).row() == [
        *("10,000,000", "0.3 h", "90.00 GB/s", "429", "143", "103", "400.0"),
    ]


@pytest.mark.redis
def test_a_small_sweep_is_measured_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scaling.json"
    sizes = ["--workers", "1", "2", "--rates", "400", "--seconds", "0.5", "--batch-size", "20"]
    places = ["--originals", str(EXAMPLES), "--folder", str(tmp_path), "--json", str(out)]

    code = scaling.main([*sizes, "--rounds", "1", "--producers", "2", "--unix", *places])

    assert code == 0, capsys.readouterr().err
    told = json.loads(out.read_text())
    assert [(point["workers"], point["device"]) for point in told["points"]] == [(1, 400.0), (2, 400.0)]
    for point in told["points"]:
        assert 0 < point["machine"] < 1.1
        # The bytes of every image go into Redis once and out of it once.
        assert min(point["rate"], point["received"], point["sent"], point["children"]) > 0
    assert told["points"][0]["scaling"] == 1.0
    assert (told["benchmark"], told["socket"], told["producers"]) == ("scaling", "unix", 2)
    assert (
        "| device, images/s | rate of 1 | rate of 2 | scaling of 2 | devices used, 2 |"
        in capsys.readouterr().out
    )


def test_a_folder_without_images_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scaling.main(["--originals", str(tmp_path), "--folder", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"scaling.py: {tmp_path} has no images\n"
