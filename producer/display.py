"""What a user sees while a job runs, on standard error: a moving line on a terminal, little elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from producer.results import ResultLine

# The same words again within this time would only scroll the rest away.
_SAY_AGAIN_AFTER_S = 30.0


class Display:
    """Shows a job's progress; a Watcher of the sending loop.

    Args:
        quiet: show nothing but warnings.
    """

    def __init__(self, quiet: bool) -> None:
        self.console = Console(stderr=True, highlight=False)
        # Known once the run folder is there; what a user needs to go on after a stop.
        self.run_dir: Path | None = None
        self._quiet = quiet
        self._check: Callable[[], None] = lambda: None
        self._progress: Progress | None = None
        self._said: dict[str, float] = {}
        self._new = 0
        self._began = 0.0

    def check_with(self, check: Callable[[], None]) -> None:
        """Have `check` look whether the job can go on; it raises Interrupted where not."""
        self._check = check

    def check(self) -> None:
        """Raise Interrupted where going on makes no sense."""
        self._check()

    def note(self, message: str) -> None:
        """A step of the way, unless quiet."""
        if not self._quiet:
            self.console.print(escape(message), soft_wrap=True)

    def say(self, message: str) -> None:
        """Something the user should know, quiet or not; repeated after half a minute at the earliest."""
        now = time.monotonic()
        # What is older is forgotten: of ten million images many batches may have something to say once.
        self._said = {said: at for said, at in self._said.items() if now - at <= _SAY_AGAIN_AFTER_S}
        if message not in self._said:
            self._said[message] = now
            self.console.print(f"[yellow]note:[/] {escape(message)}", soft_wrap=True)

    @contextmanager
    def progress(self, images: int, answered: int) -> Iterator[None]:
        """Show how far the answers are, of so many images, while the block runs."""
        self._began = time.monotonic()
        if self._quiet or not self.console.is_terminal:
            yield
            return
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        ) as self._progress:
            self._progress.add_task("reading", total=images, completed=answered, rate="")
            yield
        self._progress = None

    @contextmanager
    def busy(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show that something goes on while the block runs; it is given what to call with other words."""
        if self._quiet or not self.console.is_terminal:
            yield lambda words: None
            return
        with self.console.status(what) as status:
            yield status.update

    def answered(self, lines: list[ResultLine]) -> None:
        """These images were answered just now."""
        self._new += len(lines)
        if self._progress is not None:
            rate = self._new / max(time.monotonic() - self._began, 1e-3)
            self._progress.update(
                self._progress.task_ids[0], advance=len(lines), rate=f"{rate:,.0f} images/s"
            )
