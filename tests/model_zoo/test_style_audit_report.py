"""The report of an audit: its answer in words, its JSON, its page, and the command that writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from auditing import Pretender, some_samples
from click.testing import CliRunner, Result
from labelled import noise
from test_style_report import Page

from model_zoo.cli import main
from model_zoo.style import attack
from model_zoo.style.attack import Outcome
from model_zoo.style.audit import audit
from model_zoo.style.report.audit import write_audit_report
from model_zoo.style.report.audit_report import AuditReport
from model_zoo.style.samples import Samples


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return some_samples(tmp_path_factory.mktemp("audit") / "images")


def report(samples: Samples, out: Path, attacker: Pretender, minutes: float = 20) -> AuditReport:
    return write_audit_report(audit(samples, attacker, out, minutes=minutes, clock=attacker.clock()), out)


def test_the_json_has_every_number(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, Pretender(half=8))

    told = json.loads((tmp_path / "audit.json").read_text())
    answer = made.answer
    assert (told["kind"], told["version"]) == ("audit", 1)
    assert answer.samples is not None
    assert told["answer"] == {
        "target": 0.95,
        "samples": answer.samples,
        "low": answer.low,
        "high": answer.high,
        "smallest_size": 9,
        "largest_size": 79,
        "in_words": f"read at 95 % from {answer.samples} samples",
    }
    assert told["zero_shot"]["value"] == 0
    assert [it["size"] for it in told["curve"]] == list(made.audit.sizes)
    for it in told["curve"]:
        assert len(it["draws"]) == made.audit.draws[it["size"]] >= 3
        assert it["low"] <= it["value"] <= it["high"]
    assert [it["target"] for it in told["reached"]] == [0.01, 0.1, 0.5, 0.9, 0.95, 0.99]
    assert told["at_the_largest_size"]["size"] == 79
    assert {it["character"] for it in told["at_the_largest_size"]["by_character"]} <= set(samples.charset)
    assert [it["title"] for it in told["protection"]] == [it.title for it in made.findings]
    assert [it["samples"] for it in told["attempts"]] == [0, 9, 79]
    assert told["attempts"][0]["attempts_on_average"] is None
    assert told["split"]["test"] == len(made.audit.test)
    assert len(told["runs"]) == len(made.audit.runs)
    assert sum(it["seconds_in_all"] for it in told["runs"]) <= told["plan"]["seconds_taken"]


def test_the_page_says_the_same_and_loads_nothing(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, Pretender(half=8, start=0.3))

    page = Page((tmp_path / "audit.html").read_text())
    for piece in (
        f"Read at 95 % from {made.answer.samples} samples",
        "What protects this captcha, and what does not",
        *(it.text for it in made.findings),
        *(level.size.__str__() for level in made.curve.levels),
        "generic@0123456789ab",
    ):
        assert piece in page.text
    assert not [tag for tag, _ in page.tags if tag in {"script", "link", "iframe", "img", "a"}]
    circles = [it for tag, it in page.tags if tag == "circle"]
    assert len(circles) == len(made.audit.runs) - 1


def test_a_captcha_that_is_not_read_is_told_so(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, Pretender(half=1000))

    assert made.headline == "not read at 95 % with 79 samples"
    assert made.lines()[0] == "not read at 95 % with 79 samples (95 % interval: more than 79)"
    told = json.loads((tmp_path / "audit.json").read_text())
    assert [told["answer"][key] for key in ("samples", "low", "high")] == [None, None, None]


def test_a_captcha_that_is_read_at_once_is_told_so(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, Pretender(half=1, start=1.0))

    assert made.headline == "read at 95 % without one sample"
    assert made.answer.samples == 0
    assert made.notes() == ["only 41 test images: the intervals are wide"]  # more time would change nothing
    told = json.loads((tmp_path / "audit.json").read_text())
    assert told["answer"]["samples"] == 0


def test_too_little_time_is_told_with_what_it_left_out(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, Pretender(), minutes=2)

    draws = ", ".join(f"{size}: 1" for size in made.audit.head.sizes)
    assert made.notes() == [
        f"--minutes 2 was too little for 3 draws of every size (made: {draws}); more would narrow the answer",
        "time ended 5 of 5 trainings before they stopped by themselves; with more --minutes fewer samples "
        "may be enough",
        "only 41 test images: the intervals are wide",
    ]
    assert "Note" in Page((tmp_path / "audit.html").read_text()).text


def test_trainings_that_time_ended_before_all_of_theirs_was_gone_are_told(
    samples: Samples, tmp_path: Path
) -> None:
    """A training keeps some of its time to end in."""
    made = report(samples, tmp_path, Pretender(lazy=0.5, out_of_time=True), minutes=2)

    runs = len(made.audit.runs) - 1
    assert made.notes()[1] == (
        f"time ended {runs} of {runs} trainings before they stopped by themselves; with more "
        "--minutes fewer samples may be enough"
    )


def test_trainings_that_stop_by_themselves_are_not(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, Pretender(lazy=0.5), minutes=2)

    assert not [it for it in made.notes() if "time ended" in it]


def test_a_start_whose_images_nobody_knows_is_told(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, Pretender(half=1, start=1.0, unseen=False))

    assert made.notes()[0] == (
        "nobody knows which images generic@0123456789ab was trained on; if these are among them, it takes "
        "more samples than is said here"
    )


def test_images_that_go_while_it_runs_do_not_cost_the_report(tmp_path: Path) -> None:
    samples = some_samples(tmp_path / "images")
    attacker = Pretender(half=8)
    found = audit(samples, attacker, tmp_path, minutes=20, clock=attacker.clock())
    for file in samples.files:
        file.path.unlink()

    made = write_audit_report(found, tmp_path)

    assert json.loads((tmp_path / "audit.json").read_text())["answer"]["in_words"] == made.headline
    assert (tmp_path / "audit.html").exists()


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

    assert (done.exit_code, done.stderr) == (0, "")
    told = json.loads((tmp_path / "out" / "audit.json").read_text())
    first, without, with_all, note, where = done.stdout.splitlines()
    assert first.startswith(f"{told['answer']['in_words']} (95 % interval: ")
    assert without == "without samples: 0.0 % (0.0 to 8.6 %)"
    assert with_all.startswith("with 79: ")
    assert with_all.endswith(", on 41 test images")
    assert note == "only 41 test images: the intervals are wide"
    assert where == f"report: {tmp_path / 'out' / 'audit.html'}"
    assert (told["plan"]["seed"], told["plan"]["minutes"]) == (3, 10)


def test_ctrl_c_says_how_to_go_on_and_resume_does(
    samples: Samples, tmp_path: Path, pretender: Pretender
) -> None:
    pretender.interrupt_at = 3

    stopped = invoke(samples, tmp_path / "out")
    pretender.interrupt_at = None
    done = invoke(samples, tmp_path / "out", "--resume")

    assert (stopped.exit_code, stopped.stdout) == (130, "")
    assert stopped.stderr == (
        "Stopped; the finished trainings are kept, go on with the same command and --resume\n"
    )
    assert done.exit_code == 0, done.stderr
    told = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert len(told["runs"]) == len(pretender.draws) + 1


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

    assert (done.exit_code, done.stderr) == (0, "")
    told = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert told["texts"]["lengths"] == {"4": 120, "32": 1}
