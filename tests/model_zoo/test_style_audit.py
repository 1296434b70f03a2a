"""A whole audit with an attacker that learns at once: its budget, its test part, and how it goes on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from auditing import Pretender, some_samples

from model_zoo.errors import DataError
from model_zoo.style.audit import Audit, audit
from model_zoo.style.audit_journal import Journal
from model_zoo.style.samples import Samples, read_samples


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return some_samples(tmp_path_factory.mktemp("audit") / "images")


def run(samples: Samples, attacker: Pretender, out: Path, minutes: float = 20, resume: bool = False) -> Audit:
    return audit(samples, attacker, out, minutes=minutes, resume=resume, clock=attacker.clock())


def test_no_training_sees_a_test_image_and_each_has_its_size(samples: Samples, tmp_path: Path) -> None:
    attacker = Pretender()

    found = run(samples, attacker, tmp_path / "out")

    assert {file.part for file in found.test} == {"test"}
    judged = set(found.test)
    for drawn, _ in attacker.draws:
        assert not judged & {*drawn.training, *drawn.validation}
    sizes = sorted(len(drawn.training) + len(drawn.validation) for drawn, _ in attacker.draws)
    assert sizes == sorted(size for size, draws in found.draws.items() for _ in range(draws))
    assert set(found.sizes) == set(found.head.sizes)
    assert len(found.sizes) >= 5
    assert found.sizes[-1] == len(found.pool)


@pytest.mark.parametrize(("minutes", "lazy"), [(2, 1.0), (20, 1.0), (20, 0.6), (60, 1.0), (60, 0.6)])
def test_the_time_is_kept_within_a_tenth(
    samples: Samples, tmp_path: Path, minutes: float, lazy: float
) -> None:
    """Of trainings that leave some of theirs, more are made."""
    found = run(samples, Pretender(lazy=lazy), tmp_path / "out", minutes)

    assert 0.9 * minutes * 60 <= found.elapsed <= 1.1 * minutes * 60
    assert found.fell_short == (minutes == 2)


@pytest.mark.parametrize(
    ("minutes", "lazy", "least"), [(2, 1.3, 0), (20, 1.3, 0), (60, 1.3, 0), (2, 1.0, 45), (6, 1.0, 60)]
)
def test_of_trainings_that_take_longer_than_they_may_fewer_are_made(
    samples: Samples, tmp_path: Path, minutes: float, lazy: float, least: float
) -> None:
    found = run(samples, Pretender(lazy=lazy, least=least), tmp_path / "out", minutes)

    assert 0.6 * minutes * 60 <= found.elapsed <= 1.1 * minutes * 60
    assert found.fell_short


def test_the_first_training_is_made_even_where_it_takes_longer_than_everything_may(
    samples: Samples, tmp_path: Path
) -> None:
    """What docs/audit.md says of the least budget."""
    found = run(samples, Pretender(least=40), tmp_path / "out", minutes=0.5)

    assert [it.size for it in found.runs] == [0, 9]
    assert found.elapsed == 41.5  # two readings without samples, one with


def test_the_curve_finds_what_the_attacker_can(samples: Samples, tmp_path: Path) -> None:
    """Half with 20, so 95 % with 20 times the cube root of 19: 53 samples."""
    found = run(samples, Pretender(half=20), tmp_path / "out")

    (answer,) = (it for it in found.curve.reached if it.target == 0.95)
    assert answer.low is not None
    assert answer.low <= 53 <= (answer.high or 10_000)
    assert answer.low > 20


def test_a_settled_answer_is_not_asked_again(samples: Samples, tmp_path: Path) -> None:
    found = run(samples, Pretender(half=1000, lazy=0.1), tmp_path / "out")

    assert set(found.draws.values()) == {3}


def test_an_interrupted_audit_goes_on_where_it_stopped(samples: Samples, tmp_path: Path) -> None:
    first = Pretender(interrupt_at=4)
    with pytest.raises(KeyboardInterrupt):
        run(samples, first, tmp_path / "out")
    with (tmp_path / "out" / "audit.jsonl").open("a") as file:
        file.write('{"size":40,"dr')  # as kill -9 leaves it

    second = Pretender()
    found = run(samples, second, tmp_path / "out", resume=True)

    whole = run(samples, Pretender(), tmp_path / "whole")
    assert len(first.draws) == 4
    assert len(first.draws) + len(second.draws) == len(whole.runs) - 1
    assert [(it.size, it.draw, it.texts) for it in found.runs] == [
        (it.size, it.draw, it.texts) for it in whole.runs
    ]
    assert found.curve == whole.curve
    assert found.elapsed <= 1.1 * 20 * 60


def test_files_renamed_in_between_change_nothing(tmp_path: Path) -> None:
    """The journal has texts by number: the order of names must not say whose they are."""
    whole = run(some_samples(tmp_path / "images"), Pretender(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(whole.samples, Pretender(interrupt_at=4), tmp_path / "out")
    rng = random.Random(2)
    rows = ["file,label"]
    for path in sorted((tmp_path / "images").iterdir()):
        new = path.with_name(f"{rng.getrandbits(64):016x}.bmp")
        path.rename(new)
        rows.append(f"{new.name},{path.stem}")
    (tmp_path / "truth.csv").write_text("\n".join(rows))
    renamed = read_samples(tmp_path / "images", tmp_path / "truth.csv")

    found = run(renamed, Pretender(), tmp_path / "out", resume=True)

    assert [file.label for file in renamed.files] != [file.label for file in whole.samples.files]
    assert [found.right(it) for it in found.runs] == [whole.right(it) for it in whole.runs]
    assert found.curve == whole.curve


def test_a_kill_within_the_first_line_leaves_a_new_audit(samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_text('{"version":1,"da')

    found = run(samples, Pretender(), tmp_path)

    assert sorted(Journal(tmp_path).read()[1], key=lambda it: (it.size, it.draw)) == list(found.runs)


def test_a_kill_between_the_first_two_lines_is_gone_on_with(samples: Samples, tmp_path: Path) -> None:
    whole = run(samples, Pretender(), tmp_path)
    lines = (tmp_path / "audit.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "audit.jsonl").write_bytes(lines[0])

    found = run(samples, Pretender(), tmp_path, resume=True)

    assert found.runs == whole.runs


def test_a_finished_audit_gone_on_with_trains_nothing(samples: Samples, tmp_path: Path) -> None:
    before = run(samples, Pretender(), tmp_path)
    attacker = Pretender()

    after = run(samples, attacker, tmp_path, resume=True)

    assert (after.runs, attacker.draws) == (before.runs, [])


def test_more_minutes_make_more_draws_of_what_is_undecided(samples: Samples, tmp_path: Path) -> None:
    before = run(samples, Pretender(), tmp_path, minutes=10)
    after = run(samples, Pretender(), tmp_path, minutes=20, resume=True)

    assert after.head == before.head
    assert set(before.runs) < set(after.runs)


def test_a_folder_with_an_audit_is_left_alone(samples: Samples, tmp_path: Path) -> None:
    run(samples, Pretender(), tmp_path / "out")

    with pytest.raises(DataError) as refusal:
        run(samples, Pretender(), tmp_path / "out")

    assert str(refusal.value) == (
        f"an audit was begun in {str(tmp_path / 'out')!r}; go on with it by --resume, or give another --out"
    )


def test_nothing_to_go_on_with_is_refused(samples: Samples, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        run(samples, Pretender(), tmp_path / "out", resume=True)

    assert str(refusal.value) == (
        f"there is no audit to go on with in {str(tmp_path / 'out')!r}; leave --resume out to begin one"
    )


def test_an_audit_of_other_images_is_not_gone_on_with(samples: Samples, tmp_path: Path) -> None:
    run(samples, Pretender(), tmp_path / "out")
    others = some_samples(tmp_path / "others", 60)

    with pytest.raises(DataError) as refusal:
        run(others, Pretender(), tmp_path / "out", resume=True)

    assert str(refusal.value) == (
        f"the audit in {str(tmp_path / 'out')!r} was begun with other images or labels; go on with the same, "
        "or give another --out"
    )


def test_a_file_that_is_no_audit_is_named(samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_text("[1, 2]\n")

    with pytest.raises(DataError) as refusal:
        run(samples, Pretender(), tmp_path, resume=True)

    assert str(refusal.value) == (
        f"file {str(tmp_path / 'audit.jsonl')!r} is no list of runs of this version's audit; delete it, or "
        "give another --out"
    )


def test_no_time_for_one_training_is_said(samples: Samples, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        run(samples, Pretender(), tmp_path, minutes=0.02)

    assert str(refusal.value) == (
        "--minutes 0.02 is too little for one training: reading the test part alone takes 0.50 s; give more"
    )
