"""What constraints bring on hard images, through a real Redis and worker, and from the solver alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hard_images import Job, Option, differences, options_for, solve, submit, system_row
from hard_report import Comparison, Section
from hard_sets import FORMS, HardSet, generated_set, real_set
from processes import Fleet

from model_zoo.solver import Solver, load_solver

MODEL = "crnn-small"
DIGITS, MIXED = FORMS
STRENGTH = 0.3  # greedy reads about 60 % of the generated images
COUNT = 250
# The points that are asserted are about half of those that these images show: another rounding of a forward
# pass may move an image or two.

Read = Callable[[HardSet, str], Job]


@pytest.fixture(scope="module")
def solver() -> Solver:
    return load_solver(MODEL, device="cpu")


@pytest.fixture(scope="module")
def digits(solver: Solver, tmp_path_factory: pytest.TempPathFactory) -> HardSet:
    return generated_set(DIGITS, tmp_path_factory.mktemp("hard") / "digits", COUNT, solver, STRENGTH)


@pytest.fixture(scope="module")
def mixed(solver: Solver, tmp_path_factory: pytest.TempPathFactory) -> HardSet:
    return generated_set(MIXED, tmp_path_factory.mktemp("hard") / "mixed", COUNT, solver, STRENGTH)


@pytest.fixture(scope="module")
def read(shared_fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Read a set through the system, once for each option, by the option's key."""
    jobs: dict[tuple[Path, str], Job] = {}

    def read_once(hard: HardSet, key: str) -> Job:
        if (hard.folder, key) not in jobs:
            run = tmp_path_factory.mktemp("run") / "run"
            job = submit(hard, option(hard, key), run, MODEL, "--broker", shared_fleet.url)
            jobs[hard.folder, key] = job
        return jobs[hard.folder, key]

    return read_once


def option(hard: HardSet, key: str) -> Option:
    (found,) = (option for option in options_for(hard) if option.key == key)
    return found


def gain(read: Read, hard: HardSet, key: str, over: str = "exact") -> Comparison:
    rows = [system_row(option(hard, k), read(hard, k), 0) for k in dict.fromkeys((key, over))]
    found = Section(hard.name, "", tuple(rows)).compare(key, over)
    assert found is not None
    return found


@pytest.mark.redis
@pytest.mark.parametrize(
    ("key", "points"), [("length", 1.2), ("charset", 1.8), ("length+charset", 3.2), ("pattern", 3.2)]
)
def test_what_is_known_of_digits_is_worth_points(
    key: str, points: float, digits: HardSet, read: Read
) -> None:
    found = gain(read, digits, key)

    assert found.lost == 0
    assert found.gain >= points


@pytest.mark.redis
def test_a_pattern_and_a_lexicon_are_worth_points(mixed: HardSet, read: Read) -> None:
    by_pattern, by_lexicon = gain(read, mixed, "pattern"), gain(read, mixed, "lexicon")

    assert (by_pattern.lost, by_lexicon.lost) == (0, 0)
    assert by_pattern.gain >= 5.0
    assert by_lexicon.gain >= 8.0


@pytest.mark.redis
def test_an_expression_reads_what_the_equal_pattern_reads(mixed: HardSet, read: Read) -> None:
    texts = [
        {name: (line["text"], line["probability"]) for name, line in read(mixed, key).lines.items()}
        for key in ("pattern", "regex")
    ]
    assert texts[0] == texts[1]


@pytest.mark.redis
@pytest.mark.parametrize("key", ["greedy", "exact", "length", "length+charset", "lexicon"])
def test_the_system_answers_as_the_solver_alone(
    key: str, digits: HardSet, read: Read, solver: Solver
) -> None:
    job = read(digits, key)

    assert len(job.lines) == COUNT
    assert differences(job, solve(digits, option(digits, key), solver)) == []


@pytest.mark.redis
def test_the_report_says_what_was_asked_and_what_was_proven(digits: HardSet, read: Read) -> None:
    decoding = read(digits, "length+charset").report["decoding"]

    assert decoding["decoder"] == "exact"
    assert decoding["constraints"] == [
        {"kind": "charset", "text": ":digits:", "from_card": False},
        {"kind": "length", "text": "5", "from_card": False},
    ]
    assert (decoding["proven"], decoding["unproven"], decoding["allowed_mass"]["n"]) == (COUNT, 0, COUNT)
    lexicon = read(digits, "lexicon").report["decoding"]["lexicon"]
    assert (lexicon["file"], lexicon["words"]) == (str(digits.lexicon), 10_000)
    assert read(digits, "greedy").report["decoding"]["decoder"] == "greedy"


@pytest.mark.redis
@pytest.mark.data
def test_five_characters_are_worth_points_on_degraded_real_images(
    captcha_data: Path, read: Read, solver: Solver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_DATA", str(captcha_data))
    real = real_set(tmp_path / "real", solver, STRENGTH)

    found = gain(read, real, "length")

    assert (len(real.labels), found.lost) == (272, 0)
    assert found.gain >= 2.5
    assert differences(read(real, "length"), solve(real, option(real, "length"), solver)) == []
