"""The post's networks and schedule held against fastai itself.

    make bench-parity                                       # the next two
    .venv/bin/python benchmarks/fastai_parity.py --setup    # fastai in an environment of its own, 6 GB
    .venv/bin/python benchmarks/fastai_parity.py --json parity.json

Compared are, network by network: parameters, as a whole and part by part; the output's shape; the output
itself with equal weights; shape and spread of every tensor as a network starts, normalisations that scale by
zero included. Then learning rate and momentum of every step of fit_one_cycle(60, 3e-3), the defaults that the
post leaves to fastai, some steps of its Adam, and its loss. About a minute; no data is needed.

Exit codes: 0; 1 if anything differs, or fastai's side failed; 2 for wrong options or where fastai is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from decoders.environments import FASTAI, python_of, set_up, why_missing
from parity.compare import compare
from parity.ours import facts

BENCHMARKS = Path(__file__).parent


def main() -> int:
    """Run what the command line asks for; the exit code."""
    arguments = _arguments()
    if arguments.setup:
        reason = None if why_missing(FASTAI) is None else set_up(FASTAI)
        print(f"{FASTAI}: " + ("there" if reason is None else f"not installed: {reason}"))
        return 0 if reason is None else 2
    missing = why_missing(FASTAI)
    if missing is not None:
        print(f"fastai_parity.py: {FASTAI} is {missing}", file=sys.stderr)
        return 2
    theirs = their_facts(python_of(FASTAI))
    if theirs is None:
        return 1
    ours = facts()
    checks = compare(ours, theirs)
    print("\n".join(map(str, checks)))
    differing = sum(not check.same for check in checks)
    print(f"{len(checks)} checks, {differing} differ. fastai {theirs['versions']}, ours {ours['versions']}")
    if arguments.json is not None:
        report = {"fastai": theirs["versions"], "ours": ours["versions"], "checks": [*map(asdict, checks)]}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    return int(differing > 0)


def their_facts(python: Path) -> dict[str, Any] | None:
    """What fastai's side printed; None, with its last words on stderr, where it failed."""
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}
    # The releases around fastai are newer than it and warn.
    command = [python, "-W", "ignore", "-m", "parity.theirs"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if run.returncode != 0:
        print(f"fastai's side failed:\n{run.stderr.strip()[-2000:]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--setup", action="store_true", help="make fastai's environment, then end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the checks as a JSON object as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
