"""The tables of docs/styles.md, from the file that styles.py keeps.

    python benchmarks/styles_report.py                   # renews docs/styles.md from docs/runs/styles.json
    python benchmarks/styles_report.py --json FILE       # prints the tables of another file

Exit codes: 0 done, 1 a file that is missing or damaged.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from styles_results import Figure, Results, StyleResults, load
from styles_sets import StylesError

DOCS = Path(__file__).parent.parent / "docs"
KEPT = DOCS / "runs" / "styles.json"
DOCUMENT = DOCS / "styles.md"
START, END = "<!-- tables -->\n", "<!-- end of tables -->\n"

# What issue and document name as the goals.
STYLES = 8
APART = "inefficacy_lower"  # some of its texts can hardly be seen: in neither median nor worst
MEDIAN, WORST, AHEAD = 0.99, 0.95, 6
ABSENT = "-"

Row = StyleResults


@dataclass(frozen=True)
class Verdict:
    """One goal.

    Attributes:
        found: what was measured, in words.
        met: None while a figure is missing.
    """

    goal: str
    found: str
    met: bool | None

    @property
    def word(self) -> str:
        """`met`, `not met` or `not measured`."""
        return "not measured" if self.met is None else "met" if self.met else "not met"


def verdicts(results: Results) -> list[Verdict]:
    """The goals on the rows that there are; a goal with a missing figure is not measured."""
    judged = [row for row in results.styles if row.name != APART]
    shares = {row.name: row.trained.figure.value for row in judged if row.trained is not None}
    complete = len(shares) == STYLES - 1
    found = [
        _judged("after training: median", MEDIAN, shares, complete, statistics.median),
        _judged("after training: worst", WORST, shares, complete, min),
    ]
    for title, networks in (
        ("ddddocr", ["default"]),
        ("the better of ddddocr's two networks (no goal)", ["default", "beta"]),
    ):
        pairs = [pair for row in results.styles if (pair := _pair(row, results.model, networks)) is not None]
        ahead, equal = sum(a > b for a, b in pairs), sum(a == b for a, b in pairs)
        found.append(
            Verdict(
                f"zero-shot ahead of {title}, both constrained, on at least {AHEAD} of {STYLES}",
                f"{ahead} of {len(pairs)}, equal on {equal}" if pairs else ABSENT,
                ahead >= AHEAD if len(pairs) == STYLES else None,
            )
        )
    return found


def _judged(
    title: str,
    least: float,
    shares: dict[str, float],
    complete: bool,
    of: Callable[[Iterable[float]], float],
) -> Verdict:
    goal = f"{title} at least {least:.0%}, without {APART}"
    if not shares:
        return Verdict(goal, ABSENT, None)
    value = of(shares.values())
    styles = "" if complete else f" on {len(shares)} of {STYLES - 1} styles"
    where = f" ({min(shares, key=lambda name: shares[name])})" if of is min else ""
    return Verdict(goal, f"{value:.2%}{where}{styles}", value >= least if complete else None)


def _pair(row: Row, model: str, networks: Sequence[str]) -> tuple[float, float] | None:
    """Our constrained share and the best one of the peer's networks; None where one is missing."""
    ours, peers = row.zero_of(model), [row.peer_of(network) for network in networks]
    shares = [peer.constrained.value for peer in peers if peer is not None]
    if ours is None or len(shares) < len(networks):
        return None
    return ours.constrained.value, max(shares)


def tables(results: Results) -> str:
    """Everything, as Markdown."""
    return "\n\n".join([_exact_match(results), _goals(results), _rates(results), _training(results)])


def _exact_match(results: Results) -> str:
    head = (
        "style", "n", "characters x length", "ddddocr", "ddddocr, constrained", "ddddocr beta",
        "ddddocr beta, constrained", "zero-shot", "zero-shot, constrained", "after training",
    )  # fmt: skip
    lines = [_match_row(row, results.model) for row in results.styles]
    zero = f"zero-shot is `{results.model}`" if results.model else "zero-shot is not measured yet"
    title = f"Exact match in % on the test parts (95 % Wilson interval); {zero}:\n\n"
    return title + _table(head, lines, left=1)


def _match_row(row: Row, model: str) -> list[str]:
    zero = row.zero_of(model)
    peers = [row.peer_of(network) for network in ("default", "beta")]
    figures = [
        figure for peer in peers for figure in ((peer.plain, peer.constrained) if peer else [None] * 2)
    ]
    figures += [zero.plain, zero.constrained] if zero else [None, None]
    figures += [row.trained.figure if row.trained else None]
    n = next((str(figure.n) for figure in figures if figure is not None), ABSENT)
    lengths = f"{row.min_length}" + (f"-{row.max_length}" if row.max_length > row.min_length else "")
    style = f"{len(row.charset)} x {lengths}" + (", case-blind" if row.case == "ignored" else "")
    return [row.name, n, style, *map(_cell, figures)]


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ABSENT
    low, high = figure.interval
    return f"{100 * figure.value:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def _goals(results: Results) -> str:
    lines = [[it.goal, it.found, it.word] for it in verdicts(results)]
    return "Goals:\n\n" + _table(("goal", "found", "verdict"), lines, left=1)


def _rates(results: Results) -> str:
    """From files to texts, as each side comes."""
    lines = []
    for row in results.styles:
        peers = [row.peer_of(network) for network in ("default", "beta")]
        zero = row.zero_of(results.model)
        figures = [
            *(peer.plain if peer else None for peer in peers),
            zero.constrained if zero else None,
            row.trained.figure if row.trained else None,
        ]
        lines.append([row.name, *(_rate(figure) for figure in figures)])
    machine = results.machine
    head = ("style", "ddddocr", "ddddocr beta", "zero-shot, constrained", "after training")
    return (
        f"Images a second of processor time, one thread, on {machine['cpu']}, {machine['cores']} cores, with "
        f"{machine['load']} processes at work as the last run started:\n\n" + _table(head, lines, left=1)
    )


def _rate(figure: Figure | None) -> str:
    return f"{figure.n / figure.seconds:.0f}" if figure is not None and figure.seconds else ABSENT


def _training(results: Results) -> str:
    lines = []
    for row in results.styles:
        if (it := row.trained) is not None:
            budget = "default" if it.minutes is None else f"{it.minutes:g}"
            took = ABSENT if it.seconds is None else f"{it.seconds / 60:.1f}"
            lines.append([row.name, f"`{it.model}`", it.start or ABSENT, budget, took])
    if not lines:
        return "No style was trained on yet."
    head = ("style", "model", "started from", "budget, minutes", "took, minutes")
    return "Training:\n\n" + _table(head, lines, left=3)


def _table(head: Sequence[str], lines: Sequence[Sequence[str]], left: int) -> str:
    """Markdown, the columns after `left` aligned to the right."""
    rule = "|" + "---|" * left + "---:|" * (len(head) - left)
    return "\n".join([_line(head), rule, *map(_line, lines)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def renew(document: Path, text: str) -> None:
    """Put the tables between the document's markers.

    Raises:
        StylesError: it has no such place.
    """
    before, start, rest = document.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise StylesError(f"{document} has no place for the tables; put both markers back")
    document.write_text(f"{before}{START}{text}\n{END}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="print its tables, and renew nothing")
    options = parser.parse_args(arguments)
    path = options.json or KEPT
    try:
        results = load(path)
        if results is None:
            raise StylesError(f"{path} is not there; run benchmarks/styles.py first")
        if options.json is None:
            renew(DOCUMENT, tables(results))
    except (OSError, StylesError) as error:
        print(f"styles_report.py: {error}", file=sys.stderr)
        return 1
    print(tables(results) if options.json else DOCUMENT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
