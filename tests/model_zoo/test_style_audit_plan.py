"""What an audit means to run: sizes, draws, seconds, and the images of each draw."""

from __future__ import annotations

from pathlib import Path

import pytest
from auditing import some_samples

from model_zoo.style.audit_plan import MAX_DRAWS, Plan, draw, make_plan, next_run, sizes_for, training_seed

PLAN = Plan(sizes=(10, 20), draws=2, seconds=(20.0, 30.0), short=True)


@pytest.mark.parametrize(
    ("pool", "sizes"),
    [
        (9, (5, 6, 7, 8, 9)),
        (21, (5, 7, 10, 15, 21)),
        (70, (8, 14, 24, 41, 70)),
        (200, (10, 20, 40, 80, 200)),
        (490, (10, 20, 40, 80, 160, 320, 490)),
        (700, (10, 20, 40, 80, 160, 320, 700)),
        (10_000, (10, 27, 72, 193, 518, 1389, 3728, 10_000)),
    ],
)
def test_sizes_are_at_least_five_up_to_all_there_are(pool: int, sizes: tuple[int, ...]) -> None:
    assert sizes_for(pool) == sizes


@pytest.mark.parametrize(("minutes", "sizes"), [(2, 5), (60, 5), (95, 6), (600, 7)])
def test_more_time_is_spent_on_more_sizes(minutes: int, sizes: int) -> None:
    plan = make_plan(490, minutes * 60.0, overhead=1.0)

    assert len(plan.sizes) == sizes
    assert (plan.sizes[0], plan.sizes[-1]) == (10, 490)


@pytest.mark.parametrize("minutes", [2, 5, 10, 60, 600])
def test_the_runs_and_their_readings_fill_the_time_and_no_more(minutes: int) -> None:
    plan = make_plan(490, minutes * 60.0, overhead=1.5)

    planned = plan.draws * sum(seconds + 1.5 for seconds in plan.seconds)
    assert planned == pytest.approx(minutes * 60, rel=0.01)
    assert list(plan.seconds) == sorted(plan.seconds)


@pytest.mark.parametrize(("minutes", "draws"), [(2, 1), (4, 2), (6, 3), (60, 3)])
def test_a_short_time_is_spent_on_fewer_draws(minutes: int, draws: int) -> None:
    plan = make_plan(490, minutes * 60.0, overhead=1.0)

    assert (plan.draws, plan.short) == (draws, draws < 3)
    assert min(plan.seconds) >= 20


@pytest.mark.parametrize(
    ("done", "left", "wanted", "expected"),
    [
        pytest.param({}, 100, (), (10, 0, 20.0), id="the smallest first"),
        pytest.param({10: [21]}, 100, (), (20, 0, 30.0), id="then the next size"),
        pytest.param({10: [21], 20: [31]}, 100, (), (10, 1, 20.0), id="then the next draw"),
        pytest.param({10: [21], 20: [31]}, 18, (), (10, 1, 17.0), id="a little less time is enough"),
        pytest.param({10: [21], 20: [31]}, 16, (), None, id="much less is not"),
        pytest.param({10: [21], 20: [31]}, 22, (10, 20), (10, 1, 20.0), id="what fits, in the place of more"),
        pytest.param({10: [5, 6], 20: [9, 9]}, 100, (), None, id="done"),
        pytest.param({10: [5, 6], 20: [9, 9]}, 100, (10, 20), (10, 2, 20.0), id="a draw more"),
        pytest.param({10: [5, 6], 20: [9, 9]}, 8, (10, 20), (10, 2, 7.0), id="what it took before fits"),
        pytest.param({10: [5, 6], 20: [9, 9]}, 5, (10, 20), None, id="no draw more fits"),
        pytest.param({10: [1] * MAX_DRAWS, 20: [9, 9]}, 100, (10,), None, id="enough draws"),
    ],
)
def test_what_runs_next(
    done: dict[int, list[float]],
    left: float,
    wanted: tuple[int, ...],
    expected: tuple[int, int, float] | None,
) -> None:
    assert next_run(PLAN, done, left, overhead=1.0, wanted=wanted) == expected


def test_a_draw_has_its_size_and_stops_by_images_of_its_own(tmp_path: Path) -> None:
    pool = [file for file in some_samples(tmp_path / "images").files if file.part != "test"]

    drawn = draw(pool, 28, 0, seed=0)

    training, validation = set(drawn.training), set(drawn.validation)
    assert (len(training), len(validation)) == (24, 4)
    assert not training & validation
    assert training | validation <= set(pool)
    assert draw(pool, 28, 0, seed=0) == drawn
    assert draw(pool, 28, 1, seed=0) != drawn
    assert draw(pool, 28, 0, seed=1) != drawn


@pytest.mark.parametrize("number", range(20))
def test_what_stops_a_training_shows_nothing_that_it_cannot_learn(tmp_path: Path, number: int) -> None:
    pool = [file for file in some_samples(tmp_path / "images", 60).files if file.part != "test"]

    drawn = draw(pool, 10, number, seed=0)

    learnt = set("".join(file.label for file in drawn.training))
    assert set("".join(file.label for file in drawn.validation)) <= learnt
    assert drawn.characters == len(learnt)


def test_each_training_has_a_seed_of_its_own() -> None:
    """Adding size, number and seed gave 1,010 samples, draw 0, the seed of 10 samples, draw 1."""
    runs = [(size, number, seed) for size in (10, 11, 1010) for number in range(3) for seed in range(3)]

    seeds = {training_seed(*it) for it in runs}

    assert len(seeds) == len(runs)
    assert seeds == {training_seed(*it) for it in runs}
    assert max(seeds) < 2**24
