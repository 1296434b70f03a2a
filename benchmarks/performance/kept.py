"""What each benchmark keeps as JSON, back to the tables that it prints.

Every function takes the content of one file and gives Markdown; the benchmark's own code makes the tables, so
that the document says what the command says. Modules are imported where they are needed: some bring torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from speed.common import Runs

Content = Mapping[str, Any]
Row = TypeVar("Row")


def runs(kept: Content) -> Runs:
    """A figure with all its values."""
    return Runs(tuple(kept["values"]))


def pipeline(content: Content) -> str:
    """Of benchmarks/pipeline.py."""
    import pipeline

    return "\n\n".join(pipeline.show(it, content["floor_us"]) for it in content["models"])


def versus(content: Content) -> str:
    """Of benchmarks/versus.py."""
    from rivals.report import show

    return show(content)


def queue_cost(content: Content) -> str:
    """Of benchmarks/queue_cost.py."""
    import queue_cost

    steps, processes = (
        {name: runs(it) for name, it in content[key].items()} for key in ("steps_us", "processes_us")
    )
    return str(queue_cost.show(steps, processes))


def runtimes(content: Content) -> str:
    """Of benchmarks/runtimes.py."""
    import runtimes

    return "\n\n".join(f"**{it['model']}**:\n\n{runtimes.show(it)}" for it in content["models"])


def image_decoding(content: Content) -> str:
    """Of benchmarks/image_decoding.py."""
    import image_decoding

    missing = ", ".join(content["not_installed"])
    told = [f"Not installed in this run: {missing}."] if missing else []
    return "\n\n".join([*map(image_decoding.show, content["kinds"]), *told])


def scaling(content: Content) -> str:
    """Of benchmarks/scaling.py."""
    import scaling
    from fleet.point import Point

    points = [_row(Point, it) for it in content["points"]]
    return str(scaling.show({(it.workers, it.device): it for it in points}, content["machine"]["cores"]))


def memory_producer(content: Content) -> str:
    """Of benchmarks/memory.py --stage producer."""
    import memory
    from footprint.stages import ProducerPeak

    return str(memory.producer_text([_row(ProducerPeak, it) for it in content["peaks"]]))


def memory_names(content: Content) -> str:
    """Of benchmarks/memory.py --stage names."""
    import memory
    from footprint.stages import NamesPeak

    return str(memory.names_text([_row(NamesPeak, it) for it in content["peaks"]]))


def memory_redis(content: Content) -> str:
    """Of benchmarks/memory.py --stage redis."""
    import memory
    from footprint.stages import RedisPeak

    return str(memory.redis_text([_row(RedisPeak, it) for it in content["peaks"]]))


def memory_worker(content: Content) -> str:
    """Of benchmarks/memory.py --stage worker."""
    import memory
    from footprint.sampling import Series
    from footprint.stages import Resident, WorkerMemory

    processes = tuple(
        Resident(name, Series(tuple(it["seconds"]), tuple(it["values"])), it["peak"])
        for name, it in content["processes"].items()
    )
    found = WorkerMemory(processes, content["seconds"], content["images"], content["jobs"])
    return str(memory.worker_text(found))


def fairness(content: Content) -> str:
    """Of benchmarks/fairness.py."""
    from fairness import Fairness

    sides = content["sides"]
    return Fairness(
        {name: runs(it["seconds"]) for name, it in sides.items()},
        {name: runs(it["command_seconds"]) for name, it in sides.items()},
    ).text()


def cold_files(content: Content) -> str:
    """Of benchmarks/cold_files.py."""
    import cold_files

    return str(cold_files.show(content))


def overlap(content: Content) -> str:
    """Of benchmarks/overlap.py."""
    import overlap

    return overlap.show(content)


def gpu(content: Content) -> str:
    """Of benchmarks/gpu.py."""
    from speed.device import Agreement
    from speed.device_report import STAGES, Report

    kept = {(it["stage"], it["size"], it["side"]): runs(it) for it in content["rates"]}
    # What did not fit into the device's memory is not kept.
    nothing = Runs((math.nan,) * len(next(iter(kept.values())).values))
    return Report(
        **{
            key: content[key] for key in ("device", "model", "flops", "threads", "decided", "peak", "copying")
        },
        calibration={side: (it["micro_batch"], it["seconds"]) for side, it in content["calibration"].items()},
        agreement={side: Agreement(**it) for side, it in content["agreement"].items()},
        rates={
            (stage, size, side): kept.get((stage, size, side), nothing)
            for stage in STAGES
            for _, size, side in kept
        },
        cpu={name: runs(it) for name, it in content["cpu"].items()},
    ).text()


def _row(kind: type[Row], kept: Content) -> Row:
    """A dataclass from what is kept of it, and perhaps of more."""
    names: Iterable[str] = (it.name for it in fields(kind))  # type: ignore[arg-type]
    return kind(**{name: kept[name] for name in names})
