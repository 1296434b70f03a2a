"""Out-of-fold figures in a card: what enters it, and answers that do not belong to the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from model_zoo.atomic import write_whole
from model_zoo.cards import ModelCard, find_card
from model_zoo.cli import main
from model_zoo.errors import DataError
from model_zoo.training.folds import FoldAnswer, read_answers
from model_zoo.training.record import record_folds

N = 40
RECIPE = {"epochs": 1, "seed": 0}


@pytest.fixture
def card(make: Callable[..., ModelCard], own_zoo: Path) -> ModelCard:
    """A model that was trained on forty images; its charset is `23ab`."""
    card = make("mine")
    card = replace(card, recipe=RECIPE, data=replace(card.data, train=N, sha256="f" * 64))
    write_whole(own_zoo / "mine.json", card.to_json().encode())
    return card


def folds(out: Path, seed: int = 0, *, wrong: int = 4, **how: object) -> Path:
    """A cross-validation of forty one-character images; `wrong` of them say `3` with more doubt."""
    frames = np.full((N, 3, 5), -20.0, np.float32)
    frames[:, 0, 0] = frames[:, 2, 0] = 0.0
    frames[:, 1, 1] = np.log(0.9)
    frames[:, 1, 2] = np.log(0.1)
    frames[:wrong, 1, 1], frames[:wrong, 1, 2] = np.log(0.4), np.log(0.6)
    answers = [
        FoldAnswer(f"{k}.png", "2", k % 10, "3" if k < wrong else "2", 0.6, "2", 0.9) for k in range(N)
    ]
    lines = [
        f"{it.file},{it.label},{it.part},{it.text},{it.probability},{it.length_text},{it.length_probability}"
        for it in answers
    ]
    head = "file,label,part,text,probability,length_text,length_probability"
    out.write_text("\n".join([head, *lines]) + "\n")
    assert read_answers(out) == answers
    np.savez(out.with_suffix(".npz"), log_probs=frames)
    said = {
        "architecture": "crnn-small", "data": "f" * 64, "recipe": {**RECIPE, "seed": seed}, **how,
    }  # fmt: skip
    out.with_suffix(".json").write_text(json.dumps(said))
    return out


def test_each_seed_has_its_rows_and_the_first_sets_the_temperature(card: ModelCard, tmp_path: Path) -> None:
    outs = [folds(tmp_path / "a.csv", seed=3), folds(tmp_path / "b.csv", seed=5, wrong=1)]

    new = record_folds("mine", outs)

    assert find_card("mine").card == new
    rows = [(it.part, it.decoder, it.seed, it.value, it.n, it.constraints is not None) for it in new.accuracy]
    assert rows == [
        ("out-of-fold", "exact", 3, 0.9, N, False),
        ("out-of-fold", "exact", 3, 1.0, N, True),
        ("out-of-fold", "exact", 5, 1 - 1 / N, N, False),
        ("out-of-fold", "exact", 5, 1.0, N, True),
    ]
    assert new.temperature is not None
    assert new.temperature > 0
    assert new.fingerprint != card.fingerprint
    assert [(it.part, it.seed, it.n) for it in new.calibration] == [("out-of-fold", 3, N)]
    assert new.calibration[0].after.equal_width <= new.calibration[0].before.equal_width + 1e-6
    assert [it.n for it in new.precision] == [N]


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ({"architecture": "crnn-nano"}, "architecture"),
        ({"data": "0" * 64}, "data"),
        (
            {"recipe": {"epochs": 2, "seed": 1, "augmentation": {"noise": 0.5}}},
            "recipe",
        ),
    ],
)
def test_answers_of_another_training_are_refused(
    card: ModelCard, tmp_path: Path, how: dict[str, object], what: str
) -> None:
    out = folds(tmp_path / "a.csv", **how)

    with pytest.raises(DataError) as error:
        record_folds("mine", [out])

    named = " (epochs 2, not 1, noise 0.5, not 0.05)" if what == "recipe" else ""
    assert str(error.value) == (
        f"{str(out)!r} was made with another {what} than model 'mine'{named}; "
        "cross-validate with the options that the model was trained with"
    )
    assert find_card("mine").card == card


def test_two_files_of_one_seed_and_one_of_another_size_are_refused(card: ModelCard, tmp_path: Path) -> None:
    with pytest.raises(DataError) as twice:
        record_folds("mine", [folds(tmp_path / "a.csv", seed=3), folds(tmp_path / "b.csv", seed=3)])
    with pytest.raises(DataError) as size:
        record_folds("mine", [folds(tmp_path / "c.csv", height=50, width=96)])

    assert str(twice.value) == "two of the files have answers of seed 3; give one file for each seed"
    assert str(size.value).startswith(f"{str(tmp_path / 'c.csv')!r} was made with another width than model")


def test_a_cross_validation_that_is_not_done_is_refused_by_the_command(
    card: ModelCard, tmp_path: Path
) -> None:
    out = folds(tmp_path / "a.csv")
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join(lines[:-3]))

    result = CliRunner().invoke(main, ["record-folds", "mine", "--answers", str(out)])

    assert result.exit_code != 0
    assert (
        f"{str(out)!r} answers 37 images, model 'mine' was trained on 40; finish the cross-validation, and "
        "train on all parts"
    ) in result.stderr


def test_a_csv_that_is_not_there_is_named_itself(card: ModelCard, tmp_path: Path) -> None:
    out = tmp_path / "nofolds.csv"

    result = CliRunner().invoke(main, ["record-folds", "mine", "--answers", str(out)])

    assert result.exit_code == 2
    assert result.stderr == f"Error: {str(out)!r} is not there; give the CSV of cross-validate\n"


def test_missing_neighbours_of_the_csv_are_named(card: ModelCard, tmp_path: Path) -> None:
    out = folds(tmp_path / "a.csv")
    out.with_suffix(".npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"a\.npz' cannot be read"):
        record_folds("mine", [out])
    out.with_suffix(".json").unlink()
    with pytest.raises(DataError, match=r"a\.json' cannot be read"):
        record_folds("mine", [out])
