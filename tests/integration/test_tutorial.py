"""docs/tutorial.md: its commands are run as they stand there, and do what it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from processes import ROOT, Fleet, environment, report_of, results_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TUTORIAL = ROOT / "docs" / "tutorial.md"
MODULES = {"model-zoo": "model_zoo.cli", "producer": "producer.cli", "worker": "worker.cli"}
WRITTEN_BROKER = "redis://127.0.0.1:6379/0"  # another port in the tests
IMAGES, NEW = 300, 40


def commands() -> list[str]:
    """Every line of the blocks marked `sh`; other blocks show what comes out."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL.read_text(), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def is_fleets(line: str) -> bool:
    """Whether a line needs a Redis server."""
    return "--broker" in line


@dataclass
class Tutorial:
    """The folder that the commands ran in, and what each printed."""

    folder: Path
    out: dict[str, str] = field(default_factory=dict)

    def run(self, line: str) -> None:
        """Run one command to its end, which is a good one."""
        program, *arguments = shlex.split(line)
        done = subprocess.run(
            [sys.executable, "-P", "-m", MODULES[program], *arguments],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        self.out[line] = done.stdout

    def said(self, start: str) -> str:
        """What the command that begins like this printed."""
        ((_, out),) = [item for item in self.out.items() if item[0].startswith(start)]
        return out

    def right(self, run: str) -> float:
        """The share of exact matches of a run folder; every image is answered once, without an error."""
        results = results_of(self.folder / "runs" / run)
        assert len({line["file"] for line in results}) == len(results) == NEW
        assert [line["error"] for line in results] == [None] * NEW
        report = report_of(self.folder / "runs" / run)
        share: float = report["exact_match"]["value"]
        return share


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Tutorial:
    """All commands but the fleet's, run in the order of the text."""
    done = Tutorial(tmp_path_factory.mktemp("tutorial"))
    for line in commands():
        if not is_fleets(line):
            done.run(line)
    return done


@pytest.fixture
def own_fleet(broker: str, tutorial: Tutorial) -> Iterator[Fleet]:
    """A fleet whose workers start in the tutorial's folder."""
    fleet = Fleet(broker, tutorial.folder)
    try:
        yield fleet
    finally:
        fleet.stop()


def test_every_command_of_the_text_is_run() -> None:
    programs = [shlex.split(line)[0] for line in commands()]

    zoo, producer = "model-zoo", "producer"
    assert programs == [zoo, zoo, zoo, producer, "worker", producer, zoo, producer]


def test_the_training_leaves_a_model_and_its_report(tutorial: Tutorial) -> None:
    zoo = tutorial.folder / "zoo"
    told = json.loads((zoo / "mine.report").read_text())
    match = told["test"]["exact_match"]

    assert {path.name for path in zoo.iterdir()} == {
        "mine.html", "mine.json", "mine.report", "mine.safetensors", "mine.seen",
    }  # fmt: skip
    assert 0.2 * IMAGES < match["n"] < 0.4 * IMAGES
    assert match["value"] > 0.5
    said = tutorial.said("model-zoo train ")
    assert f"{match['right'] / match['n']:.1%}".replace("%", " %") in said.splitlines()[0]
    assert said.endswith("use it: producer submit DIR --model zoo/mine.json\n")


def test_the_reader_reads_new_images(tutorial: Tutorial) -> None:
    assert tutorial.right("mine") > 0.5


def test_generic_reads_them_without_a_sample(tutorial: Tutorial) -> None:
    results = results_of(tutorial.folder / "runs" / "generic")

    assert tutorial.right("generic") > 0.2
    assert all(re.fullmatch("[0-9a-z]{5}", line["text"]) for line in results)


def test_the_audit_answers_or_says_that_the_time_was_short(tutorial: Tutorial) -> None:
    told = json.loads((tutorial.folder / "audit" / "audit.json").read_text())
    levels = told["curve"]
    said = tutorial.said("model-zoo audit ")

    assert (tutorial.folder / "audit" / "audit.html").stat().st_size > 10_000
    assert levels
    assert len(levels) >= 5 or "was too little for 3 draws of every size" in said
    assert told["verdict"]["in_words"] in said.splitlines()
    assert told["zero_shot"]["value"] > 0.2


def test_the_same_reader_serves_a_fleet(tutorial: Tutorial, own_fleet: Fleet) -> None:
    for line in filter(is_fleets, commands()):
        line = line.replace(WRITTEN_BROKER, own_fleet.url)
        if line.startswith("worker start "):
            own_fleet.start_worker(*shlex.split(line.removesuffix(" &"))[2:])
        else:
            tutorial.run(line)

    assert tutorial.right("fleet") == tutorial.right("mine")
    alone, fleet = (
        {it["file"]: it["text"] for it in results_of(tutorial.folder / "runs" / run)}
        for run in ("mine", "fleet")
    )
    assert alone == fleet
