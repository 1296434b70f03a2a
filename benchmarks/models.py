"""docs/models.md: what the shipped models reach, from committed answers and runs.

    python benchmarks/models.py zero --model zoo/kaptcha-zero.json   # a model of no real image, parts 2-9
    python benchmarks/models.py both                                 # the mean of kaptcha and nano
    python benchmarks/models.py tables                               # renews the tables and docs/samples.png

Sources, all in docs/runs: {kaptcha,nano}-seed-N.csv (`model-zoo cross-validate`), {kaptcha,nano}-zero.csv (by
the first command), ablation.csv and samples.csv (benchmarks/accuracy.py), speed.json (zoo_speed.py). Needs
matplotlib (extra `train`).

Exit codes: 0 done, 1 a source that is missing or damaged.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accuracy import SEEDS, Run, read_runs
from label_audit import ANSWERS as AUDIT_ANSWERS
from label_audit import READINGS, items, read_readings, verdict
from label_audit import SEED as AUDIT_SEED
from zoo_speed import Entry, speed_table

from model_zoo.cards import find_card
from model_zoo.charset import Charset
from model_zoo.constraints import parse_constraints
from model_zoo.decode import decode
from model_zoo.errors import ZooError
from model_zoo.split import labelled_files
from model_zoo.statistics import wilson_interval
from model_zoo.training.folds import FoldAnswer, read_answers, read_frames, share

ROOT = Path(__file__).parent.parent
DOCS, RUNS = ROOT / "docs", ROOT / "docs/runs"
DATA = Path(os.environ.get("CAPTCHAFLEET_DATA", ROOT / "../shared/data")) / "captcha_images_v2"
MODELS, FOLD_SEEDS = ("kaptcha", "nano"), (0, 1, 2)
CHOSEN_ON = (0, 1)  # parts that chose recipe, fonts and architecture


def fold_answers() -> dict[tuple[str, int], list[FoldAnswer]]:
    """(model, seed) -> its out-of-fold answers."""
    answers = {
        (model, seed): read_answers(RUNS / f"{model}-seed-{seed}.csv")
        for model in MODELS
        for seed in FOLD_SEEDS
    }
    return {**answers, ("both", FOLD_SEEDS[0]): read_answers(RUNS / f"both-seed-{FOLD_SEEDS[0]}.csv")}


def out_of_fold(answers: dict[tuple[str, int], list[FoldAnswer]]) -> str:
    """A row for each model and seed: all images, those that chose nothing, audited labels."""
    lines = [
        "| model | seed | all 884 | with the length | parts 2-9 alone | on audited labels |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    audited = audited_labels()
    for (model, seed), found in answers.items():
        rest = [it for it in found if it.part not in CHOSEN_ON]
        right = sum(audited.get(it.file, it.label) == it.text for it in found)
        cells = (
            _share(share(found, length_known=False).right, len(found)),
            _share(share(found, length_known=True).right, len(found)),
            _share(share(rest, length_known=False).right, len(rest)),
            _share(right, len(found)),
        )
        lines.append(f"| {model} | {seed} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def audited_labels() -> dict[str, str | None]:
    """File -> the reading where the label is wrong, None where it cannot be decided."""
    chosen = items([read_answers(path) for path in AUDIT_ANSWERS], AUDIT_SEED)
    readings = read_readings(READINGS)
    verdicts = {it.file: (verdict(it, readings[it.number]), readings[it.number].reading) for it in chosen}
    return {
        file: None if word == "undecidable" else reading
        for file, (word, reading) in verdicts.items()
        if word != "stands"
    }


def errors(answers: dict[tuple[str, int], list[FoldAnswer]]) -> str:
    """Every image that any network read wrong, with what each seed made of it."""
    wrong = sorted({it.file for found in answers.values() for it in found if it.text != it.label})
    by_file = {key: {it.file: it for it in found} for key, found in answers.items()}
    head = " | ".join(f"{model} {seed}" for model, seed in answers)
    lines = [f"| file | label | {head} | audit |", "|---|---|" + "---|" * (len(answers) + 1)]
    audited = audited_labels()
    for file in wrong:
        label = next(iter(by_file.values()))[file].label
        cells = " | ".join(_answer(each[file]) for each in by_file.values())
        said = audited.get(file, "-")
        lines.append(f"| `{file}` | {label} | {cells} | {'undecidable' if said is None else said} |")
    return "\n".join(lines)


def _answer(it: FoldAnswer) -> str:
    if it.text == it.label:
        return "right"
    also = "" if it.length_text == it.text else f"; with the length {_answer_text(it)}"
    return f"{it.text or 'nothing'} ({it.probability:.3f}){also}"


def _answer_text(it: FoldAnswer) -> str:
    return "right" if it.length_text == it.label else it.length_text or "nothing"


def zero_table() -> str:
    """What a model that saw no real image reads of parts 2-9, and which characters it mistakes."""
    lines = ["| model | parts 2-9 | with the length |", "|---|---:|---:|"]
    mistaken: list[str] = []
    for model in MODELS:
        found = read_answers(RUNS / f"{model}-zero.csv")
        free, known = (share(found, length_known=it).right for it in (False, True))
        lines.append(f"| {model}-zero | {_share(free, len(found))} | {_share(known, len(found))} |")
        confusions = Counter(
            f"{a} as {b}" for it in found for a, b in zip(it.label, it.length_text, strict=False) if a != b
        )
        wrong = [f"`{it.file}` as {it.text}" for it in found if it.text != it.label]
        told = ", ".join(f"{pair} ({count})" for pair, count in confusions.most_common()) or "none"
        mistaken.append(
            f"{model}-zero reads {', '.join(wrong) or 'none'} wrong; characters mistaken: {told}."
        )
    return "\n".join([*lines, "", *mistaken])


def ablation_table() -> str:
    """One line a setting, its seeds side by side."""
    runs = read_runs(RUNS / "ablation.csv")
    lines = [
        "| setting | right of 172 | with the length | with further strokes, of 688 | loss |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys(run.name for run in runs):
        same = [run for run in runs if run.name == name]
        cells: list[Callable[[Run], str]] = [
            lambda it: str(it.right),
            lambda it: str(it.right_with_length),
            lambda it: str(it.hard_right),
            lambda it: f"{it.loss:.3f}",
        ]
        lines.append(f"| {name} | " + " | ".join(", ".join(map(cell, same)) for cell in cells) + " |")
    return "\n".join(lines)


def samples_table() -> str:
    """Real images against what is read, with and without the synthetic start."""
    runs = read_runs(RUNS / "samples.csv")
    n = runs[0].n
    lines = [
        f"| real images | from the synthetic start, right of {n} | from scratch |",
        "|---:|---:|---:|",
    ]
    for count in sorted({run.images for run in runs}):
        cells = (
            ", ".join(str(run.right) for run in runs if (run.images, run.start) == (count, start)) or "-"
            for start in ("synthetic", "scratch")
        )
        lines.append(f"| {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw_samples(path: Path) -> None:
    """The curve as a picture, with 95 % Wilson intervals of the first seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    runs = read_runs(RUNS / "samples.csv")
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for start, colour, title in (
        ("synthetic", "#0072B2", "from the synthetic start"),
        ("scratch", "#D55E00", "from scratch"),
    ):
        for seed in SEEDS:
            same = sorted(
                (run for run in runs if (run.start, run.seed) == (start, seed)), key=lambda it: it.images
            )
            values = np.array([100 * run.right / run.n for run in same])
            ends = np.array([wilson_interval(run.right, run.n) for run in same]).T * 100
            bars = None if seed else np.abs(ends - values)
            axes.errorbar(
                [run.images for run in same], values, yerr=bars, color=colour, marker="o", capsize=3,
                alpha=0.5 if seed else 1, label=f"{title}, draw {seed}",
            )  # fmt: skip
    axes.set(xlabel="real training images", ylabel="exact match on parts 2-3, %", ylim=(0, 102))
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def write_zero(name: str) -> Path:
    """Read parts 2-9 with a model of no real image; its answers as a CSV."""
    from model_zoo.solver import load_solver

    solver = load_solver(name, "cpu")
    files = [file for file in labelled_files(DATA) if file.part_number not in CHOSEN_ON]
    paths = [file.path for file in files]
    free, known = (
        solver.solve(paths, it, decoder="exact")
        for it in (parse_constraints(), parse_constraints(length="5"))
    )
    path = RUNS / f"{solver.card.name}.csv"
    rows = zip(files, free, known, strict=True)
    _write(path, [(it.path.name, it.label, it.part_number, a, b) for it, a, b in rows])
    return path


def write_both(folds: Path) -> Path:
    """The out-of-fold answers of the two models' mean, as an ensemble reads (`model_zoo.ensemble`)."""
    seed = FOLD_SEEDS[0]
    outs = [folds / f"{model}-seed-{seed}.csv" for model in MODELS]
    answers = read_answers(outs[0])
    if [it.file for it in answers] != [it.file for it in read_answers(outs[1])]:
        raise ZooError(f"{outs[0]} and {outs[1]} answer different images; finish both cross-validations")
    frames = np.logaddexp(*(read_frames(out) for out in outs)) - np.log(2)
    charset = Charset(find_card(MODELS[0]).card.charset)
    free, known = (
        decode(torch.from_numpy(frames), charset, it)
        for it in (parse_constraints(), parse_constraints(length="5"))
    )
    path = RUNS / f"both-seed-{seed}.csv"
    rows = zip(answers, free, known, strict=True)
    _write(path, [(it.file, it.label, it.part, a, b) for it, a, b in rows])
    return path


def _write(path: Path, rows: Sequence[tuple[str, str, int, Any, Any]]) -> None:
    """Answers in the form of `cross_validate`: each row's last two have a text and a probability."""
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([it.name for it in fields(FoldAnswer)])
        for *named, a, b in rows:
            writer.writerow([*named, a.text, round(a.probability, 6), b.text, round(b.probability, 6)])


def _share(right: int, n: int) -> str:
    low, high = wilson_interval(right, n)
    return f"{right / n:.2%} ({n - right} wrong; {low:.2%} to {high:.2%})"


def renew() -> None:
    """Put every table between its markers in docs/models.md."""
    answers = fold_answers()
    tables = {
        "out of fold": out_of_fold(answers),
        "errors": errors(answers),
        "zero": zero_table(),
        "ablation": ablation_table(),
        "samples": samples_table(),
        "speed": speed_table([Entry(**it) for it in json.loads((RUNS / "speed.json").read_text())["models"]]),
    }
    path = DOCS / "models.md"
    text = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- end of {name} -->\n")
        if not (start and end):
            raise ZooError(f"{path} has no place for the table {name!r}; put its two markers back")
        text = f"{before}{start}{table}\n{end}{after}"
    path.write_text(text, encoding="utf-8")
    draw_samples(DOCS / "samples.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("zero", "both", "tables"))
    parser.add_argument("--model", default="zoo/kaptcha-zero.json", help="for zero: by name or path")
    parser.add_argument("--folds", type=Path, default=Path("zoo/folds"), help="for both: of the answers")
    options = parser.parse_args(arguments)
    try:
        if options.what == "zero":
            print(write_zero(options.model))
        elif options.what == "both":
            print(write_both(options.folds))
        else:
            renew()
            print(DOCS / "models.md")
    except (ZooError, OSError, KeyError, TypeError, ValueError, IndexError) as error:
        print(f"models: a source is missing or damaged: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
