"""The report of an audit: its verdict in words, its JSON and its page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from auditing import Pretender, some_samples
from test_style_report import Page

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
    assert told["verdict"] == {
        "kind": "broken",
        "in_words": made.headline,
        "target": 0.01,
        "samples": 9,
        "low": 0,
        "high": 9,
    }
    assert told["answer"] == {
        "complete": True,
        "target": 0.95,
        "samples": answer.samples,
        "low": answer.low,
        "high": answer.high,
        "smallest_size": 9,
        "largest_size": 79,
        "in_words": f"95 % from {answer.samples} samples",
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
    assert [it["success"]["value"] for it in told["attempts"]] == [
        0,
        told["curve"][0]["value"],
        told["curve"][-1]["value"],
    ]
    assert told["split"]["test"] == len(made.audit.test)
    assert len(told["runs"]) == told["plan"]["trainings_made"] + 1 == len(made.audit.runs)
    assert (told["plan"]["trainings"], told["plan"]["stopped"]) == (15, False)
    assert sum(it["seconds_in_all"] for it in told["runs"]) <= told["plan"]["seconds_taken"]


def test_the_page_says_the_same_and_loads_nothing(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, Pretender(half=8, start=0.3))

    page = Page((tmp_path / "audit.html").read_text())
    for piece in (
        f"Broken without samples: 17.1 % are read; 95 % from {made.answer.samples} samples",
        "Without samples: 17.1 % (8.5 to 31.3 %), 5.9 attempts on average",
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
    """Not a word of 95 %, which no bot needs."""
    made = report(samples, tmp_path, Pretender(half=1000))

    assert made.lines()[:4] == [
        "may hold at 79 samples: 0.0 % are read, but the test images leave up to 8.8 % open",
        "samples it takes for 1 %: more than 79, 10 %: more than 79, 50 %: more than 79, 95 %: more than 79 "
        "(95 % interval: more than 79)",
        "without samples: 0.0 % (0.0 to 8.6 %)",
        "with 79 samples: 0.0 % (0.0 to 8.8 %); by the curve, the mean of the draws, on 41 test images",
    ]
    told = json.loads((tmp_path / "audit.json").read_text())
    assert told["verdict"]["kind"] == "open"
    assert [told["answer"][key] for key in ("samples", "low", "high")] == [None, None, None]


def test_a_captcha_that_is_read_without_samples_is_broken_whatever_95_percent_take(
    samples: Samples, tmp_path: Path
) -> None:
    made = report(samples, tmp_path, Pretender(half=1000, start=0.84))

    assert made.lines()[:4] == [
        "broken without samples: 78.0 % are read; 95 % not reached with 79 samples",
        "samples it takes for 1 %: 0, 10 %: 0, 50 %: 0, 95 %: more than 79 (95 % interval: more than 79)",
        "without samples: 78.0 % (63.3 to 88.0 %), 1.3 attempts on average",
        "with 79 samples: 78.0 % (64.2 to 88.1 %), 1.3 attempts on average; as without any, since "
        "trainings read less, on 41 test images",
    ]
    assert made.notes()[0] == (
        "on average, with some sizes less is read than without samples (0.0 % with 9, 0.0 % with 15, 0.0 % "
        "with 27, 0.0 % with 46, 0.0 % with 79, 78.0 % without); an attacker would keep the model as it is "
        "there, and so does the curve"
    )
    assert (made.findings[0].title, made.findings[0].verdict) == ("Many samples needed", "does not")


def test_labels_that_the_larger_trainings_read_otherwise_are_shown_first(
    samples: Samples, tmp_path: Path
) -> None:
    test = [file for file in samples.files if file.part == "test"]
    wrong = {file.label: file.label[::-1] for file in test[:2]}
    made = report(samples, tmp_path, Pretender(half=1, start=1.0, sure_of=wrong))

    told = json.loads((tmp_path / "audit.json").read_text())
    assert [(it["label"], it["text"]) for it in told["labels_to_look_at"]] == list(wrong.items())
    assert told["labels_to_look_at"][0] == {
        "file": test[0].path.name,
        "label": test[0].label,
        "text": test[0].label[::-1],
        "trainings": 9,
        "of": 9,
        "probability": pytest.approx(0.96),
    }
    assert made.notes()[0] == (
        "look at 2 of the 41 test labels first: most of the 9 larger trainings read those images alike and "
        "otherwise; if their labels are wrong, nobody can be right on more than 95.1 %"
    )
    assert made.figures.exact_match.right == 39  # judged as labelled
    page = Page((tmp_path / "audit.html").read_text())
    assert (
        "Most of the 9 larger trainings read 2 test images alike and otherwise than labelled, and were sure "
        "of it. They count as labelled: where a label is wrong, mend it and begin the audit again with "
        "another --out."
    ) in page.text
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 2


def test_an_audit_without_a_training_of_each_size_has_no_answer(samples: Samples, tmp_path: Path) -> None:
    """A machine that was busy: the first training took all the time."""
    slow = Pretender(half=1000, least=290)
    made = report(samples, tmp_path, slow, minutes=5)

    assert made.headline == "no answer yet: 1 of 15 trainings made"
    assert made.facts()[0] == (
        "samples it takes for 1 %: not known yet, 10 %: not known yet, 50 %: not known yet, 95 %: not known "
        "yet"
    )
    assert made.notes()[0] == (
        "--minutes 5 was too little for 3 draws of every size (made: 9: 1, 15: 0, 27: 0, 46: 0, 79: 0); go "
        "on with the same command, --resume and --minutes 76"
    )
    told = json.loads((tmp_path / "audit.json").read_text())
    assert (told["verdict"]["kind"], told["verdict"]["in_words"]) == ("open", made.headline)
    assert told["answer"] == {
        "complete": False,
        "target": 0.95,
        "samples": None,
        "low": None,
        "high": None,
        "smallest_size": 9,
        "largest_size": 9,
        "in_words": "95 %: no answer yet, 1 of 15 trainings made",
    }
    assert (told["plan"]["trainings_made"], told["plan"]["minutes_for_all"]) == (1, 76)
    page = Page((tmp_path / "audit.html").read_text()).text
    assert "No answer yet: 1 of 15 trainings made" in page
    assert "1 training ·" in page
    assert "more than 9" not in page


def test_the_minutes_that_it_names_are_enough(samples: Samples, tmp_path: Path) -> None:
    first = report(samples, tmp_path, Pretender(half=1000, least=290), minutes=5)

    slow = Pretender(half=1000, least=290)
    found = audit(
        samples, slow, tmp_path, minutes=first.audit.enough_minutes, resume=True, clock=slow.clock()
    )

    assert (found.trainings, found.complete, found.fell_short) == (15, True, False)


def test_what_is_broken_already_is_told_before_all_trainings_are_made(
    samples: Samples, tmp_path: Path
) -> None:
    made = report(samples, tmp_path, Pretender(half=1000, start=0.84, least=290), minutes=5)

    assert made.headline == (
        "broken without samples: 78.0 % are read; 95 %: no answer yet, 1 of 15 trainings made"
    )


def test_a_captcha_that_is_read_at_once_is_told_so(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, Pretender(half=1, start=1.0))

    assert made.headline == "broken without samples: 100.0 % are read"
    assert made.answer.samples == 0
    assert made.notes() == ["only 41 test images: the intervals are wide"]  # more time would change nothing
    told = json.loads((tmp_path / "audit.json").read_text())
    assert (told["answer"]["samples"], told["answer"]["in_words"]) == (0, "95 % without samples")


def test_too_little_time_is_told_with_what_it_left_out(samples: Samples, tmp_path: Path) -> None:
    made = report(samples, tmp_path, Pretender(), minutes=2)

    draws = ", ".join(f"{size}: 1" for size in made.audit.head.sizes)
    assert made.notes() == [
        f"--minutes 2 was too little for 3 draws of every size (made: {draws}); more would narrow the answer",
        "time ended 5 of 5 trainings early; with more --minutes fewer samples may be enough",
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
        f"time ended {runs} of {runs} trainings early; with more --minutes fewer samples may be enough"
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

    assert json.loads((tmp_path / "audit.json").read_text())["verdict"]["in_words"] == made.headline
    assert (tmp_path / "audit.html").exists()
