"""Patterns, expressions, lexicons and a card's own constraints, through a real Redis and a real worker."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from jobs import submit_on
from processes import Finished, Fleet, producer, report_of, results_of, start_producer

from model_zoo.cards import BUILT_IN, find_card
from model_zoo.constraint_texts import ConstraintTexts
from worker.contract import encode_lexicon, job_key
from worker.store import connect

pytestmark = pytest.mark.redis

CARD = find_card("crnn-small").card


def submit(fleet: Fleet, images: Path, cwd: Path, *more: str | Path) -> Finished:
    return producer("submit", images, "--broker", fleet.url, "--run-dir", "run", *more, cwd=cwd)


def labels(images: Path) -> set[str]:
    return {path.stem.partition("_")[0] for path in images.glob("*.png")}


def words_of(images: Path, path: Path, count: int = 0) -> Path:
    """A lexicon of the labels and so many words beside them, shuffled."""
    dice = random.Random(1)
    others = {"".join(dice.choices(CARD.charset, k=5)) for _ in range(count)}
    words = sorted(labels(images) | others)
    dice.shuffle(words)
    path.write_text("\n".join(words), encoding="utf-8")
    return path


def test_every_answer_keeps_the_pattern_and_is_proven(
    shared_fleet: Fleet, captchas: Path, tmp_path: Path
) -> None:
    done = submit(shared_fleet, captchas, tmp_path, "--pattern", "L????")

    assert done.code == 0, done.err
    lines = results_of(tmp_path / "run")
    assert len(lines) == 40
    for line in lines:
        assert re.fullmatch(r"[a-z].{4}", line["text"])
        assert line["proven"] is True
        assert 0 < line["allowed_mass"] < 1.0001
        assert "probability_high" not in line
    wrong = [line for line in lines if line["file"][0].isdigit()]
    assert wrong, "some captchas begin with a digit, which the pattern rules out"
    assert all(line["allowed_mass"] < 0.5 for line in wrong)
    decoding = report_of(tmp_path / "run")["decoding"]
    assert (decoding["proven"], decoding["unproven"], decoding["allowed_mass"]["n"]) == (40, 0, 40)
    assert decoding["constraints"] == [{"kind": "pattern", "text": "L????", "from_card": False}]
    assert "40 of 40 answers are the most probable allowed text" in done.out
    assert "is --pattern right?" in " ".join(done.out.split())


def test_every_answer_keeps_the_expression_and_so_does_every_other_reading(
    shared_fleet: Fleet, captchas: Path, tmp_path: Path
) -> None:
    done = submit(shared_fleet, captchas, tmp_path, "--regex", "[2-8]{2,3}|.*[xyw]", "--n-best", "4")

    assert done.code == 0, done.err
    for line in results_of(tmp_path / "run"):
        assert len(line["n_best"]) == 4
        for reading in line["n_best"]:
            assert re.fullmatch("[2-8]{2,3}|.*[xyw]", reading["text"])


def test_only_words_are_answers_and_redis_keeps_none_of_them(
    shared_fleet: Fleet, captchas: Path, tmp_path: Path
) -> None:
    words = words_of(captchas, tmp_path / "words.txt", 5000)

    done = submit(shared_fleet, captchas, tmp_path, "--lexicon", words)

    assert done.code == 0, done.err
    report = report_of(tmp_path / "run")
    assert report["exact_match"]["value"] == 1.0
    assert report["decoding"]["lexicon"]["file"] == str(words)
    assert {line["text"] for line in results_of(tmp_path / "run")} <= set(words.read_text().splitlines())
    assert (tmp_path / "run" / "lexicon.txt").read_text().splitlines() == sorted(words.read_text().split())
    assert connect(shared_fleet.url).client.keys("*lexicon*") == []


def test_a_job_with_a_lexicon_outlives_its_producer_its_file_and_damage_in_redis(
    fleet: Fleet, images: Path, tmp_path: Path
) -> None:
    first = fleet.start_worker()
    words = words_of(images, tmp_path / "words.txt", 100)
    process = submit_on(fleet, images, tmp_path, "--lexicon", str(words))
    (tmp_path / "producer.log").rename(tmp_path / "first.log")
    process.kill()
    process.wait()
    words.unlink()
    first.stop(signal.SIGTERM)
    job = json.loads((tmp_path / "run" / "manifest.jsonl").read_text().partition("\n")[0])["job"]

    # The next worker knows no lexicon yet, and finds another one than the job's.
    resumed = start_producer("resume", "run", "--broker", fleet.url, cwd=tmp_path)
    fleet.start_worker(wait=False)
    log, client = tmp_path / "producer.log", connect(fleet.url).client

    # The producer puts the right one when it sends: it must be wrong again before the worker looks.
    other, deadline = encode_lexicon("22222"), time.monotonic() + 90
    while "sending it again" not in log.read_text() and time.monotonic() < deadline:
        client.set(job_key(job, "lexicon"), other)

    assert resumed.wait(timeout=120) == 0, log.read_text()
    assert "note: the lexicon has sha256 " in log.read_text()
    lines = results_of(tmp_path / "run")
    assert len({line["id"] for line in lines}) == len(lines) == 1200
    assert {line["error"] and line["error"]["code"] for line in lines} == {None}
    assert {line["text"] for line in lines} <= set((tmp_path / "run" / "lexicon.txt").read_text().split())
    assert len({line["text"] for line in lines}) > 250
    assert client.keys("*lexicon*") == []


IMPOSSIBLE = [
    (
        ("--pattern", "UUDDD"),
        f"pattern 'UUDDD' wants an upper-case letter in place 1, and the allowed characters {CARD.charset!r} "
        "have none",
    ),
    (("--length", "26"), "a length of 26 needs 26 time steps, the model has 25"),
    (
        ("--pattern", "DDLLL", "--length", "4"),
        "length '4' and pattern 'DDLLL' together allow no answer that fits the model: at most 25 characters "
        f"(its time steps) of {CARD.charset!r}",
    ),
]


@pytest.mark.parametrize(("options", "why"), IMPOSSIBLE, ids=[" ".join(words) for words, _ in IMPOSSIBLE])
def test_what_the_model_could_never_answer_is_refused_and_leaves_nothing(
    options: tuple[str, ...], why: str, shared_fleet: Fleet, captchas: Path, tmp_path: Path
) -> None:
    done = submit(shared_fleet, captchas, tmp_path, *options)

    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == f"Error: model crnn-small: {why}"
    assert not (tmp_path / "run").exists()


@pytest.fixture
def constrained(fleet: Fleet, tmp_path: Path) -> Fleet:
    """A fleet of its own whose model's card wants four characters."""
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    shutil.copy(BUILT_IN / CARD.weights, zoo)
    card = replace(CARD, name="four", constraints=ConstraintTexts(length="4"))
    (zoo / "four.json").write_text(card.to_json())
    fleet.start_worker("--model", str(zoo / "four.json"))
    return fleet


def test_the_cards_constraints_hold_unless_the_job_has_its_own_or_none(
    constrained: Fleet, captchas: Path, tmp_path: Path
) -> None:
    lengths = {}
    for options in ((), ("--length", "6"), ("--unconstrained",)):
        folder = tmp_path / f"job{len(lengths)}"
        folder.mkdir()
        done = submit(constrained, captchas, folder, *options)
        assert done.code == 0, done.err
        held = report_of(folder / "run")["decoding"]["constraints"]
        lengths[options] = {len(line["text"]) for line in results_of(folder / "run")}, held

    assert lengths == {
        (): ({4}, [{"kind": "length", "text": "4", "from_card": True}]),
        ("--length", "6"): ({6}, [{"kind": "length", "text": "6", "from_card": False}]),
        ("--unconstrained",): ({5}, []),
    }
    assert "length 4 (the model's card)" in " ".join(
        producer("report", tmp_path / "job0" / "run", cwd=tmp_path).out.split()
    )
