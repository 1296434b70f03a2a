"""What constraints are worth on hard images, read through the whole system as a user would.

    .venv/bin/python benchmarks/hard_images.py --json hard.json     # all of it, about ten minutes
    .venv/bin/python benchmarks/hard_images.py --count 200

Hard images with known labels (hard_sets.py) are read by `producer submit` with its private server and one
worker, once for each option; the shares are those of report.json, the answers those of results.jsonl. Then
`Solver.solve` reads the same images in this process, without any queue. The gains stand beside those that
`decode` has on the four emission sets of CAPTCHAFLEET_DATA/emissions.

Exit codes: 0; 1 if a job failed, or if the system and the direct way differ; 2 for wrong options.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from decoders.emissions import Emissions, NoEmissionsError, find, load
from hard_report import Row, Section, json_of, text_of
from hard_sets import FORMS, HardSet, NoImagesError, generated_set, real_set

from model_zoo.charset import Charset
from model_zoo.constraints import parse_constraints
from model_zoo.decode import decode
from model_zoo.lexicon import read_lexicon
from model_zoo.solver import Prediction, Solver, load_solver
from producer.decoding import SCANT_MASS

ROOT = Path(__file__).parent.parent
# The queue and the direct way cut batches differently, so a float32 sum may round differently.
SAME_PROBABILITY = 1e-4


KINDS = ("length", "charset", "pattern", "regex", "lexicon")


class JobFailedError(Exception):
    """A producer that ended with an error; the message is what it said."""


@dataclass(frozen=True)
class Option:
    """A way to read a set: the decoder and the constraints, as texts."""

    title: str
    decoder: str = "exact"
    charset: str | None = None
    length: str | None = None
    pattern: str | None = None
    regex: str | None = None
    lexicon: Path | None = None

    @property
    def key(self) -> str:
        """The constraints, or without any the decoder."""
        return "+".join(kind for kind in KINDS if getattr(self, kind) is not None) or self.decoder

    def arguments(self) -> list[str]:
        """For `producer submit`."""
        given = [(kind, getattr(self, kind)) for kind in ("decoder", *KINDS)]
        return [word for kind, value in given if value is not None for word in (f"--{kind}", str(value))]


EMISSION_OPTIONS = (
    *(Option(method, method) for method in ("greedy", "alignment-beam", "beam", "exact")),
    Option("exact --length 5", length="5"),
    Option("exact --charset", charset="of the item's kind"),
    Option("exact --length 5 --charset", length="5", charset="of the item's kind"),
)


@dataclass(frozen=True)
class Job:
    """What a producer left behind: report.json, and the line of each file in results.jsonl."""

    report: Mapping[str, Any]
    lines: Mapping[str, Mapping[str, Any]]


def options_for(hard: HardSet) -> list[Option]:
    """Everything that is worth trying on a set, `exact` alone among it."""
    options = [Option(method, method) for method in ("greedy", "alignment-beam", "beam", "exact")]
    options.append(Option("exact --length 5", length="5"))
    if (form := hard.form) is not None:
        options += [
            Option(f"exact --charset {form.charset}", charset=form.charset),
            Option(f"exact --length 5 --charset {form.charset}", charset=form.charset, length="5"),
            Option(f"exact --pattern {form.pattern}", pattern=form.pattern),
            Option(f"exact --regex {form.regex}", regex=form.regex),
        ]
    return [*options, Option("exact --lexicon", lexicon=hard.lexicon)]


def submit(hard: HardSet, option: Option, run: Path, model: str, *more: str) -> Job:
    """Read a set through the system.

    Args:
        hard: the set.
        option: how to read it.
        run: the run folder, a new one.
        model: to read with.
        more: arguments for `producer submit`, e.g. a broker.

    Raises:
        JobFailedError: the producer failed, or an image has no answer.
    """
    settings = {name: value for name, value in os.environ.items() if not name.startswith("CAPTCHAFLEET_")}
    command = [sys.executable, "-P", "-m", "producer.cli", "submit", str(hard.folder), "--quiet"]
    done = subprocess.run(
        [*command, "--model", model, "--run-dir", str(run), *option.arguments(), *more],
        capture_output=True,
        env={**settings, "PYTHONPATH": str(ROOT)},
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise JobFailedError(f"{option.title}: producer submit ended with {done.returncode}: {done.stderr}")
    lines = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    return Job(json.loads((run / "report.json").read_text()), {line["file"]: line for line in lines})


def solve(hard: HardSet, option: Option, solver: Solver) -> dict[str, Prediction]:
    """Read a set in this process, by file name."""
    lexicon = None if option.lexicon is None else read_lexicon(option.lexicon)
    constraints = parse_constraints(option.charset, option.length, option.pattern, option.regex, lexicon)
    paths = sorted(hard.folder.iterdir())
    predictions = solver.solve(paths, constraints, decoder=option.decoder)
    return {path.name: prediction for path, prediction in zip(paths, predictions, strict=True)}


def differences(job: Job, direct: Mapping[str, Prediction]) -> list[str]:
    """The files whose text, proof or probability is another one without the system."""
    return sorted(
        name
        for name in job.lines.keys() | direct.keys()
        if name not in job.lines or name not in direct or _differs(job.lines[name], direct[name])
    )


def _differs(line: Mapping[str, Any], prediction: Prediction) -> bool:
    if prediction.probability is None or line["text"] != prediction.text:
        return True
    return (
        bool(line["proven"]) != bool(prediction.proven)
        or abs(line["probability"] - prediction.probability) > SAME_PROBABILITY
    )


def read_set(hard: HardSet, solver: Solver, model: str, runs: Path) -> Section:
    """Read a set in every way, through the system and without it.

    Raises:
        JobFailedError: a producer failed.
    """
    rows, answers = [], {}
    for number, option in enumerate(options_for(hard)):
        job = submit(hard, option, runs / f"{hard.folder.name}-{number}", model)
        others = differences(job, solve(hard, option, solver))
        rows.append(system_row(option, job, len(others)))
        answers[option.key] = {name: line["text"] for name, line in job.lines.items()}
        print(f"{hard.name}: {option.title}", file=sys.stderr, flush=True)
    tried = ", ".join(f"{strength:g}: {100 * share:.1f} %" for strength, share in hard.tried.items())
    about = (
        f"{len(hard.labels):,} images, {hard.origin}: {hard.strength:g}. Greedy on those that chose, by "
        f"strength: {tried}."
    )
    notes = ["Their labels use all characters in any order: a charset or a pattern would rule labels out."]
    if hard.form is not None:
        same = "yes" if answers["regex"] == answers["pattern"] else "no"
        notes = [f"The answers of --regex are those of --pattern: {same}."]
    return Section(hard.name, about, tuple(rows), tuple(notes))


def system_row(option: Option, job: Job, differing: int) -> Row:
    """The figures of report.json; which images were right is in results.jsonl, and must give the same sum.

    Raises:
        JobFailedError: the report counts otherwise than its journal.
    """
    report, decoding = job.report, job.report["decoding"]
    hits = tuple(line["text"] == Path(name).stem for name, line in sorted(job.lines.items()))
    match, mean = report["exact_match"], report["mean_probability"]
    if (match["right"], match["n"]) != (sum(hits), len(hits)):
        raise JobFailedError(
            f"{option.title}: report.json counts {match['right']} of {match['n']} right, results.jsonl "
            f"{sum(hits)} of {len(hits)}"
        )
    wrong = match["n"] - match["right"]
    summed = (mean["right"] or 0.0) * match["right"] + (mean["wrong"] or 0.0) * wrong
    proven = decoding["proven"] / match["n"] if option.decoder == "exact" else None
    scant = decoding["allowed_mass"]["scant"]
    return Row(option.key, option.title, hits, summed / match["n"], proven, scant, differing)


def read_emissions(emissions: Emissions) -> Section:
    """What `decode` makes of a set of log-probabilities: the same table, without any image."""
    of_kind = dict.fromkeys(emissions.charsets)
    restricts = any(len(charset) < len(emissions.chars) - 1 for charset in of_kind)
    rows = []
    for option in EMISSION_OPTIONS:
        if option.charset is not None and not restricts:
            continue
        hits, chances, proven, scant = [False] * len(emissions.labels), 0.0, 0, 0
        for charset in of_kind:
            chosen = [i for i, allowed in enumerate(emissions.charsets) if allowed == charset]
            constraints = parse_constraints(charset if option.charset else None, option.length)
            found = decode(
                torch.from_numpy(emissions.log_probs[chosen]),
                Charset("".join(emissions.chars)),
                constraints,
                method=option.decoder,
            )
            for i, text in zip(chosen, found.texts, strict=True):
                hits[i] = text == emissions.labels[i]
            chances += float(np.exp(found.log_probs[:, 0]).sum())
            proven += int(found.proven.sum())
            scant += int((found.log_mass[:, 0] < math.log(SCANT_MASS)).sum())
        share = proven / len(hits) if option.decoder == "exact" else None
        rows.append(Row(option.key, option.title, tuple(hits), chances / len(hits), share, scant))
    sizes = ", ".join(str(len(charset)) for charset in of_kind)
    about = (
        f"{len(emissions.labels):,} items of {len(emissions.chars) - 1} characters, read by `decode` in this "
        f"process; the labels of an item's kind use {sizes} of them, which is what --charset says."
    )
    return Section(emissions.name, about, tuple(rows))


def main() -> int:
    """Run what the command line asks for; the exit code."""
    arguments = _arguments()
    solver = load_solver(arguments.model)
    sections, missing = [], []
    with tempfile.TemporaryDirectory(prefix="hard-images-") as folder:
        makers: list[Callable[[], HardSet]] = [
            lambda: real_set(Path(folder) / "real", solver),
            *(
                partial(generated_set, form, Path(folder) / f"form-{number}", arguments.count, solver)
                for number, form in enumerate(FORMS)
            ),
        ]
        for make in makers:
            try:
                sections.append(read_set(make(), solver, arguments.model, Path(folder)))
            except NoImagesError as error:
                missing.append(str(error))
            except JobFailedError as error:
                print(f"hard_images.py: {error}", file=sys.stderr)
                return 1
    try:
        sections += [read_emissions(load(name, path)) for name, path in find().items()]
    except NoEmissionsError as error:
        missing.append(str(error))
    differing = sum(row.differing or 0 for section in sections for row in section.rows)
    print(text_of(sections, differing, missing))
    if arguments.json is not None:
        found = json_of(sections, differing, missing) | {"model": arguments.model, "count": arguments.count}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return int(differing > 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--count", type=int, default=1200, metavar="N", help="generated images of each form (default 1200)"
    )
    parser.add_argument("--model", default="crnn-small", help="name or card file (default crnn-small)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as one JSON object too")
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error(f"argument --count: {arguments.count} images; give at least 1")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
