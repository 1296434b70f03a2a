"""The arithmetic of the benchmark on hard images; nothing is read, and no server is needed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from decoders.emissions import Emissions
from hard_images import Job, JobFailedError, Option, differences, options_for, read_emissions, system_row
from hard_report import HARD, PROMISES, Comparison, Row, Section, json_of, text_of
from hard_sets import (
    FORMS,
    HardSet,
    NoImagesError,
    degrade,
    generated_set,
    nearest,
    real_set,
)

from model_zoo.generators.labels import is_reserved
from model_zoo.solver import Prediction, load_solver


def row(key: str, hits: str, differing: int | None = 0) -> Row:
    """A row that read the images marked 1."""
    return Row(key, key, tuple(hit == "1" for hit in hits), 0.5, 1.0, 0, differing)


def test_a_gain_counts_only_images_that_one_way_alone_read() -> None:
    section = Section("made", "", (row("length", "11110"), row("exact", "10001")))

    found = section.compare("length", "exact")

    assert found == Comparison(5, 3, 1)
    assert found.gain == 40.0
    # Of four coins three or more, or one or fewer: 10 / 16.
    assert found.p == 0.625
    assert section.compare("charset", "exact") is None


def test_the_interval_of_a_gain_is_that_of_the_mean_of_paired_differences() -> None:
    differences = np.array([1.0] * 30 + [-1.0] * 10 + [0.0] * 160)
    half = 1.959964 * differences.std() / np.sqrt(200)
    low, high = Comparison(200, 30, 10).interval
    assert (low, high) == pytest.approx((100 * (0.1 - half), 100 * (0.1 + half)))


def test_nothing_won_and_nothing_lost_is_no_evidence() -> None:
    assert (Comparison(9, 0, 0).p, Comparison(9, 0, 0).interval) == (1.0, (0.0, 0.0))


def test_mcnemars_p_of_thousands_is_a_number() -> None:
    assert 0 <= Comparison(100_000, 2_000, 0).p < 1e-300


@pytest.mark.parametrize(
    ("won", "verdict"),
    [(50, "met"), (49, "within its interval"), (10, "not met"), (0, "not met")],
)
def test_a_gain_is_judged_by_the_lower_end_of_what_was_expected(won: int, verdict: str) -> None:
    assert PROMISES[0].low == 5.0
    assert PROMISES[0].verdict(Comparison(1000, won, 0)) == verdict


def test_the_text_judges_hard_images_and_the_set_that_a_gain_was_measured_on() -> None:
    rows = (row("greedy", "1000"), row("exact", "1100"), row("length", "1110"))
    bare = tuple(row(way.key, "1100", None) for way in rows)
    sections = [Section("images", "About.", rows, ("A note.",)), *(Section(n, "", bare) for n in HARD)]

    lines = text_of(sections, 0, ["Something is missing."]).splitlines()

    (length,) = [line for line in lines if line.startswith("| length over exact")]
    cells = [cell.strip() for cell in length.strip("|").split("|")]
    assert cells[2].startswith("+25.00 (")
    assert cells[2].endswith("): met")
    assert cells[3:] == ["+0.00 (+0.0 to +0.0): not met", "+0.00 (+0.0 to +0.0)"]
    assert "Same as without the system: yes." in lines
    assert {"A note.", "Something is missing."} <= set(lines)
    found = json.loads(json.dumps(json_of(sections, 0, [])))
    assert found["sections"][0]["rows"][2]["over_exact"]["won"] == 1
    verdicts = {(e["gain_of"], e["on"]): e["verdict"] for e in found["expected_gains"]}
    assert verdicts["length", "images"] == "met"
    assert verdicts["length", HARD[1]] is None


def test_answers_that_differ_without_the_system_are_counted_aloud() -> None:
    section = Section("images", "", (row("exact", "10", differing=2),))
    text = text_of([section], 2, [])
    assert "Same as without the system: no, 2 answers differ." in text
    assert "no: 2" in text


def test_another_text_proof_or_probability_and_a_missing_file_are_differences() -> None:
    same = {"text": "a", "proven": True, "probability": 0.5}
    job = Job({}, {"1": same, "2": same, "3": same | {"text": "b"}, "4": same | {"proven": False}, "5": same})
    direct = {name: Prediction("a", 0.5, proven=True) for name in "134"} | {
        "2": Prediction("a", 0.501, proven=True),
        "6": Prediction("a", 0.5, proven=True),
    }
    assert differences(job, direct) == ["2", "3", "4", "5", "6"]


def test_a_report_that_counts_otherwise_than_its_journal_is_refused() -> None:
    report = {
        "exact_match": {"right": 1, "n": 1},
        "mean_probability": {"right": 0.5, "wrong": None},
        "decoding": {"proven": 1, "allowed_mass": {"scant": 0}},
    }
    assert system_row(Option("exact"), Job(report, {"a.png": {"text": "a"}}), 0).mean_probability == 0.5
    why = "exact: report.json counts 1 of 1 right, results.jsonl 0 of 1"
    with pytest.raises(JobFailedError, match=f"^{re.escape(why)}$"):
        system_row(Option("exact"), Job(report, {"a.png": {"text": "b"}}), 0)


def test_an_option_is_what_a_user_types() -> None:
    option = Option("both", length="5", charset=":digits:")
    assert option.arguments() == ["--decoder", "exact", "--length", "5", "--charset", ":digits:"]
    assert (option.key, Option("greedy", "greedy").key) == ("length+charset", "greedy")


def test_the_nearest_strength_is_chosen_and_of_two_the_weaker() -> None:
    assert nearest({0.1: 0.9, 0.2: 0.65, 0.3: 0.5}) == 0.2
    assert nearest({0.3: 0.5, 0.2: 0.7}) == 0.2


def test_degrading_is_seeded_and_zero_leaves_the_image_alone() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (50, 200)).astype(np.uint8)
    assert np.array_equal(degrade(grey, 0.0, "a"), grey)
    hard = degrade(grey, 0.3, "a")
    assert np.array_equal(hard, degrade(grey, 0.3, "a"))
    assert not np.array_equal(hard, degrade(grey, 0.3, "b"))


def test_generated_images_have_reserved_labels_of_their_form_and_a_lexicon(tmp_path: Path) -> None:
    solver = load_solver("crnn-small", device="cpu")
    for form in FORMS:
        made = generated_set(form, tmp_path / form.pattern, 20, solver, strength=0.2)
        assert len(set(made.labels)) == 20
        assert all(is_reserved(label) and re.fullmatch(form.regex, label) for label in made.labels)
        assert sorted(path.stem for path in made.folder.iterdir()) == sorted(made.labels)
        words = made.lexicon.read_text().split()
        assert len(words) == 10_000
        assert set(made.labels) <= set(words)
        assert all(re.fullmatch(form.regex, word) for word in words)


def test_more_images_than_there_are_labels_are_refused(tmp_path: Path) -> None:
    solver = load_solver("crnn-small", device="cpu")
    with pytest.raises(NoImagesError) as refusal:
        generated_set(FORMS[0], tmp_path / "new", 5000, solver, strength=0.2)
    assert re.fullmatch(
        r"there are 1,\d{3} labels of five digits, 5,000 were asked for; give a smaller --count",
        str(refusal.value),
    )


def test_missing_real_images_are_said_with_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_DATA", str(tmp_path))
    with pytest.raises(NoImagesError) as refusal:
        real_set(tmp_path / "real", load_solver("crnn-small", device="cpu"))
    assert str(refusal.value) == (
        f"{tmp_path}/captcha_images_v2 is missing; set CAPTCHAFLEET_DATA to the folder that holds "
        "captcha_images_v2/ to measure on real images too"
    )


def test_log_probabilities_are_read_under_the_charset_of_their_kind() -> None:
    # One frame prefers b to a; the second item's kind leaves b out. Blank frames follow, for five characters.
    frames = np.log(np.array([[[0.1, 0.4, 0.5], *[[0.98, 0.01, 0.01]] * 8]] * 2, np.float32))
    emissions = Emissions("made", Path(), frames, ["", "a", "b"], ["b", "a"], ["ab", "a"])

    found = {row.key: row.hits for row in read_emissions(emissions).rows}

    assert found["exact"] == (True, False)
    assert found["charset"] == (True, True)


def test_a_set_without_a_form_is_read_without_a_pattern(tmp_path: Path) -> None:
    hard = HardSet("real", "", tmp_path, (), 0.0, {}, None, tmp_path / "words")
    assert [option.key for option in options_for(hard)] == [
        "greedy", "alignment-beam", "beam", "exact", "length", "lexicon",
    ]  # fmt: skip
