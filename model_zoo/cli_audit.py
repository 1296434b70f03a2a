"""`model-zoo audit`: how weak a captcha is, and how many samples it takes to break it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from model_zoo.cli_errors import CONTEXT, Stopped
from model_zoo.cli_options import FOLDER, data_option, labels_option
from model_zoo.env_options import FiniteRange, option

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as Bar

    from model_zoo.style.audit_runner import Progress


@click.command(context_settings=CONTEXT)
@data_option
@labels_option
@option(
    "--minutes",
    type=FiniteRange(0.5, 10080),
    default=60,
    help="Time for everything. Less than about 6 leave fewer draws; 1 or 2 may be overrun by one training.",
)
@option("--out", type=FOLDER, default="audit", help="Folder for the report and the finished trainings.")
@option("--seed", type=int, default=0, help="Of the draws and the trainings.")
@option("--resume", is_flag=True, help="Go on with an audit that was stopped.")
def audit(data: Path, labels: Path | None, minutes: float, out: Path, seed: int, resume: bool) -> None:
    """Find out how weak a captcha is: train readers on ever more of its images, and test them on others.

    Writes audit.html and audit.json, and audit.jsonl with every finished training. Ctrl-C stops (exit code
    130) and reports what there is; the same command with --resume goes on after the last finished training,
    with the time that is left.

    \b
    Example: model-zoo audit --data DIR --minutes 60 --out audit
    """
    from model_zoo.style.attack import Ours
    from model_zoo.style.audit import AuditStopped
    from model_zoo.style.audit import audit as run
    from model_zoo.style.audit_journal import Journal
    from model_zoo.style.audit_runner import Clock
    from model_zoo.style.report.audit import write_audit_report
    from model_zoo.style.samples import problems_in_words, read_samples

    clock = Clock()
    samples = read_samples(data, labels)
    for line in problems_in_words(samples):
        click.echo(line, err=True)
    try:
        with _Shown(minutes, clock) as shown:
            found = run(
                samples,
                Ours(),
                out,
                minutes=minutes,
                seed=seed,
                resume=resume,
                clock=clock,
                on_progress=shown.show,
            )
    except AuditStopped as interrupt:
        for line in [*write_audit_report(interrupt.audit, out).lines(), f"report: {out / 'audit.html'}"]:
            click.echo(line)
        raise Stopped(
            "Stopped; the finished trainings are kept, go on with the same command and --resume"
        ) from interrupt
    except KeyboardInterrupt as interrupt:
        raise Stopped(
            "Stopped; the finished trainings are kept, go on with the same command and --resume"
            if Journal(out).exists()
            else "Stopped before the first reading was done; begin again with the same command"
        ) from interrupt
    report = write_audit_report(found, out)
    for line in [*report.lines(), f"report: {out / 'audit.html'}"]:
        click.echo(line)


def _bar(total: float, clock: Callable[[], float], console: Console) -> Bar:
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    from model_zoo.told import seconds

    class Clocked(Bar):
        """A training tells little of itself while it runs, so each picture of the bar asks the clock."""

        def get_renderables(self) -> Iterable[RenderableType]:
            for task in self.tasks:
                task.completed = min(clock(), total)
                task.fields["left"] = f"{seconds(max(total - clock(), 0))} left at most"
            return super().get_renderables()

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
    return Clocked(
        TextColumn("{task.description}"), *columns, console=console, disable=not console.is_terminal
    )


class _Shown:
    """Progress on a terminal, by the clock; elsewhere a line after each training, as a sign of life.

    Args:
        minutes: of the whole audit.
        clock: of the audit.
    """

    def __init__(self, minutes: float, clock: Callable[[], float]) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._bar = _bar(minutes * 60, clock, self._console)
        self._task = self._bar.add_task("audit", total=minutes * 60)

    def __enter__(self) -> _Shown:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def show(self, progress: Progress) -> None:
        self._bar.update(self._task, description=progress.doing)
        if progress.done and not self._console.is_terminal:
            click.echo(progress.done, err=True)
