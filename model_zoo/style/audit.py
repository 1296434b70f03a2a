"""How many samples a captcha's reader needs: runs of many sizes, judged on one test part, and a curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_zoo.atomic import check_folder
from model_zoo.errors import DataError
from model_zoo.split import LabelledFile
from model_zoo.style.appearance import Appearance, measure_appearance
from model_zoo.style.attack import Attacker
from model_zoo.style.audit_journal import Head, Journal, Run, of_size
from model_zoo.style.audit_plan import DRAWS, FEWEST, MIN_SIZES, Plan, make_plan, next_run
from model_zoo.style.audit_runner import TARGET, Clock, Progress, Runner, with_reserve
from model_zoo.style.curve import Curve
from model_zoo.style.samples import Samples
from model_zoo.told import seconds


class AuditStopped(KeyboardInterrupt):
    """Ctrl-C after the first training.

    Attributes:
        audit: what there is by then.
    """

    def __init__(self, audit: Audit) -> None:
        super().__init__()
        self.audit = audit


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        samples: all labelled images.
        pool: those that runs learnt from, which are no test images, in order of their sha256.
        test: those that judged every run, likewise.
        head: what was planned.
        runs: finished, the zero-shot one first.
        curve: through the runs that learnt.
        appearance: of the images, when it began.
        unseen: whether it is known that the start had learnt from none of the images.
        elapsed: seconds that it took.
        minutes: that it might take.
        stopped: whether Ctrl-C ended it.
    """

    samples: Samples
    pool: tuple[LabelledFile, ...]
    test: tuple[LabelledFile, ...]
    head: Head
    runs: tuple[Run, ...]
    curve: Curve
    appearance: Appearance
    unseen: bool
    elapsed: float
    minutes: float
    stopped: bool = False

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the runs that were made, rising, without 0."""
        return tuple(sorted({run.size for run in self.runs if run.size}))

    @property
    def draws(self) -> dict[int, int]:
        """For each planned size, how many runs were made."""
        return {size: len(of_size(self.runs, size)) for size in self.head.sizes}

    @property
    def trainings(self) -> int:
        """How many were made."""
        return sum(run.size > 0 for run in self.runs)

    @property
    def planned(self) -> int:
        """How many trainings an audit should have; where time is left, more are made."""
        return len(self.head.sizes) * DRAWS

    @property
    def complete(self) -> bool:
        """Whether each planned size has a training: without that, no target counts as not reached."""
        return min(self.draws.values()) > 0

    @property
    def enough_minutes(self) -> int:
        """What --minutes all of these take, by what those that were made took."""
        overhead, walls = _overhead(self.runs), _walls(self.runs)
        missing = sum(
            (DRAWS - self.draws[size]) * max(allowed + overhead, *walls.get(size, (0.0,)))
            for size, allowed in zip(self.head.sizes, self.head.seconds, strict=True)
            if self.draws[size] < DRAWS
        )
        return math.ceil(with_reserve(self.elapsed + missing) / 60)

    @property
    def fell_short(self) -> bool:
        """Whether time left less than the sizes and draws that an audit should have."""
        return len(self.sizes) < MIN_SIZES or min(self.draws.values()) < DRAWS

    def right(self, run: Run) -> int:
        """How many of the test images a run read right."""
        return sum(text == file.label for text, file in zip(run.texts, self.test, strict=True))


def audit(
    samples: Samples,
    attacker: Attacker,
    out: Path,
    *,
    minutes: float,
    seed: int = 0,
    resume: bool = False,
    clock: Clock | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Audit:
    """Make the runs and fit the curve.

    Args:
        samples: the labelled images.
        attacker: who learns and reads.
        out: folder of the journal; made if it is not there.
        minutes: that everything may take.
        seed: of the draws and the trainings.
        resume: go on with the audit that was begun in `out`.
        clock: running since the command began; None begins now.
        on_progress: called before, after and during each run.

    Raises:
        DataError: too few images, a start that has learnt from some of them, a folder that cannot be written
            or holds another audit, or none to go on.
        AuditStopped: Ctrl-C after the first training.
        UnreadableImage: an image has gone or changed since it was checked, and is needed.
    """
    clock = clock or Clock()
    # By content, not by path: the journal has texts by number, and files may be renamed before they are gone
    # on with.
    files = sorted(samples.files, key=lambda file: file.sha256)
    test = tuple(file for file in files if file.part == "test")
    pool = tuple(file for file in files if file.part != "test")
    if not test or len(pool) < FEWEST + MIN_SIZES - 1:
        raise DataError(
            f"{len(test)} of the {len(samples.files)} images fall into the test part and leave {len(pool)} "
            f"to learn from; an audit needs at least 1 and {FEWEST + MIN_SIZES - 1}, so add images"
        )
    unseen = attacker.knows_none_of(files)
    check_folder(out)
    runner = Runner(samples, pool, test, attacker, seed, clock, on_progress, minutes * 60)
    journal = Journal(out)
    # Not at the end: an image that goes would cost the report of all the runs.
    appearance = measure_appearance(samples.files)
    head, runs = _begun(journal, runner) if _goes_on(journal, resume) else _begin(journal, runner)
    # Where time was planned for fewer draws and more of it is left, or given, it goes into the others.
    plan = Plan(head.sizes, DRAWS, head.seconds, head.short)
    stopped = False
    try:
        while following := _following(plan, runs, runner):
            run = runner.fine_tuned(*following)
            journal.add(run)
            runs.append(run)
    except KeyboardInterrupt:
        if len(runs) == 1:
            raise
        stopped = True
    if len(runs) == 1:
        raise DataError(
            f"--minutes {minutes:g} is too little for one training: reading the test part alone takes "
            f"{seconds(runs[0].wall)}; give more"
        )
    runs.sort(key=lambda run: (run.size, run.draw))
    curve = runner.curve(runs)
    found = Audit(
        samples, pool, test, head, tuple(runs), curve, appearance, unseen, clock(), minutes, stopped
    )
    if stopped:
        raise AuditStopped(found)
    return found


def _following(plan: Plan, runs: Sequence[Run], runner: Runner) -> tuple[int, int, float] | None:
    """What to run now; past the plan, what would narrow the answer most."""
    walls, left, overhead = _walls(runs), runner.left(), _overhead(runs)
    planned = next_run(plan, walls, left, overhead)
    if planned or len(runs) == 1:
        return planned
    return next_run(plan, walls, left, overhead, _undecided(runner.curve(runs, redraws=400)))


def _goes_on(journal: Journal, resume: bool) -> bool:
    """Whether an audit is gone on with; refuses what the user may not have meant."""
    begun = journal.exists()
    if begun and not resume:
        raise DataError(
            f"an audit was begun in {str(journal.path.parent)!r}; go on with it by --resume, or give another "
            "--out"
        )
    if resume and not begun:
        raise DataError(
            f"there is no audit to go on with in {str(journal.path.parent)!r}; leave --resume out to begin "
            "one"
        )
    return begun


def _begun(journal: Journal, runner: Runner) -> tuple[Head, list[Run]]:
    """What an interrupted audit left."""
    head, runs = journal.read()
    if not runs:  # killed between its first two lines
        return _begin(journal, runner)
    for what, was, now in (
        ("other images or labels", head.data, runner.content()),
        (f"seed {head.seed}", head.seed, runner.seed),
        (f"model {head.model}", head.model, runner.attacker.model()),
    ):
        if was != now:
            raise DataError(
                f"the audit in {str(journal.path.parent)!r} was begun with {what}; go on with the same, or "
                "give another --out"
            )
    runner.clock.before += sum(run.wall for run in runs)
    return head, runs


def _begin(journal: Journal, runner: Runner) -> tuple[Head, list[Run]]:
    """Plan a new audit, after reading the test part zero-shot: that also shows how long a reading takes."""
    zero_shot = runner.zero_shot()
    plan = make_plan(len(runner.pool), runner.left(), zero_shot.wall)
    head = Head(
        runner.content(),
        runner.seed,
        runner.attacker.model(),
        plan.sizes,
        plan.seconds,
        plan.draws,
        plan.short,
    )
    journal.begin(head)
    journal.add(zero_shot)
    return head, [zero_shot]


def _undecided(curve: Curve) -> list[int]:
    """The sizes around the answer, while its interval has two ends."""
    (answer,) = (it for it in curve.reached if it.target == TARGET)
    if answer.low == answer.high:
        return []
    sizes = [level.size for level in curve.levels]
    below = [at for at, level in enumerate(curve.levels) if level.value < TARGET]
    at = below[-1] if below else 0
    return sizes[max(min(at, len(sizes) - 2), 0) :][:2]


def _walls(runs: Sequence[Run]) -> dict[int, list[float]]:
    walls: dict[int, list[float]] = {}
    for run in runs:
        walls.setdefault(run.size, []).append(run.wall)
    return walls


def _overhead(runs: Sequence[Run]) -> float:
    """Seconds that a run took so far beside its training, or beyond what it might, at the most."""
    return max(run.wall - min(run.seconds, run.allowed) for run in runs)
