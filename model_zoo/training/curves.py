"""Pictures of training: the curves of logged runs, and a learning-rate range test."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_zoo.atomic import write_whole
from model_zoo.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from model_zoo.training.lr_range import RangeTest

# Told apart by those who see few colours as well: Wong (2011), Color blindness, Nature Methods 8.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
DOTS_PER_INCH = 120


def check_matplotlib() -> None:
    """Import it now rather than after the work.

    Raises:
        ImportError: it is not installed.
    """
    import matplotlib.figure  # noqa: F401


@dataclass(frozen=True)
class RunLog:
    """A run's log, column by column.

    Attributes:
        name: of the run.
        columns: the figures of each epoch; None where one was not measured.
    """

    name: str
    columns: dict[str, list[float | None]]

    def points(self, column: str) -> tuple[list[float], list[float]]:
        """Epochs and figures, where there are any."""
        pairs = zip(self.columns["epoch"], self.columns.get(column, []), strict=False)
        there = [(epoch, value) for epoch, value in pairs if epoch is not None and value is not None]
        return [epoch for epoch, _ in there], [value for _, value in there]


def read_log(path: Path) -> RunLog:
    """The log at `path`.

    Raises:
        DataError: no log of a run, or one without an epoch.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        columns = {key: [_number(row[key]) for row in rows] for key in (rows[0] if rows else ())}
    except FileNotFoundError as error:
        raise DataError(f"log {str(path)!r} is not there; give the NAME.csv of a run") from error
    except (OSError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise DataError(f"log {str(path)!r} cannot be read: {error}; give the NAME.csv of a run") from error
    if not {"epoch", "loss"} <= set(columns):
        raise DataError(f"log {str(path)!r} has no epoch and loss; give the NAME.csv of a run")
    return RunLog(path.stem, columns)


def _number(text: str) -> float | None:
    """None for what is empty or a word."""
    try:
        return float(text)
    except ValueError:
        if text and not text.isalpha():
            raise
        return None


def plot_runs(logs: Sequence[RunLog], out: Path) -> None:
    """Loss and accuracy of every run against its epochs, as a PNG.

    Raises:
        DataError: the file cannot be written.
    """
    figure = _figure(10, 4.6)
    losses, shares = figure.subplots(1, 2)
    # Where one run has been averaged and another smoothed, losses differ by a factor; the shape tells.
    losses.set(xlabel="epoch", ylabel="loss of an image (logarithmic)", yscale="log")
    shares.set(xlabel="epoch", ylabel="share of validation images or characters (%)", ylim=(-3, 103))
    for log, colour in zip(logs, COLOURS * len(logs), strict=False):
        name = f"{log.name}: " if len(logs) > 1 else ""
        for axes, column, words, style in (
            (losses, "loss", "training", "-"),
            (losses, "validation_loss", "validation", ":"),
            (shares, "validation_exact_match", "exact match", "-"),
            (shares, "validation_beam_exact_match", "exact match, beam search", "--"),
            (shares, "validation_character_accuracy", "characters", ":"),
        ):
            epochs, values = log.points(column)
            if values:
                scaled = [100 * value for value in values] if axes is shares else values
                axes.plot(epochs, scaled, style, color=colour, linewidth=1.4, label=name + words)
    for axes in (losses, shares):
        _finish(axes)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=8, frameon=False, ncols=2)
    _save(figure, out)


def plot_range(test: RangeTest, out: Path) -> None:
    """The smoothed loss against the learning rate, with both suggestions, as a PNG.

    Raises:
        DataError: the file cannot be written.
    """
    figure = _figure(7, 4.4)
    axes = figure.subplots()
    axes.set(xlabel="learning rate (logarithmic)", ylabel="loss of an image, smoothed", xscale="log")
    axes.plot(test.rates, test.smoothed, color=COLOURS[0], linewidth=1.6)
    for rate, words, colour, marker in (
        (test.valley, "valley", COLOURS[1], "o"),
        (test.steepest, "steepest", COLOURS[2], "s"),
    ):
        loss = test.smoothed[test.rates.index(rate)]
        axes.plot([rate], [loss], marker, color=colour, markersize=8, label=f"{words}: {rate:.1e}")
    _finish(axes)
    # What comes after the loss has doubled only flattens what is of interest.
    low, high = min(test.smoothed), test.smoothed[0]
    axes.set_ylim(low - 0.1 * (high - low), high + 0.5 * (high - low) + 1e-9)
    axes.legend(frameon=False)
    _save(figure, out)


def _figure(width: float, height: float) -> Figure:
    """An empty figure; drawn without a display, since no window system is ever asked for."""
    from matplotlib.figure import Figure

    return Figure((width, height), dpi=DOTS_PER_INCH, layout="constrained")


def _finish(axes: Axes) -> None:
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, out: Path) -> None:
    content = io.BytesIO()
    # Without the version in it the same figures give the same bytes.
    figure.savefig(content, format="png", metadata={"Software": None})
    write_whole(out, content.getvalue())
