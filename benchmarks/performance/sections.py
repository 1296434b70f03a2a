"""What docs/performance.md tells of, in order: each benchmark with its command, its file and its goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from performance import kept

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """A goal that a benchmark measures.

    Attributes:
        what: is measured.
        goal: in words.
        judge: from the file's content, what was found in words and whether that meets the goal; None where
            this run did not measure it.
    """

    what: str
    goal: str
    judge: Callable[[Content], tuple[str, bool] | None]


@dataclass(frozen=True)
class Section:
    """A benchmark.

    Attributes:
        file: in docs/runs/performance, without its suffix.
        title: of the section.
        command: that measures it and writes the file.
        tables: from the file's content to Markdown.
        goals: of it.
        needs_gpu: whether it measures nothing where there is none.
    """

    file: str
    title: str
    command: str
    tables: Callable[[Content], str]
    goals: tuple[Goal, ...] = ()
    needs_gpu: bool = False


def at_least(goal: float, form: str, find: Callable[[Content], float | None]) -> Callable[[Content], Any]:
    """A judge of a figure that should be so large."""
    return _judge(form, find, lambda found: found >= goal)


def at_most(goal: float, form: str, find: Callable[[Content], float | None]) -> Callable[[Content], Any]:
    """A judge of a figure that should be no larger."""
    return _judge(form, find, lambda found: found <= goal)


def _judge(
    form: str, find: Callable[[Content], float | None], is_met: Callable[[float], bool]
) -> Callable[[Content], tuple[str, bool] | None]:
    def judge(content: Content) -> tuple[str, bool] | None:
        found = find(content)
        return None if found is None else (format(found, form), is_met(found))

    return judge


def _of_model(name: str, find: Callable[[Content], Any]) -> Callable[[Content], float | None]:
    """The figure of one model among several."""

    def found(content: Content) -> float | None:
        models = content.get("models") or content["ours"]
        of_it = [it for it in models if it["model"].partition("@")[0] == name]
        return float(find(of_it[0])) if of_it else None

    return found


def _ratio(name: str, which: str) -> Callable[[Content], float | None]:
    return _of_model(name, lambda it: it["ratios"][which]["median"])


def _queue(name: str) -> Callable[[Content], float | None]:
    return _of_model(name, lambda it: it["costs_us"]["queue"]["median"])


def _times(name: str) -> Callable[[Content], float | None]:
    """Ours over the faster of the peer's networks, in its fastest setting."""

    def found(content: Content) -> float | None:
        ratios = [it for model, it in content["ratios"].items() if model.partition("@")[0] == name]
        peers = [it["median"] for reader, it in (ratios[0] if ratios else {}).items() if "ddddocr" in reader]
        return min(peers, default=None)

    return found


def _more(name: str) -> Callable[[Content], tuple[str, bool] | None]:
    def judge(content: Content) -> tuple[str, bool] | None:
        ours = [it["accuracy"] for it in content["ours"] if it["model"].partition("@")[0] == name]
        theirs = [
            figure["value"]
            for it in content["rivals"]
            if it["name"].startswith("ddddocr")
            for figure in it["accuracy"]
        ]
        if not (ours and ours[0] and theirs):
            return None
        return f"{ours[0]['value']:.2%} and {max(theirs):.2%}", ours[0]["value"] > max(theirs)

    return judge


def _peak_of_a_million(content: Content) -> float | None:
    peaks = [it["peak"] / 1e6 for it in content["peaks"] if it["files"] == content["goal_files"]]
    return max(peaks, default=None)


def _highest(content: Content) -> float | None:
    return None if content["highest"] is None else float(content["highest"]["rate"])


_PYTHON = ".venv/bin/python benchmarks/"
_KEPT = "--json docs/runs/performance/"
_SOLVE, _WHOLE = "solve / bound", "whole system / solve"

SECTIONS = (
    Section(
        "pipeline",
        "One machine, from pixels to the whole system",
        f"{_PYTHON}pipeline.py {_KEPT}pipeline.json",
        kept.pipeline,
        (
            *(
                Goal(
                    f"`{name}`: `Solver.solve` over 1 / (1/F + 1/D + 1/C)",
                    "at least 0.9",
                    at_least(0.9, ".3f", _ratio(name, _SOLVE)),
                )
                for name in ("kaptcha", "nano")
            ),
            Goal(
                "`kaptcha`: the whole system over `Solver.solve`",
                "at least 0.9",
                at_least(0.9, ".3f", _ratio("kaptcha", _WHOLE)),
            ),
            Goal("`nano`: the queue, µs an image", "at most 120", at_most(120, ".0f", _queue("nano"))),
        ),
    ),
    Section(
        "versus",
        "Beside what a user would run instead",
        f"{_PYTHON}versus.py --setup && {_PYTHON}versus.py {_KEPT}versus.json",
        kept.versus,
        (
            *(
                Goal(f"`{name}`: times ddddocr 1.6.1, end to end", f"at least {goal}",
                     at_least(goal, ".1f", _times(name)))
                for name, goal in (("kaptcha", 12), ("nano", 35))
            ),
            *(
                Goal(f"`{name}` and ddddocr: exact match", "higher", _more(name))
                for name in ("kaptcha", "nano")
            ),
        ),
    ),
    Section(
        "runtimes",
        "What runs the forward pass",
        f"{_PYTHON}runtimes.py {_KEPT}runtimes.json",
        kept.runtimes,
    ),
    Section(
        "image_decoding",
        "Image decoding",
        f"{_PYTHON}image_decoding.py {_KEPT}image_decoding.json",
        kept.image_decoding,
    ),
    Section(
        "queue_cost",
        "The queue, step by step",
        f"{_PYTHON}queue_cost.py {_KEPT}queue_cost.json",
        kept.queue_cost,
    ),
    Section(
        "cold_files",
        "Files that are not in memory",
        f"{_PYTHON}cold_files.py {_KEPT}cold_files.json",
        kept.cold_files,
    ),
    Section(
        "overlap",
        "Beside a GPU's forward pass: a stand-in that only waits",
        f"{_PYTHON}overlap.py {_KEPT}overlap.json",
        kept.overlap,
        (
            Goal(
                "a GPU's stand-in, `kaptcha`: `Solver.solve` over its slowest part",
                "at least 0.9",
                at_least(0.9, ".2f", lambda content: float(content["worst"])),
            ),
        ),
    ),
    Section(
        "gpu",
        "One GPU",
        f"{_PYTHON}gpu.py {_KEPT}gpu.json",
        kept.gpu,
        (
            Goal(
                "one H200, `kaptcha`: forward and CTC decoding, images/s",
                "at least 1,000,000",
                at_least(1e6, ",.0f", lambda content: float(content["best"]["images_s"])),
            ),
            Goal(
                "one GPU: `Solver.solve` over image decoding by the same threads",
                "at least 0.9",
                at_least(0.9, ".2f", lambda content: float(content["best"]["solve_over_images"])),
            ),
        ),
        needs_gpu=True,
    ),
    Section(
        "scaling",
        "Many workers, one Redis",
        f"{_PYTHON}scaling.py {_KEPT}scaling.json",
        kept.scaling,
        (
            Goal(
                "highest rate of 8 workers at an efficiency of 0.95, images/s",
                "at least 10,000",
                at_least(10_000, ",.0f", _highest),
            ),
        ),
    ),
    Section(
        "memory_producer",
        "Memory of the producer",
        f"{_PYTHON}memory.py --stage producer {_KEPT}memory_producer.json",
        kept.memory_producer,
        (
            Goal(
                "the producer's peak for 1,000,000 files, MB",
                "under 300",
                at_most(300, ".0f", _peak_of_a_million),
            ),
        ),
    ),
    Section(
        "memory_names",
        "Memory of the scan, by names alone",
        f"{_PYTHON}memory.py --stage names {_KEPT}memory_names.json",
        kept.memory_names,
    ),
    Section(
        "memory_redis",
        "Memory of Redis",
        f"{_PYTHON}memory.py --stage redis {_KEPT}memory_redis.json",
        kept.memory_redis,
    ),
    Section(
        "memory_worker",
        "Memory of a worker",
        f"{_PYTHON}memory.py --stage worker --minutes 60 {_KEPT}memory_worker.json",
        kept.memory_worker,
    ),
    Section(
        "fairness",
        "Several jobs at once",
        f"{_PYTHON}fairness.py {_KEPT}fairness.json",
        kept.fairness,
        (
            Goal(
                "1,000 images beside jobs of 200,000: times the time alone",
                "at most 3",
                at_most(3, ".2f", lambda content: float(content["worst"])),
            ),
        ),
    ),
)  # fmt: skip
