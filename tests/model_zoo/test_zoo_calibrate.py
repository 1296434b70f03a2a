"""`model-zoo calibrate`, `--min-probability`, and what `show` says of probabilities."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from model_zoo.card_parts import Calibration, CalibrationError, Precision, ReliabilityRow, Threshold
from model_zoo.cards import ModelCard, find_card, read_card
from model_zoo.cli import main
from model_zoo.constraint_texts import ConstraintTexts
from model_zoo.evaluate import Reading, measure
from model_zoo.solver import load_solver
from model_zoo.split import labelled_files, of_parts

EXAMPLES = Path(__file__).parents[2] / "examples" / "captchas"


def run(*arguments: str | Path) -> Result:
    """The command's result in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def own(own_zoo: Path) -> Path:
    """The card of a copy of the shipped model, which may be written."""
    card, directory = find_card("crnn-small")
    shutil.copy(directory / card.weights, own_zoo)
    path = own_zoo / "mine.json"
    path.write_text(replace(card, name="mine", training_images=None, training_images_sha256=None).to_json())
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """The examples of the validation part, of which two have a wrong label."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    for number, file in enumerate(of_parts(labelled_files(EXAMPLES), ["validation"])):
        name = f"{'22' + file.label[2:] if number < 2 else file.label}_{number}.png"
        shutil.copy(file.path, folder / name)
    return folder


def test_calibrate_writes_a_temperature_and_what_was_measured(own: Path, labelled: Path) -> None:
    old = read_card(own)

    result = run("calibrate", own, "--data", labelled, "--part", "validation")

    new = read_card(own)
    assert result.exit_code == 0, result.output
    assert new.temperature is not None
    assert new.temperature > 1.05  # two wrong labels: it was too sure
    (row,), (bounds,) = new.calibration, new.precision
    assert (row.part, row.decoder, row.n) == ("validation", "exact", len(labelled_files(labelled)))
    assert row.before.equal_width > row.after.equal_width
    assert sum(it.n for it in row.table) == row.n
    assert sum(it.right for it in row.table) == row.n - 2
    assert [(it.target, it.probability) for it in bounds.thresholds] == [(0.99, None), (0.995, None)]
    assert result.stdout.splitlines()[-1] == (
        f"mine@{old.fingerprint} is now mine@{new.fingerprint}: with another temperature it is another model "
        "to workers and producers"
    )
    assert replace(new, temperature=None).fingerprint == old.fingerprint


def test_calibrate_drops_what_it_made_untrue(own: Path, labelled: Path) -> None:
    """The best path is the same at any temperature, the most probable text need not be."""
    run("calibrate", own, "--data", labelled)

    rows = {(it.part, it.decoder): it for it in read_card(own).accuracy}
    assert set(rows) == {("test", "greedy"), ("validation", "greedy"), ("validation", "exact")}
    n = len(labelled_files(labelled))
    assert (rows["validation", "exact"].n, rows["validation", "exact"].value) == (n, (n - 2) / n)


def test_a_calibrated_model_answers_with_the_probabilities_that_were_measured(
    own: Path, labelled: Path
) -> None:
    run("calibrate", own, "--data", labelled)
    paths = sorted(labelled.iterdir())

    predictions = load_solver(own, "cpu").solve(paths)

    (row,) = read_card(own).calibration
    mean = sum(it.mean_probability * it.n for it in row.table) / row.n
    assert sum(it.probability or 0 for it in predictions) / len(paths) == pytest.approx(mean, abs=1e-5)


def test_calibrating_again_begins_at_temperature_1(own: Path, labelled: Path) -> None:
    run("calibrate", own, "--data", labelled)
    first = read_card(own)
    run("calibrate", own, "--data", labelled)

    assert read_card(own) == first


def test_a_model_that_reads_everything_right_fits_no_temperature(own: Path, labelled: Path) -> None:
    for path in sorted(labelled.iterdir()):
        if path.stem.rpartition("_")[2] not in "5678":
            path.unlink()
            continue
        for copy in "12":  # so that there are more than ten
            shutil.copy(path, path.with_name(f"{path.stem}{copy}.png"))
    n, before = len(labelled_files(labelled)), own.read_text()

    result = run("calibrate", own, "--data", labelled)

    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: no temperature between 0.05 and 20 fits these {n} labels, because nearly all of them are "
        "read right, or nearly none; give more images\n"
    )
    assert own.read_text() == before


@pytest.mark.parametrize("kept", [9, 0])
def test_a_model_that_reads_too_few_right_is_not_calibrated(own: Path, labelled: Path, kept: int) -> None:
    for path in sorted(labelled.iterdir()):
        label, _, number = path.stem.rpartition("_")
        if int(number) >= 2 + kept:
            path.rename(path.with_name(f"{'33' if label[:2] != '33' else '44'}{label[2:]}_{number}.png"))
    n, before = len(labelled_files(labelled)), own.read_text()

    result = run("calibrate", own, "--data", labelled)

    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {kept} of {n} images are read right, and a temperature takes at least 10 and 10% of them; "
        "give more images, or train the model further\n"
    )
    assert own.read_text() == before


def test_a_built_in_card_that_cannot_be_written_is_refused(
    labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = find_card("crnn-small").directory / "crnn-small.json"
    monkeypatch.setattr("model_zoo.evaluate.os.access", lambda asked, mode: asked != path)

    result = run("calibrate", "crnn-small", "--data", labelled)

    assert result.exit_code == 2
    assert (
        result.stderr == f"Error: card {str(path)!r} is read-only; copy the model to a folder of your own\n"
    )


def test_a_label_that_the_model_cannot_say_is_named(own: Path, labelled: Path) -> None:
    path = sorted(labelled.iterdir())[-1]
    path.rename(path.with_name("zzzzz.png"))

    result = run("calibrate", own, "--data", labelled)

    assert result.stderr == (
        "Error: label 'zzzzz' has 'z', which is not in the charset '2345678bcdefgmnpwxy'\n"
    )


def test_without_the_train_extra_calibrate_says_what_to_install(
    own: Path, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [it for it in __import__("sys").modules if it.startswith("model_zoo.calibrat")]:
        monkeypatch.delitem(__import__("sys").modules, name)
    monkeypatch.setitem(__import__("sys").modules, "scipy.optimize", None)

    result = run("calibrate", own, "--data", labelled)

    assert result.stderr == (
        "Error: this command needs captchafleet[train] (scipy.optimize is not installed); "
        "run: pip install 'captchafleet[train]'\n"
    )


def test_show_says_what_probabilities_are_worth(own: Path) -> None:
    five = ConstraintTexts(length="5")
    errors = CalibrationError(0.02, 0.031), CalibrationError(0.004, 0.011)
    table = (ReliabilityRow(0.8, 13 / 15, 4, 0.84, 3), ReliabilityRow(14 / 15, 1.0, 880, 0.9961, 878))
    proven = (
        Threshold(0.99, 0.91, 850, 1, 0.994),
        Threshold(0.995, None, 759, 4, 0.988),
        Threshold(0.9995, None, 884, 3, 0.991),
    )
    card: ModelCard = replace(
        read_card(own),
        temperature=1.25,
        calibration=(Calibration("out-of-fold", "exact", 884, *errors, table, 1, five),),
        precision=(Precision("out-of-fold", "exact", 884, 0.95, proven, 1, five),),
    )
    own.write_text(card.to_json())

    lines = [re.sub(r" {2,}", "|", line) for line in run("show", own).stdout.splitlines()]

    told = "n = 884, exact, seed 1, length 5"
    for wanted in (
        "temperature|1.25",
        "calibration, out-of-fold expected error 0.40%, by equal mass 1.10%; "
        f"at temperature 1 2.00% and 3.10% ({told})",
        "|probability|0.800 to 0.867: said 84.00%, right 75.00% (3 of 4)",
        "|probability|0.933 to 1.000: said 99.61%, right 99.77% (878 of 880)",
        "precision, out-of-fold|99 % from P = 0.91 on: 1 wrong of 850, at least 99.40% right "
        f"with 95% confidence, coverage 96.2% ({told})",
        "precision, out-of-fold|99.5 % not proven: 4 wrong of the 759 surest, at least 98.80% right "
        f"with 95% confidence ({told})",
        "precision, out-of-fold|99.95 % not supported by n: 3 wrong of 884; it takes at least 5,990 answers "
        f"without an error ({told})",
    ):
        assert wanted in lines


READINGS = [
    Reading("a", "test", "ab", "ab", 0.99),
    Reading("b", "test", "ab", "ab", 0.5, unsure=True),
    Reading("c", "test", "ab", "ac", 0.4, unsure=True),
    Reading("d", "test", "ab", "ac", 0.95),
    Reading("e", "test", "ab", None, None),
]


def test_an_evaluation_tells_unsure_answers_apart() -> None:
    result = measure(READINGS, "exact", 0.9)

    assert (result.exact_match.value, result.exact_match.n) == (0.2, 5)
    assert [it.file for it in result.errors] == ["d", "e"]
    assert result.sure is not None
    assert (result.sure.unsure, result.sure.unsure_right, result.sure.coverage) == (2, 1, 0.4)
    assert result.sure.precision is not None
    assert (result.sure.precision.value, result.sure.precision.n) == (0.5, 2)
    assert measure(READINGS[1:3], "exact", 0.9).sure.precision is None  # type: ignore[union-attr]
    assert measure(READINGS, "exact").sure is None


def test_evaluate_takes_a_least_probability(labelled: Path) -> None:
    given = ("evaluate", "crnn-small", "--data", labelled, "--part", "validation", "--min-probability")
    n = len(labelled_files(labelled))

    words, figures = run(*given, "0.9").output, json.loads(run(*given, "0.9", "--json").stdout)
    nothing = run(*given, "1").output

    sure: dict[str, Any] = figures["sure"]
    assert sure["min_probability"] == 0.9
    assert f"unsure                {sure['unsure']} of {n} below 0.9" in words
    assert f"coverage              {sure['coverage']:.2%}" in words
    assert f"precision             {sure['precision']['value']:.2%} of the sure answers (" in words
    assert "precision" not in nothing
    assert f"unsure                {n} of {n} below 1, {n - 2} of them with the right text" in nothing


def test_a_record_is_of_every_answer(own: Path, labelled: Path) -> None:
    result = run("evaluate", own, "--data", labelled, "--record", "--min-probability", "0.9")

    assert result.exit_code == 2
    assert result.stderr.endswith("Error: --record is for the model as it is; leave --min-probability out\n")


def test_solve_marks_unsure_answers() -> None:
    file = sorted(EXAMPLES.glob("*.png"))[0]

    marked, plain = run("solve", file, "--min-probability", "1"), run("solve", file)

    assert marked.stdout == plain.stdout.rstrip("\n") + "\t(unsure)\n"
    (row,) = json.loads(run("solve", file, "--min-probability", "0.5", "--json").stdout)
    assert row["unsure"] is False
    (row,) = json.loads(run("solve", file, "--min-probability", "1", "--json").stdout)
    assert row["unsure"] is True
    (row,) = json.loads(run("solve", file, "--json").stdout)
    assert "unsure" not in row
