"""The post's three networks beside ours: docs/reproduction.md and its picture, from committed run logs.

    python benchmarks/reproduction.py                   # renews docs/reproduction.md and reproduction.png
    python benchmarks/reproduction.py --json FILE       # the figures as well

The logs: docs/runs/post-NETWORK.csv, written by `model-zoo train --recipe post` (the commands stand in the
document), and docs/runs/post-published.csv, the post's own tables. Needs matplotlib (extra `train`).

Exit codes: 0 done, 1 a log that is missing or damaged.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from model_zoo.statistics import wilson_interval

DOCS = Path(__file__).parent.parent / "docs"
NETWORKS = ("xresnet34-pool", "xresnet34-flat", "crnn-resnet34")
EPOCHS = 60
PUBLISHED_N, OWN_N = 104, 88  # validation images
SHOWN = (1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60)


@dataclass(frozen=True)
class Epoch:
    """A line of a log; shares are of the validation images."""

    epoch: int
    loss: float
    validation_loss: float
    exact_match: float
    seconds: float


@dataclass(frozen=True)
class Summary:
    """What a run came to.

    Attributes:
        epochs: done.
        best: largest share of validation images read right after any epoch, with the epoch.
        last: after the last epoch.
        seconds: median of an epoch.
    """

    epochs: int
    best: float
    best_epoch: int
    last: float
    seconds: float


def read_published(path: Path) -> dict[str, list[Epoch]]:
    """Network -> the post's lines."""
    found: dict[str, list[Epoch]] = {name: [] for name in NETWORKS}
    for row in _rows(path):
        found[row["network"]].append(_epoch(row, "validation_exact_match"))
    return found


def read_own(path: Path, network: str) -> list[Epoch]:
    """The lines of our log; a CTC network is judged after beam decoding, like the post's."""
    column = "validation_beam_exact_match" if network.startswith("crnn") else "validation_exact_match"
    return [_epoch(row, column) for row in _rows(path)]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _epoch(row: dict[str, str], column: str) -> Epoch:
    return Epoch(
        int(row["epoch"]),
        float(row["loss"]),
        float(row["validation_loss"]),
        float(row[column]),
        float(row["seconds"]),
    )


def summary(run: Sequence[Epoch]) -> Summary:
    """The figures of a run, at least one epoch."""
    best = max(run, key=lambda it: it.exact_match)
    seconds = statistics.median(it.seconds for it in run)
    return Summary(len(run), best.exact_match, best.epoch, run[-1].exact_match, seconds)


def tables(published: dict[str, list[Epoch]], own: dict[str, list[Epoch]]) -> str:
    """Best and last epoch side by side, then every fifth one."""
    lines = [
        "| network | | epochs | best (epoch) | last | 95 % interval of the last | s an epoch |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name in NETWORKS:
        for title, run, n in (("post", published[name], PUBLISHED_N), ("here", own[name], OWN_N)):
            lines.append(_line(name, title, summary(run), n) if run else f"| {name} | {title} | 0 | | | | |")
    lines += ["", "Exact match on validation images after an epoch, post / here:", ""]
    lines += ["| epoch | " + " | ".join(NETWORKS) + " |", "|---:|" + "---:|" * len(NETWORKS)]
    for epoch in SHOWN:
        pairs = (f"{_at(published[name], epoch)} / {_at(own[name], epoch)}" for name in NETWORKS)
        lines.append(f"| {epoch} | " + " | ".join(pairs) + " |")
    return "\n".join(lines)


def _line(name: str, title: str, run: Summary, n: int) -> str:
    low, high = wilson_interval(round(run.last * n), n)
    return (
        f"| {name} | {title} | {run.epochs} | {run.best:.1%} ({run.best_epoch}) | {run.last:.1%} "
        f"| {low:.1%} to {high:.1%} | {run.seconds:.0f} |"
    )


def _at(run: Sequence[Epoch], epoch: int) -> str:
    return next((f"{it.exact_match:.1%}" for it in run if it.epoch == epoch), "-")


def draw(published: dict[str, list[Epoch]], own: dict[str, list[Epoch]], path: Path) -> None:
    """Exact match and validation loss over the epochs, a column a network."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(NETWORKS), figsize=(12, 6), sharex=True, layout="constrained")
    for column, name in enumerate(NETWORKS):
        for title, run, colour in (("post", published[name], "#D55E00"), ("here", own[name], "#0072B2")):
            epochs = [it.epoch for it in run]
            axes[0, column].plot(epochs, [100 * it.exact_match for it in run], color=colour, label=title)
            axes[1, column].plot(epochs, [it.validation_loss for it in run], color=colour, label=title)
        axes[0, column].set(title=name, ylim=(0, 102))
        axes[1, column].set(xlabel="epoch", yscale="log")
    axes[0, 0].set_ylabel("validation exact match, %")
    axes[1, 0].set_ylabel("validation loss")
    axes[0, 0].legend(loc="lower right")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    try:
        published = read_published(DOCS / "runs/post-published.csv")
        own = {name: read_own(DOCS / f"runs/post-{name}.csv", name) for name in NETWORKS}
    except (OSError, KeyError, TypeError, ValueError) as error:
        print(f"reproduction: a log cannot be read: {error}", file=sys.stderr)
        return 1
    document = DOCS / "reproduction.md"
    before, start, rest = document.read_text(encoding="utf-8").partition("<!-- tables -->\n")
    _, end, after = rest.partition("<!-- end of tables -->\n")
    if not (start and end):
        print(f"reproduction: {document} has no place for the tables; put both markers back", file=sys.stderr)
        return 1
    text = f"{before}<!-- tables -->\n{tables(published, own)}\n<!-- end of tables -->\n{after}"
    document.write_text(text, encoding="utf-8")
    draw(published, own, DOCS / "reproduction.png")
    if options.json:
        figures = {
            name: {title: asdict(summary(run[name])) for title, run in (("post", published), ("here", own))}
            for name in NETWORKS
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"{document}\n{DOCS / 'reproduction.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
