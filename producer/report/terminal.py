"""The report as text: in colour on a terminal, plain when piped, readable from 40 columns on."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from model_zoo.visible import visible, visible_character
from producer.report import wording
from producer.report.summary import RunSummary
from worker.contract import ERROR_CODES

# What a glance takes in; the rest stands in report.html and report.json.
_CONFUSIONS_SHOWN = 8
_LENGTHS_SHOWN = 8
_CHARACTERS_SHOWN = 8
_WRONG_SHOWN = 5
_MARGIN = 2  # columns, left and right
_GAP = 3  # columns between tables that stand side by side
_WIDE_COLUMNS = 76  # narrower than this, the words about a figure stand below its name


def render_terminal(summary: RunSummary, console: Console) -> None:
    """Print the report. Nothing from outside acts on the terminal: no markup, no control characters.

    Args:
        summary: what to print.
        console: where to; its width and its encoding are kept to.
    """
    report = _TerminalReport(summary, console)
    for part in report.parts():
        console.print(Padding(part, (0, _MARGIN, 1, _MARGIN), expand=False), highlight=False)


class _TerminalReport:
    """The parts of the report, from the headline to the small print."""

    def __init__(self, summary: RunSummary, console: Console) -> None:
        self._summary = summary
        self._accuracy = summary.accuracy
        self._console = console
        self._encoding = console.encoding
        self._wide = console.width >= _WIDE_COLUMNS

    def parts(self) -> Iterator[RenderableType]:
        """What is printed, top to bottom; parts without content are left out."""
        yield self._title()
        yield self._headline()
        if self._summary.notes:
            yield self._notes()
        if self._summary.errors:
            yield self._errors()
        if tables := [t for t in (self._confusions(), self._characters(), self._lengths()) if t is not None]:
            yield self._beside(tables)
        if self._accuracy.wrong:
            yield self._wrong()
        yield self._facts()

    def _title(self) -> RenderableType:
        title = self._text(f"Accuracy report: {self._summary.directory}", "bold")
        if self._summary.complete:
            return title
        return Group(title, self._text(wording.partial(self._summary), "bold yellow"))

    def _headline(self) -> RenderableType:
        """The figures, each with what it is a share of."""
        exact = self._accuracy.exact_match
        if exact is None:
            return Text.assemble(
                self._text("Exact match ", "bold"), self._text(wording.unmeasured(self._summary))
            )
        table = self._grid("right", "left", "left") if self._wide else self._grid("right", "left")
        for figure in wording.figures(self._accuracy):
            value, name = self._text(figure.value, "bold"), self._text(figure.name, "bold")
            lines = [figure.of]
            if figure.name == wording.EXACT_MATCH:
                lines.append(f"95 % interval: {wording.interval(exact)}")
            of = Group(*map(self._text, lines))
            table.add_row(value, name, of) if self._wide else table.add_row(value, Group(name, of))
        return table

    def _notes(self) -> Table:
        table = self._grid("left", "left")
        for note in self._summary.notes:
            table.add_row(self._text("Note", "bold yellow"), self._text(note))
        return table

    def _errors(self) -> Table:
        table = self._table("Images without an answer", ("error", ""), ("images", "right"), ("meaning", ""))
        for code, number in self._summary.errors.items():
            table.add_row(
                self._text(code, "red"), self._text(f"{number:,}"), self._text(ERROR_CODES.get(code, ""))
            )
        return table

    def _confusions(self) -> Table | None:
        if not self._accuracy.confusions:
            return None
        shown = self._accuracy.confusions[:_CONFUSIONS_SHOWN]
        table = self._table("Confusions", ("edit", ""), ("times", "right"))
        for confusion in shown:
            times = self._text(confusion.times)
            table.add_row(self._text(confusion.in_words), times)
        return self._more(table, len(self._accuracy.confusions) - len(shown))

    def _characters(self) -> Table | None:
        rows = [row for row in self._accuracy.by_character if row.missed]
        if not rows:
            return None
        headings = (("char", ""), ("missed", "right"), ("of", "right"), ("in place", "right"))
        table = self._table("Most missed", *headings)
        for row in rows[:_CHARACTERS_SHOWN]:
            share = row.accuracy
            table.add_row(
                self._text(visible_character(row.character)),
                self._text(f"{row.missed:,}"),
                self._text(f"{share.n:,}"),
                self._text(wording.percent(share.value)),
            )
        return self._more(table, len(rows) - _CHARACTERS_SHOWN)

    def _lengths(self) -> Table | None:
        rows = self._accuracy.by_length
        if len(rows) < 2:  # one length only: the headline says it all
            return None
        table = self._table("By length", ("length", "right"), ("exact", "right"), ("of", "right"))
        for row in rows[:_LENGTHS_SHOWN]:
            share = row.exact_match
            table.add_row(
                self._text(str(row.length)),
                self._text(wording.percent(share.value)),
                self._text(f"{share.n:,}"),
            )
        return self._more(table, len(rows) - _LENGTHS_SHOWN)

    def _wrong(self) -> Table:
        total = self._accuracy.wrong_total
        shown = self._accuracy.wrong[:_WRONG_SHOWN]
        title = wording.count(total, "wrong answer") + (
            f", the {len(shown)} most confident" if total > len(shown) else ""
        )
        table = self._table(title, ("file", ""), ("label", ""), ("answer", ""), ("probability", "right"))
        for wrong in shown:
            likely = wording.probability(wrong.probability)
            table.add_row(*map(self._text, (wrong.file, wrong.label, wrong.text, likely)))
        return table

    def _facts(self) -> Table:
        table = self._grid("left", "left")
        for fact in wording.run_facts(self._summary):
            table.add_row(self._text(fact.name, "dim"), self._text(fact.value))
        return table

    def _grid(self, *columns: JustifyMethod) -> Table:
        """Columns without lines; all but the first one wrap."""
        table = Table.grid(padding=(0, 2, 0, 0))
        for number, justify in enumerate(columns):
            table.add_column(justify=justify, no_wrap=number == 0, overflow="fold")
        return table

    def _table(self, title: str, *columns: tuple[str, str]) -> Table:
        """An empty table; a column is its heading and "right" where numbers stand in it."""
        table = Table(
            title=self._text(title, "bold"),
            title_justify="left",
            box=SIMPLE_HEAD,
            show_edge=False,
            pad_edge=True,
        )
        for heading, justify in columns:
            right = justify == "right"
            side: JustifyMethod = "right" if right else "left"
            table.add_column(heading, justify=side, overflow="fold", no_wrap=right, min_width=len(heading))
        return table

    def _more(self, table: Table, number: int) -> Table:
        if number > 0:
            table.caption = self._text(f"and {number:,} more", "dim")
            table.caption_justify = "left"
        return table

    def _beside(self, tables: list[Table]) -> RenderableType:
        """The tables side by side, as many in a row as the width holds."""
        width = self._console.width - 2 * _MARGIN
        rows: list[list[Table]] = []
        left = 0
        for table in tables:
            needed = self._console.measure(table).maximum
            if not rows or needed + _GAP > left:
                rows.append([])
                left = width + _GAP
            rows[-1].append(table)
            left -= needed + _GAP
        grids: list[Padding] = []
        for row in rows:
            grid = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
            grid.add_row(*row)
            grids.append(Padding(grid, (1 if grids else 0, 0, 0, 0), expand=False))
        return Group(*grids)

    def _text(self, text: str, style: str = "") -> Text:
        """A text that cannot act: no markup, escapes for what is no plain character."""
        return Text(visible(text, self._encoding), style=style)
