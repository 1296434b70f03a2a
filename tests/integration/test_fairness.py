"""Several jobs on one worker: which batches it takes first; Redis, worker and producers are real."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from fleet.pretend import RATE_VARIABLE
from processes import ROOT, Fleet, Worker, environment, producer, start_producer, wait_for, write_captchas
from stepped import FOLDER_VARIABLE

from producer.levels import FIRST_IMAGES, LEVELS
from producer.manifest import BatchLimits
from producer.queue import level_keys
from worker.celery_app import UNACKED_KEY
from worker.contract import queue_name
from worker.store import connect

pytestmark = pytest.mark.redis

WINDOW = 4  # batches that a job has outstanding where there is one worker
IMAGES = 5000
SMALL = 1000


@dataclass
class Stepped:
    """One worker, of which a test says when it takes a batch."""

    fleet: Fleet
    folder: Path

    def start(self) -> None:
        """Start the worker and wait until it serves."""
        (self.folder / "rate").write_text("1e9")
        (self.folder / "read").touch()
        self.allow(0)
        log = self.folder / "worker.log"
        paths = os.pathsep.join(str(ROOT / part) for part in ("", "benchmarks", "tests/integration"))
        env = environment(**{
            "CAPTCHAFLEET_BROKER": self.fleet.url, "PYTHONPATH": paths,
            FOLDER_VARIABLE: str(self.folder), RATE_VARIABLE: str(self.folder / "rate"),
        })  # fmt: skip
        command = (sys.executable, "-P", "-m", "stepped", "-A", "worker.celery_app", "worker")
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [*command, "--without-gossip", "--without-mingle"],
                env=env, cwd=self.folder, stdout=stream, stderr=stream, start_new_session=True,
            )  # fmt: skip
        self.fleet.workers.append(Worker(process, log))
        self.store = connect(self.fleet.url)

        def announced() -> bool:
            assert process.poll() is None, log.read_text()
            return bool(self.store.workers())

        wait_for("the worker's announcement", announced)
        self.keys = level_keys(queue_name(self.store.workers()[0].fingerprint))

    def allow(self, batches: int) -> None:
        """Let the worker read so many batches in all."""
        new = self.folder / "allowed.new"
        new.write_text(str(batches))
        new.replace(self.folder / "allowed")

    @property
    def read(self) -> list[str]:
        """The ids of the batches that it took, in order."""
        return (self.folder / "read").read_text().splitlines()

    def wait_for_waiting(self, *levels: int) -> None:
        """Wait until so many messages wait on each level, and the worker holds one."""
        assert len(levels) == LEVELS
        state: list[int] = []

        def settled() -> bool:
            state[:] = [self.store.client.llen(key) for key in self.keys]
            return state == list(levels) and self.store.client.hlen(UNACKED_KEY) == 1

        try:
            wait_for(f"{levels} waiting messages", settled)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {state}, the worker read {self.read}") from error

    def submit(self, folder: Path, images: Path, *more: str) -> subprocess.Popen[bytes]:
        """Start a submission whose log and run folder lie in `folder`."""
        folder.mkdir()
        given = ("--labels", "none", "--broker", self.fleet.url, "--run-dir", "run")
        return start_producer("submit", images, *given, *more, cwd=folder)


@pytest.fixture
def stepped(fleet: Fleet, tmp_path: Path) -> Stepped:
    """A fleet of one such worker."""
    folder = tmp_path / "stepped"
    folder.mkdir()
    made = Stepped(fleet, folder)
    made.start()
    return made


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Folders of so many images, all of them links to one."""
    pool = tmp_path_factory.mktemp("fairness")
    (name,) = write_captchas(pool / "one", 1)
    made = {count: pool / str(count) for count in (IMAGES, SMALL, 20)}
    for count, folder in made.items():
        folder.mkdir()
        for number in range(count):
            os.link(pool / "one" / name, folder / f"{number:04}.png")
    return made


def job_of(run: Path) -> str:
    """The id of a job, by its manifest."""
    return (run / "manifest.jsonl").read_text().split('"job": "', 1)[1].partition('"')[0]


def small_batches() -> list[str]:
    """How a job of SMALL images is cut by default: FIRST-LAST."""
    limits, cut, first = BatchLimits(), [], 0
    while first < SMALL:
        last = min(first + limits.images_of(len(cut)), SMALL) - 1
        cut.append(f"{first}-{last}")
        first = last + 1
    return cut


def test_a_small_job_overtakes_all_that_three_large_ones_have_waiting(
    stepped: Stepped, folders: dict[int, Path], tmp_path: Path
) -> None:
    large = [
        stepped.submit(tmp_path / name, folders[IMAGES], "--batch-size", "500") for name in ("a", "b", "c")
    ]
    first, rest = 3 * (FIRST_IMAGES // 500), 3 * (IMAGES // 500 - FIRST_IMAGES // 500)
    stepped.wait_for_waiting(0, 3 * WINDOW - 1, 0, 0)
    stepped.allow(first)
    stepped.wait_for_waiting(0, 0, 3 * WINDOW - 1, 0)

    small = stepped.submit(tmp_path / "small", folders[SMALL])
    expected = small_batches()
    stepped.wait_for_waiting(0, WINDOW, 3 * WINDOW - 1, 0)
    for done in range(len(expected)):
        # The one that the worker holds first is a large one's: it was taken before the small job came.
        stepped.allow(first + 1 + done)
        stepped.wait_for_waiting(0, min(WINDOW, len(expected) - done) - 1, 3 * WINDOW, 0)
    stepped.allow(first + rest + len(expected))

    assert [process.wait(60) for process in (small, *large)] == [0, 0, 0, 0]
    ids = {name: job_of(tmp_path / name / "run") for name in ("a", "b", "c", "small")}
    read = [batch.split(":") for batch in stepped.read]
    assert all(int(images.partition("-")[0]) < FIRST_IMAGES for _, images in read[:first])
    assert read[first][0] in (ids["a"], ids["b"], ids["c"])
    assert read[first + 1 :][: len(expected)] == [[ids["small"], images] for images in expected]
    for name in ("a", "b", "c"):
        assert [images for job, images in read if job == ids[name]] == [
            f"{start}-{start + 499}" for start in range(0, IMAGES, 500)
        ]


def test_priority_decides_between_jobs_that_wait(
    stepped: Stepped, folders: dict[int, Path], tmp_path: Path
) -> None:
    started = [stepped.submit(tmp_path / "first", folders[20], "--batch-size", "20")]
    stepped.wait_for_waiting(0, 0, 0, 0)
    waiting = [0] * LEVELS
    for level, priority in ((2, "low"), (1, "normal"), (0, "high")):
        given = ("--batch-size", "20", "--priority", priority)
        started.append(stepped.submit(tmp_path / priority, folders[20], *given))
        waiting[level] = 1
        stepped.wait_for_waiting(*waiting)
    status = producer("status", "--broker", stepped.fleet.url, cwd=tmp_path).out
    stepped.allow(len(started))

    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    order = ("first", "high", "normal", "low")
    ids = [job_of(tmp_path / name / "run") for name in order]
    assert stepped.read == [f"{job}:0-19" for job in ids]
    told = {line.split()[0]: line.split("  ")[-1] for line in status.splitlines() if " running " in line}
    assert [told[job] for job in ids] == [
        "normal priority",
        "high priority",
        "normal priority",
        "low priority",
    ]
