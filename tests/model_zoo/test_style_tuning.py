"""A training of a style by a clock of its own: budget, rounds, suspects, and what a stop costs."""

from __future__ import annotations

from typing import Any

import pytest
from styled import Clock, Tune

from model_zoo.generators.styles.style import DIGITS
from model_zoo.split import LabelledFile
from model_zoo.style import tuning
from model_zoo.style.tuned import Suspect, in_words
from model_zoo.style.tuning import RESERVE


@pytest.mark.parametrize(
    ("budget", "per_image"), [(0.0, 0.01), (0.5, 0.01), (2.0, 0.01), (4.0, 0.01), (11.0, 0.01), (11.0, 0.001)]
)
def test_no_epoch_begins_after_the_budget_but_the_very_first(
    tuned: Tune, budget: float, per_image: float
) -> None:
    clock = Clock(per_image, figures=(0.1, 0.2, 0.3, 0.4, 0.5))

    done = tuned(clock, seconds=budget)

    end = (1 - RESERVE) * budget
    assert clock.begun, "without one epoch there is no reader"
    assert all(begun < end for begun in clock.begun[1:])
    assert done.epochs[-1].seconds == clock.now == done.seconds
    assert [it.epoch for it in done.epochs] == list(range(1, len(clock.begun) + 1))
    assert done.stopped in (f"the budget of {in_words(budget)} is used", "5 rounds are the most")


def test_a_round_whose_single_epoch_does_not_fit_is_not_begun(
    tuned: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_zoo.style.epochs.LEAST_IMAGES", 300)
    clock = Clock(per_image=0.01)

    # 4 s an epoch of 400 images: after the first there are 2 s left, enough for a quarter of the round.
    done = tuned(clock, seconds=8.0)

    assert len(done.epochs) == 1
    assert clock.now < 8.0
    assert (done.stopped, done.out_of_time) == ("the budget of 8 seconds is used", True)


def test_rounds_grow_until_nothing_gets_better_and_the_best_is_kept(tuned: Tune) -> None:
    done = tuned(Clock(figures=(0.4, 0.9, 0.6, 0.7)))

    rounds = [it.round for it in done.epochs]
    # 80 images an epoch; rounds of 128, 256, 512 and 1024.
    assert [rounds.count(number) for number in (1, 2, 3, 4, 5)] == [1, 3, 6, 12, 0]
    assert [it.share for it in done.epochs if it.round == 2] == pytest.approx([1 / 3, 2 / 3, 1])
    assert (done.stopped, done.out_of_time) == ("two rounds made nothing better", False)
    assert set(done.network.state_dict()["head.bias"].tolist()) == {1.0}, "of the second round"
    assert not done.network.training
    assert (done.images, done.length, done.charset.chars) == (30, (4, 4), DIGITS)
    assert (done.height, done.width, done.time_steps) == (16, 96, 12)
    # The recipe of that round: 20 of its 80 images are generated ones.
    assert (done.round, done.recipe.epochs, done.recipe.seed) == (2, 3, 0)
    assert (done.recipe.synthetic, done.recipe.generator) == (20, "styles")
    assert (done.recipe.start, done.looked_at) == (done.start.name, 40)


def test_a_validation_loss_of_nothing_is_the_least(tuned: Tune) -> None:
    done = tuned(Clock(figures=(0.9,), validation_losses=(0.5, 0.0, 0.25)))
    assert set(done.network.state_dict()["head.bias"].tolist()) == {1.0}, "of the second round"


def test_it_ends_when_all_validation_images_are_read(tuned: Tune) -> None:
    assert tuned(Clock(figures=(0.4, 0.9, 1.0))).stopped == "all 10 validation images are read"


def test_without_validation_images_there_is_an_end_as_well(tuned: Tune) -> None:
    assert tuned(validation=[]).stopped == "there are no validation images to tell whether more helps"


def test_a_suspected_image_is_not_trained_on_in_the_next_round(
    tuned: Tune, digits: list[LabelledFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    suspects = (Suspect(digits[4], "0000", 0.99), Suspect(digits[35], "1111", 0.95))
    monkeypatch.setattr(tuning, "find_suspects", lambda *_, early=False: () if early else suspects)
    clock = Clock()

    done = tuned(clock)

    every, kept = clock.rounds[0], clock.rounds[-1]
    # Generated ones follow.
    assert every[:60] == tuple(file.label for file in digits[:30]) * 2
    assert kept[:58] == tuple(file.label for file in digits[:30] if file != digits[4]) * 2
    assert done.suspects == suspects


def test_a_label_is_doubted_before_it_is_learnt_by_heart_and_trained_on_again_once_it_is_not(
    tuned: Tune, digits: list[LabelledFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([(Suspect(digits[4], "0000", 0.99),)])
    monkeypatch.setattr(tuning, "find_suspects", lambda *_, **__: next(looks, ()))
    monkeypatch.setattr(tuning, "is_to_look", lambda epoch, *_: epoch in (0, 2))
    monkeypatch.setattr("model_zoo.style.rounds.FIRST_ROUND", 500)
    clock = Clock()

    tuned(clock)

    labels = [file.label for file in digits[:30]]
    without = [label for label in labels if label != digits[4].label]
    assert len(without) == 29
    first, second, third = clock.rounds[:3]
    for doubted in (first, second):
        assert doubted[:58] == tuple(without) * 2
        assert len(set(doubted[58:60])) == 2, "as many as before: two more of the others"
        assert set(doubted[58:60]) < set(without)
    assert third[:60] == tuple(labels) * 2


def test_suspects_are_those_of_the_round_whose_weights_are_kept(
    tuned: Tune, digits: list[LabelledFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_round(network: Any, *_: Any, early: bool = False) -> tuple[Suspect, ...]:
        return (Suspect(digits[4], str(int(network.state_dict()["head.bias"][0])), 0.99),)

    monkeypatch.setattr(tuning, "find_suspects", by_round)

    done = tuned(Clock(figures=(0.4, 0.9, 0.6, 0.7)))

    assert done.suspects == (Suspect(digits[4], "1", 0.99),), "of the second round"


def test_what_is_used_already_is_no_time_to_train_and_the_budget_is_told_whole(tuned: Tune) -> None:
    clock = Clock(figures=(0.1, 0.2, 0.3, 0.4, 0.5))

    done = tuned(clock, seconds=11.0, used=5.0)

    assert all(begun < (1 - RESERVE) * 11.0 - 5.0 for begun in clock.begun[1:])
    assert done.seconds == clock.now + 5.0
    assert done.stopped == "the budget of 11 seconds is used"


def test_of_many_validation_images_a_part_is_looked_at_the_same_in_any_order(
    tuned: Tune, digits: list[LabelledFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "MOST_VALIDATION", 4)
    monkeypatch.setattr("model_zoo.style.suspicion.MOST_TRAINING", 7)
    looked: list[set[str]] = []
    real = tuning.read_inputs

    def read(training: Any, validation: Any, *others: Any) -> Any:
        looked.append({file.sha256 for file in validation})
        return real(training, validation, *others)

    monkeypatch.setattr(tuning, "read_inputs", read)

    done = tuned(Clock(figures=(1.0,)))
    tuned(Clock(figures=(1.0,)), validation=digits[:29:-1])

    assert looked[0] == looked[1] == set(sorted(file.sha256 for file in digits[30:])[:4])
    assert done.stopped == "all 4 validation images are read"
    assert done.looked_at == 11


def test_the_validation_images_are_not_read_by_a_beam_search(
    tuned: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_zoo.training.metrics.decode", lambda *_, **__: pytest.fail("it did"))

    assert tuned(Clock(trains=True), seconds=1.0).epochs[0].validation_exact_match is not None


@pytest.mark.parametrize(
    ("seconds", "words"), [(30, "30 seconds"), (90, "90 seconds"), (120, "2 minutes"), (1234, "20.6 minutes")]
)
def test_a_budget_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
