"""`--ignore-case` through the solver and the commands: a model of both cases reads labels of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from both_cases import NAME, SHIPPED, write_both_cases
from click.testing import CliRunner, Result

from model_zoo.cli import main
from model_zoo.constraints import Constraints
from model_zoo.evaluate import Reading, measure
from model_zoo.lexicon import Lexicon
from model_zoo.solver import Solver, load_solver

CAPTCHAS = sorted((Path(__file__).parents[2] / "examples" / "captchas").glob("*.png"))[:12]
PARTS = [word for part in ("train", "validation", "test") for word in ("--part", part)]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model of both cases."""
    folder = tmp_path_factory.mktemp("zoo")
    write_both_cases(folder)
    return folder


@pytest.fixture(scope="module")
def both(zoo: Path) -> Solver:
    """It, loaded."""
    return load_solver(zoo / f"{NAME}.json", "cpu")


@pytest.fixture(scope="module")
def shipped() -> Solver:
    """The model that it was made of."""
    return load_solver(SHIPPED.name, "cpu")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


SAME = [
    (Constraints(), Constraints(ignore_case=True), "nothing else"),
    (Constraints("2345678bcdfg", 4, 6), Constraints("234567BcDfG8", 4, 6, ignore_case=True), "a charset"),
    (Constraints(pattern="L????"), Constraints(pattern="U????", ignore_case=True), "a pattern"),
    (Constraints(regex="[^m]+[xyw2]"), Constraints(regex="[^M]+[XYw2]", ignore_case=True), "a regex"),
    (
        Constraints(lexicon=Lexicon.from_words(path.stem for path in CAPTCHAS[1:])),
        Constraints(lexicon=Lexicon.from_words(path.stem.upper() for path in CAPTCHAS[1:]), ignore_case=True),
        "a lexicon",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("plain", "blind", "reason"), SAME, ids=[reason for *_, reason in SAME])
def test_without_case_it_reads_like_the_model_that_has_one_case(
    plain: Constraints, blind: Constraints, reason: str, both: Solver, shipped: Solver
) -> None:
    # A lexicon's mass is narrowed to an interval of 1e-3, relative; rounding decides where in it that ends.
    rel = 1e-4 if plain.lexicon is None else 1e-3
    for wanted, found in zip(
        shipped.solve(CAPTCHAS, plain, n_best=3), both.solve(CAPTCHAS, blind, n_best=3), strict=True
    ):
        assert found.text == wanted.text
        assert len(found.n_best) == len(wanted.n_best)
        assert found.probability == pytest.approx(wanted.probability, rel=rel)
        assert found.allowed_mass == pytest.approx(wanted.allowed_mass, rel=rel)
        high = pytest.approx(wanted.probability_high or 0, rel=rel)  # None without a lexicon
        assert (found.probability_high or 0) == high
        assert found.proven


def test_with_case_it_only_guesses(both: Solver) -> None:
    masked = both.solve(CAPTCHAS, Constraints(SHIPPED.charset))
    plain, blind = both.solve(CAPTCHAS, Constraints()), both.solve(CAPTCHAS, Constraints(ignore_case=True))

    lettered = [number for number, path in enumerate(CAPTCHAS) if any(map(str.isalpha, path.stem))]
    assert len(lettered) == len(CAPTCHAS)
    for number in lettered:
        assert (plain[number].probability or 1) < 0.6 < (blind[number].probability or 0)
        # To leave capitals out gives the same texts here, but of half the frames' probability.
        assert (masked[number].allowed_mass or 1) < 0.6 < (blind[number].allowed_mass or 0)


def test_solve_answers_in_lower_case(zoo: Path) -> None:
    result = run(
        "solve", *CAPTCHAS, "--model", zoo / f"{NAME}.json", "--ignore-case",
        "--charset", ":digits::upper:", "--length", "5", "--json",
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert [row["text"] for row in json.loads(result.stdout)] == [path.stem for path in CAPTCHAS]
    assert result.stderr == "the model cannot answer: 019ahijkloqrstuvz\n"


@pytest.fixture
def shouted(tmp_path: Path) -> Path:
    """The captchas, labelled in capitals."""
    for path in CAPTCHAS:
        (tmp_path / f"{path.stem.upper()}.png").write_bytes(path.read_bytes())
    return tmp_path


def test_evaluate_compares_without_case_and_says_so(zoo: Path, shouted: Path) -> None:
    model = zoo / f"{NAME}.json"
    arguments = ("evaluate", model, "--data", shouted, *PARTS, "--length", "5")

    said = run(*arguments, "--ignore-case")
    told = json.loads(run(*arguments, "--ignore-case", "--json").stdout)
    with_case = json.loads(run(*arguments, "--json").stdout)

    assert f"{model}, exact, length 5, case ignored, parts train + validation + test" in said.stdout
    assert (told["exact_match"]["value"], told["exact_match"]["n"]) == (1.0, len(CAPTCHAS))
    assert (told["character_accuracy"], told["character_error_rate"]) == (1.0, 0.0)
    assert (told["ignore_case"], told["labels_ruled_out"], told["proven"]) == (True, 0, len(CAPTCHAS))
    assert (with_case["ignore_case"], with_case["exact_match"]["value"]) == (False, 0.0)


def test_labels_that_are_ruled_out_are_counted_without_case(zoo: Path, shouted: Path) -> None:
    ruling = ("--ignore-case", "--regex", CAPTCHAS[0].stem)

    told = json.loads(
        run("evaluate", zoo / f"{NAME}.json", "--data", shouted, *PARTS, *ruling, "--json").stdout
    )

    assert told["labels_ruled_out"] == len(CAPTCHAS) - 1


def test_a_measurement_without_case_is_not_recorded(zoo: Path, shouted: Path) -> None:
    result = run("evaluate", zoo / f"{NAME}.json", "--data", shouted, "--record", "--ignore-case")

    assert result.exit_code == 2
    assert result.stderr.endswith("Error: --record is for the model as it is; leave --ignore-case out\n")


def test_the_cards_constraints_are_meant_without_case_too(zoo: Path, tmp_path: Path) -> None:
    card = json.loads((zoo / f"{NAME}.json").read_text())
    card["constraints"] = {"pattern": "UUUUU", "length": "5"}
    (tmp_path / f"{NAME}.safetensors").write_bytes((zoo / f"{NAME}.safetensors").read_bytes())
    (tmp_path / f"{NAME}.json").write_text(json.dumps(card))

    result = run("solve", CAPTCHAS[0], "--model", tmp_path / f"{NAME}.json", "--ignore-case", "--json")

    (row,) = json.loads(result.stdout)
    assert row["text"].isalpha()
    assert row["text"].islower()


def test_the_figures_without_case_are_those_of_the_casefolded_texts() -> None:
    pairs = [("AbC", "abc"), ("AbC", "abd"), ("STRASSE", "straße"), ("x", None)]
    readings = [Reading("f", "test", *pair, 0.5, ignore_case=True) for pair in pairs]

    result = measure(readings, "exact", 0.0)

    assert [reading.is_right for reading in readings] == [True, False, True, False]
    assert result.exact_match.value == 0.5
    assert result.character_error_rate == pytest.approx(2 / 14)
    assert [reading.label for reading in result.errors] == ["AbC", "x"]
    assert not Reading("f", "test", "AbC", "abc", 0.5).is_right
