"""Our decoder beside every other that installs: speed, exact match, mass, agreement; all in one run.

    make bench-ctc                                     # all of it: the next two
    .venv/bin/python benchmarks/ctc.py --setup         # an environment a peer, NeMo's takes 6 GB
    .venv/bin/python benchmarks/ctc.py --threads 1 2 --json ctc.json
    .venv/bin/python benchmarks/ctc.py --quick --sides exact greedy fast-ctc-decode-cut

Every side is a process of its own, in an environment of its own. It is timed from one float32 (N, T, C) array
of log-probabilities in memory to N Python strings with log-probabilities (fast-ctc-decode gives none). The
sides take turns, round after round, and a side's rate is the median of its rounds. The sets lie in
CAPTCHAFLEET_DATA/emissions.

Exit codes: 0; 1 if a side found a more probable string than the exact decoder, or if one of our sides failed;
2 for wrong options or missing sets.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from decoders.checks import check
from decoders.emissions import SETS, NoEmissionsError, find, load
from decoders.environments import SIZES, environments, set_up, why_missing
from decoders.machine import this_machine
from decoders.measure import Plan, measure
from decoders.report import Report
from decoders.sides import SIDES, chosen


def main() -> int:
    """Run what the command line asks for; the exit code."""
    arguments = _arguments()
    if arguments.setup:
        return _set_up_all()
    try:
        paths = find(tuple(arguments.sets))
    except NoEmissionsError as missing:
        print(f"ctc.py: {missing}", file=sys.stderr)
        return 2
    quick = arguments.quick
    rounds = arguments.rounds or (2 if quick else 9)
    plan = Plan(tuple(arguments.threads), rounds, 0.02 if quick else 0.1, 256 if quick else 2048)
    sides, machine = chosen(arguments.sides), this_machine()
    measured = measure(sides, paths, plan)
    checks = {name: check(load(name, path), measured.texts[name]) for name, path in paths.items()}
    report = Report(machine, plan, sides, measured, checks)
    print(report.text())
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.as_json(), indent=1) + "\n")
    failed = any(side.ours and side.name in measured.failures for side in sides)
    return int(failed or report.violations > 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--setup", action="store_true", help="make the peers' environments, then end")
    parser.add_argument("--quick", action="store_true", help="two short rounds and 256 items: does it run?")
    parser.add_argument("--threads", type=int, nargs="+", choices=(1, 2), default=[1], help="1, 2, or both")
    parser.add_argument("--rounds", type=int, help="rounds of each side (default 9)")
    names = [side.name for side in SIDES]
    parser.add_argument("--sides", nargs="+", choices=names, metavar="SIDE", help=f"of {', '.join(names)}")
    parser.add_argument(
        "--sets", nargs="+", choices=SETS, metavar="SET", default=SETS, help=f"of {', '.join(SETS)}"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write everything as one JSON object as well"
    )
    return parser.parse_args()


def _set_up_all() -> int:
    for environment in environments():
        if why_missing(environment) is None:
            print(f"{environment}: there already")
            continue
        print(f"{environment}: installing, about {SIZES[environment]} on disk", flush=True)
        reason = set_up(environment)
        if reason is not None:
            print(f"{environment}: not installed: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
