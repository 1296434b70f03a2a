"""benchmarks/queue_cost.py: every step and every process has its figure, on a few images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import queue_cost
from fleet.images import link_tree
from fleet.local import Fleet
from speed.common import Runs
from speed.queue_steps import STEPS, known_images, steps_us

from worker.solving import answers_of

EXAMPLES = Path(__file__).parent.parent / "examples" / "captchas"


def test_a_run_prints_and_writes_a_figure_for_every_step_and_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "queue_cost.json"
    sizes = ("--images", "60", "--short", "20", "--rounds", "1")

    code = queue_cost.main(
        [*sizes, "--originals", str(EXAMPLES), "--json", str(out), "--folder", str(tmp_path)]
    )

    printed = capsys.readouterr().out
    assert code == 0, printed
    found = json.loads(out.read_text())
    assert list(found["steps_us"]) == [queue_cost.FLOOR, *STEPS]
    assert list(found["processes_us"]) == list(queue_cost.PROCESSES)
    assert all(runs["median"] >= 0 for runs in found["steps_us"].values())
    for name in (*found["steps_us"], *found["processes_us"]):
        assert f"| {name} |" in printed
    assert list(tmp_path.iterdir()) == [out], "images, logs and run folders are gone"


def test_sums_are_those_of_each_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_cost, "STEPS", {"read": "producer", "solve": "worker", "page": "report"})
    steps = {
        name: Runs(values) for name, values in {"read": (1.0, 9.0, 2.0), "solve": (5.0, 1.0, 3.0)}.items()
    }
    steps |= {"page": Runs((7.0, 7.0, 7.0)), queue_cost.FLOOR: Runs((3.0, 3.0, 3.0))}
    processes = {name: Runs((30.0, 30.0, 30.5)) for name in queue_cost.PROCESSES}

    text = queue_cost.show(steps, processes)

    assert "| all steps but the report |  | 6.0 | 5.0 | 10.0 |" in text
    assert "| all of them, report included | 120.0 | 120.0 | 122.0 |" in text
    assert text.endswith("goal: at most 120 µs an image: met")
    more = {**processes, "redis": Runs((31.0, 31.0, 31.0))}
    assert queue_cost.show(steps, more).endswith("goal: at most 120 µs an image: not met")


def test_a_step_that_loses_an_answer_is_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = link_tree(tmp_path / "images", 20, EXAMPLES)
    monkeypatch.setattr("speed.queue_steps.answers_of", lambda *arguments: answers_of(*arguments)[1:])
    lost = pytest.raises(ValueError, match=r"^18 of 20 images were answered; see .*/run$")
    with Fleet(tmp_path / "fleet") as fleet, lost:
        steps_us(images, tmp_path / "run", fleet.store, fleet.url, known_images(EXAMPLES))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--originals", "nowhere"], "queue_cost.py: no folder nowhere; see --help"),
        (
            ["--originals", str(EXAMPLES), "--images", "10", "--short", "10"],
            "queue_cost.py: 10 images are no shorter job than 10; see --help",
        ),
    ],
    ids=["no originals", "no difference"],
)
def test_what_cannot_be_measured_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert queue_cost.main(arguments) == 2
    assert capsys.readouterr().err.strip() == message
