"""Eight styles of captcha: zero-shot, after `model-zoo train`, and ddddocr, on the same test images.

    make bench-styles                                        # the next three
    .venv/bin/python benchmarks/styles.py --setup            # ddddocr in an environment of its own, 400 MB
    .venv/bin/python benchmarks/styles.py                    # every stage of every style
    .venv/bin/python benchmarks/styles_report.py             # docs/styles.md
    .venv/bin/python benchmarks/styles.py --stage train --only kr_gov24 --minutes 5 --json FILE

The styles are the folders of CAPTCHAFLEET_DATA/styles. What was measured is kept in the file of --json after
every stage of every style, so a run that was interrupted goes on with what is missing. Zero-shot figures are
made once for a model's fingerprint: they are not there to steer anything. --again measures what is chosen
anew; earlier zero-shot figures stay in the file.

Exit codes: 0, whether the goals are met or not; 1 if a stage of some style failed; 2 for wrong options, or
where data, model or peer are missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from decoders.environments import DDDDOCR, set_up, why_missing
from decoders.machine import this_machine
from styles_report import KEPT, tables
from styles_results import Results, StyleResults, load, save
from styles_sets import Style, StylesError, find_styles
from styles_sides import identity, measure_peer, measure_trained, measure_zero

from model_zoo.errors import ZooError
from model_zoo.solver import Solver, load_solver

STAGES = ("peer", "zero", "train")
ZOO = Path(__file__).parent.parent / "runs" / "styles"


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        solver: read zero-shot; None where that stage is not wanted.
        minutes: of `model-zoo train`; None for its default.
        zoo: folder of the trained models.
        again: measure what is kept already.
    """

    stages: tuple[str, ...]
    solver: Solver | None
    minutes: float | None
    zoo: Path
    again: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    if options.setup:
        reason = None if why_missing(DDDDOCR) is None else set_up(DDDDOCR)
        print(f"{DDDDOCR}: " + ("there" if reason is None else f"not installed: {reason}"))
        return 0 if reason is None else 2
    stages = STAGES if options.stage == "all" else (options.stage,)
    try:
        styles = find_styles(options.only)
        if "peer" in stages and (missing := why_missing(DDDDOCR)) is not None:
            raise StylesError(f"{DDDDOCR} is {missing}")
        solver = load_solver(options.model, "cpu") if "zero" in stages else None
        results = load(options.json) or Results("", {})
        for style in styles:
            results.of(style)  # refused before hours are spent
        results = replace(results, machine=asdict(this_machine()))
        if solver is not None:
            results = replace(results, model=identity(solver))
    except (StylesError, ZooError) as error:
        print(f"styles.py: {error}", file=sys.stderr)
        return 2
    plan = Plan(stages, solver, options.minutes, options.zoo, options.again)
    failed = False
    for style in styles:
        for stage in stages:
            try:
                if (row := measured(style, stage, results.of(style), plan)) is not None:
                    results = results.with_row(row)
                    save(results, options.json)
            except (StylesError, ZooError) as error:
                print(f"styles.py: {error}", file=sys.stderr)
                failed = True
    print(tables(results))
    return int(failed)


def measured(style: Style, stage: str, row: StyleResults, plan: Plan) -> StyleResults | None:
    """The row with the stage's figures; None where they are kept already, which is said.

    Raises:
        StylesError: the stage failed.
        ZooError: the model cannot be loaded or read with.
    """
    kept = _kept(stage, row, plan)
    if kept is not None and not plan.again:
        print(f"{style.name}: {stage} is kept ({kept}); --again measures it anew", flush=True)
        return None
    if stage == "peer":
        row = replace(row, peer=measure_peer(style))
    elif stage == "zero":
        assert plan.solver is not None
        row = replace(row, zero=(*row.zero, measure_zero(style, plan.solver)))
    else:
        row = replace(row, trained=measure_trained(style, plan.zoo, plan.minutes, plan.again))
    print(f"{style.name}: {stage}: {_kept(stage, row, plan)}", flush=True)
    return row


def _kept(stage: str, row: StyleResults, plan: Plan) -> str | None:
    """What the row has of a stage, in words."""
    return ", ".join(_figures(stage, row, plan)) or None


def _figures(stage: str, row: StyleResults, plan: Plan) -> Iterator[str]:
    if stage == "peer":
        for peer in row.peer:
            yield f"{peer.network} {peer.plain.value:.1%}, constrained {peer.constrained.value:.1%}"
    elif stage == "zero":
        zero = row.zero_of(identity(plan.solver)) if plan.solver is not None else None
        if zero is not None:
            yield f"{zero.model} {zero.plain.value:.1%}, constrained {zero.constrained.value:.1%}"
    elif row.trained is not None:
        yield f"{row.trained.model} {row.trained.figure.value:.1%}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--setup", action="store_true", help="make ddddocr's environment, then end")
    parser.add_argument("--only", nargs="+", metavar="STYLE", default=(), help="these folders alone")
    parser.add_argument("--stage", choices=[*STAGES, "all"], default="all", help="what to measure")
    parser.add_argument("--model", default="generic", help="read zero-shot (default generic)")
    parser.add_argument("--minutes", type=float, help="of each training (default: that of the command)")
    parser.add_argument("--again", action="store_true", help="measure what is kept already")
    parser.add_argument(
        "--zoo", type=Path, default=ZOO, metavar="DIR", help="of trained models (default runs/styles)"
    )
    parser.add_argument(
        "--json", type=Path, default=KEPT, metavar="FILE",
        help="keeps what was measured (default docs/runs/styles.json)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
