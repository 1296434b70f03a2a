"""The figures of docs/performance.md, from the files that the benchmarks of speed and memory keep.

    python benchmarks/performance_report.py             # renews docs/performance.md
    python benchmarks/performance_report.py --print     # prints the figures, and renews nothing
    python benchmarks/performance_report.py --commands  # prints what measures all that needs no GPU

A benchmark whose file is missing stands in the document as not measured yet, with its command.

Exit codes: 0 done, 1 a file that is damaged, or a document without a place for the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from performance.sections import SECTIONS, Section
from speed.common import Machine, describe, table

DOCS = Path(__file__).parent.parent / "docs"
KEPT = DOCS / "runs" / "performance"
DOCUMENT = DOCS / "performance.md"
START, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
NOT_YET = "not measured yet"

# File's name without its suffix -> its content
Contents = Mapping[str, Mapping[str, Any]]


class DamagedError(Exception):
    """A file that cannot be used; the message is one sentence."""


def load(folder: Path = KEPT) -> dict[str, dict[str, Any]]:
    """The contents of the sections' files, of those that are there.

    Raises:
        DamagedError: one is no JSON of a benchmark.
    """
    found = {}
    for section in SECTIONS:
        path = folder / f"{section.file}.json"
        if not path.exists():
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            Machine(**content["machine"])
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(
                f"{path} holds no figures of a benchmark ({error}); measure it again"
            ) from error
        found[section.file] = content
    return found


def report(contents: Contents) -> str:
    """Goals, then every section."""
    return "\n\n".join([goals(contents), *(_section(it, contents.get(it.file)) for it in SECTIONS)])


def goals(contents: Contents) -> str:
    """Every goal in one table."""
    rows = []
    for section in SECTIONS:
        for goal in section.goals:
            content = contents.get(section.file)
            found = None if content is None else goal.judge(content)
            told, verdict = (NOT_YET, "-") if found is None else (found[0], "met" if found[1] else "not met")
            rows.append([goal.what, goal.goal, told, verdict])
    return "## Goals\n\n" + table(["", "goal", "found", "verdict"], rows)


def _section(section: Section, content: Mapping[str, Any] | None) -> str:
    head = f"## {section.title}\n\n```sh\n{section.command}\n```"
    if content is None:
        return f"{head}\n\nThis is {NOT_YET}; the command above does it."
    machine = describe(Machine(**content["machine"]))
    try:
        tables = section.tables(content)
    except (KeyError, TypeError, IndexError) as error:
        raise DamagedError(
            f"{section.file}.json is of another version of its benchmark ({error!r}); measure it again"
        ) from error
    source = f"[runs/performance/{section.file}.json](runs/performance/{section.file}.json)"
    return f"{head}\n\nMeasured on {machine}; {source}.\n\n{tables}"


def renew(document: Path, text: str) -> None:
    """Put the figures between the document's markers.

    Raises:
        DamagedError: it has no such place.
    """
    before, start, rest = document.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise DamagedError(f"{document} has no place for the figures; put both markers back")
    document.write_text(f"{before}{START}{text}\n{END}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--print", action="store_true", help="print the figures, and renew nothing")
    what.add_argument("--commands", action="store_true", help="print what measures all that needs no GPU")
    options = parser.parse_args(arguments)
    if options.commands:
        print("\n".join(section.command for section in SECTIONS if not section.needs_gpu))
        return 0
    try:
        text = report(load())
        if not options.print:
            renew(DOCUMENT, text)
    except (OSError, DamagedError) as error:
        print(f"performance_report.py: {error}", file=sys.stderr)
        return 1
    print(text if options.print else DOCUMENT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
