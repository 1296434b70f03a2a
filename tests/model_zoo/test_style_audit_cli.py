"""`model-zoo audit`: what it prints while it runs, at the end, and after Ctrl-C."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from auditing import Pretender, some_samples
from click.testing import CliRunner, Result
from labelled import noise
from rich.console import Console

from model_zoo.cli import main
from model_zoo.cli_audit import _bar
from model_zoo.style import attack
from model_zoo.style.attack import Outcome
from model_zoo.style.samples import Samples


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return some_samples(tmp_path_factory.mktemp("audit") / "images")


def invoke(samples: Samples, out: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["audit", "--data", str(samples.folder), "--out", str(out), *more])


@pytest.fixture
def pretender(monkeypatch: pytest.MonkeyPatch) -> Pretender:
    """In the place of the attacker that trains for real; its clock stands still, so nothing runs short."""
    attacker = Pretender(half=8, lazy=0.01)
    monkeypatch.setattr(attack, "Ours", lambda: attacker)
    return attacker


def test_the_command_prints_the_answer_and_where_the_report_is(
    samples: Samples, tmp_path: Path, pretender: Pretender
) -> None:
    done = invoke(samples, tmp_path / "out", "--minutes", "10", "--seed", "3")

    assert done.exit_code == 0, done.stderr
    told = json.loads((tmp_path / "out" / "audit.json").read_text())
    first, takes, without, with_all, note, where = done.stdout.splitlines()
    assert first == told["verdict"]["in_words"]
    assert takes.startswith("samples it takes for 1 %: at most 9, 10 %: at most 9, 50 %: at most 9, 95 %: ")
    assert without == "without samples: 0.0 % (0.0 to 8.6 %)"
    assert with_all.startswith("with 79 samples: ")
    assert with_all.endswith("; by the curve, the mean of the draws, on 41 test images")
    assert note == "only 41 test images: the intervals are wide"
    assert where == f"report: {tmp_path / 'out' / 'audit.html'}"
    assert (told["plan"]["seed"], told["plan"]["minutes"]) == (3, 10)


def test_where_there_is_no_terminal_each_training_is_a_line(
    samples: Samples, tmp_path: Path, pretender: Pretender
) -> None:
    done = invoke(samples, tmp_path / "out")

    told = json.loads((tmp_path / "out" / "audit.json").read_text())["runs"]
    lines = done.stderr.splitlines()
    assert sorted(line.split(" read, after ")[0] for line in lines) == sorted(
        (f"{it['size']} samples, draw {it['draw'] + 1}" if it["size"] else "without samples")
        + f": {100 * it['right'] / 41:.1f} %"
        for it in told
    )
    assert all(re.fullmatch(r"[^:]+: [0-9.]+ % read, after [0-9.]+ s", line) for line in lines)


def test_the_bar_goes_by_the_clock_and_not_by_what_a_training_says() -> None:
    now = 0.0
    bar = _bar(600, lambda: now, Console(file=io.StringIO(), force_terminal=True, width=100))
    task = bar.add_task("10 samples, draw 1", total=600)
    shown = []
    for now in (0.0, 285.0, 700.0):  # noqa: B007
        list(bar.get_renderables())
        shown.append((bar.tasks[task].percentage, bar.tasks[task].fields["left"]))

    assert shown == [
        (0, "10 min 0 s left at most"),
        (47.5, "5 min 15 s left at most"),
        (100, "0.00 s left at most"),
    ]


def test_ctrl_c_says_how_to_go_on_and_resume_does(
    samples: Samples, tmp_path: Path, pretender: Pretender
) -> None:
    pretender.interrupt_at = 3

    stopped = invoke(samples, tmp_path / "out")
    pretender.interrupt_at = None
    done = invoke(samples, tmp_path / "out", "--resume")

    assert stopped.exit_code == 130
    assert stopped.stdout.splitlines()[0] == (
        "broken with at most 9 samples: 53.7 % are read; 95 % from 27 samples (3 of 15 trainings made)"
    )
    assert stopped.stdout.splitlines()[4] == (
        "stopped by Ctrl-C after 3 of 15 trainings (made: 9: 1, 15: 1, 27: 1, 46: 0, 79: 0); go on with the "
        "same command and --resume"
    )
    assert stopped.stdout.splitlines()[-1] == f"report: {tmp_path / 'out' / 'audit.html'}"
    assert stopped.stderr.splitlines()[-1] == (
        "Stopped; the finished trainings are kept, go on with the same command and --resume"
    )
    assert done.exit_code == 0, done.stderr
    told = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert len(told["runs"]) == len(pretender.draws) + 1


def test_ctrl_c_before_the_first_training_is_done_leaves_no_report(
    samples: Samples, tmp_path: Path, pretender: Pretender
) -> None:
    pretender.interrupt_at = 0

    stopped = invoke(samples, tmp_path / "out")

    assert (stopped.exit_code, stopped.stdout) == (130, "")
    assert stopped.stderr.splitlines()[1:] == [
        "Stopped; the finished trainings are kept, go on with the same command and --resume"
    ]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["audit.jsonl"]


def test_ctrl_c_before_anything_is_kept_does_not_speak_of_resume(
    samples: Samples, tmp_path: Path, pretender: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Outcome:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pretender, "zero_shot", interrupted)
        stopped = invoke(samples, tmp_path / "out")
    done = invoke(samples, tmp_path / "out")

    assert (stopped.exit_code, stopped.stdout) == (130, "")
    assert stopped.stderr == (
        "Stopped before the first reading was done; begin again with the same command\n"
    )
    assert done.exit_code == 0, done.stderr


def test_a_folder_that_is_no_folder_is_refused(
    samples: Samples, tmp_path: Path, pretender: Pretender
) -> None:
    (tmp_path / "out").write_text("")

    done = invoke(samples, tmp_path / "out")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"Error: {str(tmp_path / 'out')!r} is a file; give a folder\n"


def test_what_is_left_out_is_named_before_anything_is_trained(tmp_path: Path, pretender: Pretender) -> None:
    folder = some_samples(tmp_path / "images").folder
    (folder / "aaaa.png").write_bytes(b"")
    pretender.interrupt_at = 0

    stopped = CliRunner().invoke(main, ["audit", "--data", str(folder), "--out", str(tmp_path / "out")])

    assert stopped.stderr.splitlines()[:2] == [
        "1 image cannot be read:",
        "  aaaa.png: the file is empty; expected an image",
    ]


def test_a_label_as_long_as_train_takes_is_audited(tmp_path: Path, pretender: Pretender) -> None:
    folder = some_samples(tmp_path / "images").folder
    longest = "abcdef" * 5 + "ab"
    noise(longest).save(folder / f"{longest}.bmp")

    done = CliRunner().invoke(main, ["audit", "--data", str(folder), "--out", str(tmp_path / "out")])

    assert done.exit_code == 0, done.stderr
    told = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert told["texts"]["lengths"] == {"4": 120, "32": 1}
