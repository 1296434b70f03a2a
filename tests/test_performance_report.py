"""docs/performance.md: it shows what is kept, says what is not, and each JSON gives its own tables."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import fairness
import image_decoding
import memory
import overlap
import performance_report
import pytest
import queue_cost
import scaling
from fleet.point import Point
from footprint.sampling import Series
from footprint.stages import NamesPeak, ProducerPeak, RedisPeak, Resident, WorkerMemory
from performance import kept
from performance.sections import SECTIONS, Section
from performance_report import DOCUMENT, END, START, DamagedError, goals, load, renew, report
from speed.common import Machine, Runs
from speed.device import Agreement
from speed.device_report import STAGES, Report

MACHINE = Machine("a processor", 2, "Linux x86_64", "3.11.7", 0.0)
OVERLAP_SIDES = (overlap.HIDDEN, overlap.PLAIN)
ONE, TWO = Runs((1.0, 3.0)), Runs((4.0, 4.5))


def as_kept(figures: Mapping[str, Any]) -> dict[str, Any]:
    """What a file holds of some figures."""
    content: dict[str, Any] = json.loads(
        json.dumps({"benchmark": "b", "machine": asdict(MACHINE), **figures})
    )
    return content


# --- the document


def test_the_committed_document_shows_what_is_kept() -> None:
    said = "run benchmarks/performance_report.py, and commit docs/performance.md"
    assert f"{START}{report(load())}\n{END}" in DOCUMENT.read_text(encoding="utf-8"), said


def test_what_is_not_measured_says_so_with_its_command() -> None:
    text = report({})
    for section in SECTIONS:
        head = f"## {section.title}\n\n```sh\n{section.command}\n```"
        assert f"{head}\n\nThis is not measured yet; the command above does it." in text
        assert f"docs/runs/performance/{section.file}.json" in section.command
    rows = goals({}).splitlines()[4:]
    assert len(rows) == sum(len(section.goals) for section in SECTIONS)
    assert all(row.endswith("| not measured yet | - |") for row in rows)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda it: it.file)
def test_every_command_names_a_script_that_is_there(section: Section) -> None:
    scripts = [word for word in section.command.split() if word.endswith(".py")]
    assert scripts
    for script in scripts:
        assert (DOCUMENT.parent.parent / script).is_file()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fairness.json"
    path.write_text('{"goal": 3}')
    with pytest.raises(DamagedError) as refusal:
        load(tmp_path)
    assert str(refusal.value) == f"{path} holds no figures of a benchmark ('machine'); measure it again"
    path.write_text(json.dumps(as_kept({"worst": 1.0, "sides": {"alone": {}}})))
    with pytest.raises(DamagedError) as refusal:
        report(load(tmp_path))
    said = "fairness.json is of another version of its benchmark (KeyError('seconds')); measure it again"
    assert str(refusal.value) == said


def test_the_document_gets_the_figures_between_its_markers(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text(f"before\n{START}old\n{END}after\n")
    renew(path, "new")
    assert path.read_text() == f"before\n{START}new\n{END}after\n"
    path.write_text("nothing")
    with pytest.raises(DamagedError) as refusal:
        renew(path, "new")
    assert str(refusal.value) == f"{path} has no place for the figures; put both markers back"


# --- goals


def judged(file: str, content: Mapping[str, Any]) -> list[tuple[str, bool] | None]:
    (section,) = [it for it in SECTIONS if it.file == file]
    return [goal.judge(content) for goal in section.goals]


def test_the_goals_of_the_pipeline_are_those_of_their_models() -> None:
    def model(name: str, solve: float, whole: float, queue: float) -> dict[str, Any]:
        ratios = {"solve / bound": {"median": solve}, "whole system / solve": {"median": whole}}
        return {"model": f"{name}@1", "ratios": ratios, "costs_us": {"queue": {"median": queue}}}

    both = {"models": [model("nano", 0.89, 0.1, 120.0), model("kaptcha", 0.9, 0.95, 500.0)]}
    assert judged("pipeline", both) == [("0.900", True), ("0.890", False), ("0.950", True), ("120", True)]
    assert judged("pipeline", {"models": both["models"][:1]}) == [None, ("0.890", False), None, ("120", True)]


def test_the_goals_beside_others_take_the_faster_and_the_better_network() -> None:
    def of(name: str, value: float) -> dict[str, Any]:
        return {"model": f"{name}@1", "accuracy": {"value": value}}

    rivals = [
        {"name": "ddddocr", "accuracy": [{"value": 0.90}, {"value": 0.91}]},
        {"name": "ddddocr beta", "accuracy": [{"value": 0.95}]},
        {"name": "RapidOCR", "accuracy": [{"value": 0.99}]},
    ]
    ratios = {
        "kaptcha@1": {
            "ddddocr": {"median": 12.0},
            "ddddocr beta": {"median": 30.0},
            "RapidOCR": {"median": 2},
        },
        "nano@1": {"ddddocr": {"median": 34.9}, "ddddocr beta": {"median": 90.0}},
    }
    content = {"ours": [of("kaptcha", 0.96), of("nano", 0.95)], "rivals": rivals, "ratios": ratios}
    assert judged("versus", content) == [
        ("12.0", True),
        ("34.9", False),
        ("96.00% and 95.00%", True),
        ("95.00% and 95.00%", False),
    ]
    nobody = {"ours": content["ours"], "rivals": [], "ratios": {"kaptcha@1": {}, "nano@1": {}}}
    assert judged("versus", nobody) == [None, None, None, None]


def test_goals_of_scale_memory_fairness_and_gpu() -> None:
    assert judged("scaling", {"highest": {"rate": 9_999.0}}) == [("9,999", False)]
    assert judged("scaling", {"highest": None}) == [None]
    peaks = [{"files": 10, "peak": 400e6}, {"files": 1_000, "peak": 250e6}, {"files": 1_000, "peak": 290e6}]
    assert judged("memory_producer", {"goal_files": 1_000, "peaks": peaks}) == [("290", True)]
    assert judged("memory_producer", {"goal_files": 1_000, "peaks": peaks[:1]}) == [None]
    assert judged("fairness", {"worst": 3.0}) == [("3.00", True)]
    assert judged("overlap", {"worst": 0.9}) == [("0.90", True)]
    best = {"images_s": 1e6, "solve_over_images": 0.89}
    assert judged("gpu", {"best": best}) == [("1,000,000", True), ("0.89", False)]


# --- each benchmark's own tables


def test_tables_of_the_queue() -> None:
    steps = {queue_cost.FLOOR: ONE, **dict.fromkeys(queue_cost.STEPS, TWO)}
    processes = dict.fromkeys(queue_cost.PROCESSES, ONE)
    figures = {
        "steps_us": {name: it.to_object() for name, it in steps.items()},
        "processes_us": {name: it.to_object() for name, it in processes.items()},
    }
    assert kept.queue_cost(as_kept(figures)) == queue_cost.show(steps, processes)


def test_tables_of_image_decoding() -> None:
    rate = {"threads": 1, "images_per_second": TWO.to_object(), "ratio": ONE.to_object()}
    kind = {"kind": "png", "images": 8, "mean_bytes": 8_800.0, "sides": [{"name": "ours", "threads": [rate]}]}
    text = kept.image_decoding(as_kept({"kinds": [kind, kind], "not_installed": ["pyspng"]}))
    assert (
        text
        == f"{image_decoding.show(kind)}\n\n{image_decoding.show(kind)}\n\nNot installed in this run: pyspng."
    )
    assert kept.image_decoding(as_kept({"kinds": [kind], "not_installed": []})) == image_decoding.show(kind)


def test_tables_of_cold_files() -> None:
    figures = {
        "microseconds": {"one after another, on disk": TWO.to_object()},
        "gain": {"on disk": ONE.to_object()},
    }
    assert kept.cold_files(as_kept(figures)).splitlines()[2:] == [
        "| one after another, on disk | 4.2 | 4.0 | 4.5 |",
        "",
        "on disk: 2.00 times as fast, 1.00 to 3.00",
    ]


def test_tables_of_scaling() -> None:
    points = {(n, 500.0): Point(n, 500.0, 490.0 * n, 30.0, 5.0, 9.0, 40.0, 9e3, 9.1e3, 0.1) for n in (1, 8)}
    figures = {"points": [{**asdict(it), "of_devices": it.of_devices} for it in points.values()]}
    assert kept.scaling(as_kept(figures)) == scaling.show(points, MACHINE.cores)


def test_tables_of_fairness() -> None:
    found = fairness.Fairness({fairness.ALONE: ONE, "beside one": TWO}, dict.fromkeys(fairness.SIDES, TWO))
    assert kept.fairness(as_kept(found.to_object())) == found.text()


def test_tables_of_memory() -> None:
    shape = next(iter(memory.SHAPES))
    producer = [ProducerPeak(shape, count, 50_000_000 + count, 1.0, 9) for count in (1_000, 1_000_000)]
    redis = [RedisPeak(2**22, 10**6, 5 * 10**6, 10**6, 10**8)]
    series = Series((0.0, 1.0, 2.0), (10**8, 10**8, 10**8 + 10))
    worker = WorkerMemory((Resident("parent", series, 2 * 10**8),), 120.0, 5_000, 3)
    rows = {
        "parent": {"seconds": series.seconds, "values": series.values, "peak": 2 * 10**8, "first_third": 1.0}
    }
    assert kept.memory_producer(as_kept({"peaks": list(map(asdict, producer))})) == memory.producer_text(
        producer
    )
    names = [NamesPeak(count, 40_000_000) for count in (10, 10_000_000)]
    assert kept.memory_names(as_kept({"peaks": list(map(asdict, names))})) == memory.names_text(names)
    peaks = [{**asdict(it), "over": it.over} for it in redis]
    assert kept.memory_redis(as_kept({"peaks": peaks})) == memory.redis_text(redis)
    figures = {"seconds": 120.0, "images": 5_000, "jobs": 3, "processes": rows}
    assert kept.memory_worker(as_kept(figures)) == memory.worker_text(worker)


def test_tables_of_a_stand_in() -> None:
    point = {"device": 9.0, "bound": TWO.to_object(), **{side: ONE.to_object() for side in OVERLAP_SIDES}}
    point["over_bound"] = {side: ONE.to_object() for side in OVERLAP_SIDES}
    alone = {name: TWO.to_object() for name in (overlap.D, overlap.C)}
    figures = {**alone, "points": [point], "worst": 0.5}
    assert kept.overlap(as_kept(figures)) == overlap.show(figures)


def test_tables_of_a_gpu_also_where_memory_was_too_small() -> None:
    side, nothing = "torch float32", Runs((math.nan, math.nan))
    rates = {(stage, 8, side): TWO for stage in STAGES} | {(stage, 64, side): nothing for stage in STAGES}
    rates["forward", 64, side] = ONE
    found = Report(
        device="a device",
        model="nano",
        flops=10**9,
        threads=2,
        calibration={side: (8, 0.1)},
        agreement={side: Agreement(8, 0, 1e-6)},
        decided=0.9,
        peak={"float32": 1e12},
        copying=1e9,
        rates=rates,
        cpu=dict.fromkeys(("image decoding", "image decoding, one thread", "CTC decoding, one core"), ONE),
    )
    assert kept.gpu(as_kept(found.to_object())) == found.text()


# --- the command


def test_a_command_prints_or_renews(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"{START}{END}")
    monkeypatch.setattr(performance_report, "DOCUMENT", document)
    monkeypatch.setattr(performance_report, "load", _nothing)

    assert performance_report.main(["--print"]) == 0
    assert capsys.readouterr().out == report({}) + "\n"
    assert document.read_text() == f"{START}{END}"
    assert performance_report.main([]) == 0
    assert document.read_text() == f"{START}{report({})}\n{END}"
    document.write_text("nothing")
    assert performance_report.main([]) == 1
    error = f"performance_report.py: {document} has no place for the figures; put both markers back\n"
    assert capsys.readouterr().err == error


def test_the_commands_are_those_of_the_document_but_for_the_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert performance_report.main(["--commands"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [section.command for section in SECTIONS if section.file != "gpu"]


_nothing: Callable[[], dict[str, Any]] = dict
