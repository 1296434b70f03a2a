"""How many of torch's threads a training takes: the fastest number, told by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from styled import Clock, Tune, untrained

from model_zoo.split import LabelledFile
from model_zoo.style import reading, tuning
from model_zoo.style.threads import STEPS, Threads, seconds_per_image, with_threads
from model_zoo.style.tuned import Tuned

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def four(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch has four threads, and the user has said nothing."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    with with_threads(4):
        yield
        assert torch.get_num_threads() == 4, "as many as before"


def taking(seconds: dict[int, float], tried: list[int] | None = None) -> Callable[[], float]:
    """A step that takes so long with so many threads; which were tried is noted."""

    def measure() -> float:
        count = torch.get_num_threads()
        (tried if tried is not None else []).append(count)
        return seconds[count]

    return measure


def fit_of(batches: int) -> Any:
    """As much of a `Fit` as its speed takes: batches of ten images each; a loss says how many steps began."""
    begun: list[int] = []

    def losses(images: object, parts: Sequence[torch.Tensor], source: object) -> Iterator[int]:
        for number, _ in enumerate(parts):
            begun.append(number)
            yield number

    return SimpleNamespace(
        images=lambda epoch: range(10 * batches),
        batches=lambda count, source: list(torch.arange(count).split(10)),
        network=torch.nn.Identity(),
        losses=losses,
        descend=lambda loss: None,
        begun=begun,
    )


def test_the_steps_after_the_first_are_timed() -> None:
    fit = fit_of(20)
    ends = iter([0.0, 0.75, 0.85, 0.95, 1.05, 1.15])

    assert seconds_per_image(fit, lambda: next(ends)) == pytest.approx(0.01)
    assert fit.begun == list(range(STEPS + 1))


@pytest.mark.parametrize(
    ("ends", "per_image"),
    [((0.0, 10.0), 1.0), ((0.0, 1.5, 3.5), 0.2), ((0.0, 0.5, 1.5, 2.5), 0.1)],
    ids=["the first is all there is", "one more", "two more"],
)
def test_after_two_seconds_no_further_step_is_begun(ends: tuple[float, ...], per_image: float) -> None:
    fit, clock = fit_of(20), iter(ends)

    assert seconds_per_image(fit, lambda: next(clock)) == pytest.approx(per_image)
    assert len(fit.begun) == len(ends) - 1


def test_the_fastest_number_trains_and_afterwards_there_are_as_many_as_before() -> None:
    tried: list[int] = []
    with Threads(CPU) as some:
        assert torch.get_num_threads() == 1, "until something is measured"
        assert some.fastest(taking({4: 3.0, 2: 1.0, 1: 2.0}, tried)) == 1.0
        assert (torch.get_num_threads(), some.chosen, tried) == (2, 2, [4, 2, 1])


def test_on_a_quiet_machine_all_train() -> None:
    with Threads(CPU) as some:
        some.fastest(taking({4: 1.0, 2: 2.0, 1: 4.0}))
        assert (torch.get_num_threads(), some.chosen) == (4, 4)


def test_what_is_known_better_stays_while_the_number_does() -> None:
    with Threads(CPU) as some:
        assert some.fastest(taking({4: 3.0, 2: 2.0, 1: 1.0}), known=9.0) == 1.0, "known of another number"
        assert some.fastest(taking({4: 3.0, 2: 2.0, 1: 1.0}), known=1.25) == 1.25
        assert some.fastest(taking({4: 0.5, 2: 2.0, 1: 1.0}), known=1.25) == 0.5


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_a_number_that_the_user_said_stands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "4")
    tried: list[int] = []
    with Threads(CPU) as some:
        assert torch.get_num_threads() == 4
        assert some.fastest(taking({4: 3.0}, tried)) == 3.0
        assert some.fastest(taking({4: 3.0}, tried), known=2.5) == 2.5
    assert (tried, some.chosen) == ([4], 4)


def test_on_a_gpu_the_number_stands() -> None:
    with Threads(torch.device("cuda")) as some:
        assert some.counts == (4,)


@pytest.mark.parametrize(("there", "counts"), [(1, (1,)), (2, (2, 1)), (3, (3, 1)), (16, (16, 8, 1))])
def test_all_half_and_one_are_tried(there: int, counts: tuple[int, ...]) -> None:
    with with_threads(there):
        assert Threads(CPU).counts == counts


def test_an_error_leaves_as_many_as_before() -> None:
    with pytest.raises(KeyboardInterrupt), Threads(CPU):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), with_threads(2):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 4


class Busy(Clock):
    """More than one thread takes ten times as long; `trained` has the number of threads of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.trained: list[int] = []

    @property
    def per_image(self) -> float:
        return 0.01 if torch.get_num_threads() == 1 else 0.1

    @per_image.setter
    def per_image(self, value: float) -> None:
        """The number of threads alone decides."""

    def install(self, set_attribute: Callable[[str, object], object]) -> None:
        super().install(set_attribute)
        timed = tuning.Fit
        busy = self

        class Noted(timed):  # type: ignore[misc, valid-type]
            def epoch(self) -> Any:
                busy.trained.append(torch.get_num_threads())
                return super().epoch()

        set_attribute("model_zoo.style.tuning.Fit", Noted)


def test_every_epoch_is_trained_with_the_fastest_number_also_after_a_stop(
    tuned: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, save, count = tmp_path / "it.checkpoint", tuning.save_checkpoint, iter(range(1, 100))

    def save_and_stop(*arguments: Any, **options: Any) -> None:
        save(*arguments, **options)
        if next(count) == 4:  # in the second round
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "save_checkpoint", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            tuned(before := Busy(), checkpoint=checkpoint)

    done = tuned(after := Busy(), checkpoint=checkpoint)

    assert done.threads == 1
    assert before.trained
    assert after.trained
    assert set(before.trained) == set(after.trained) == {1}


def test_images_are_read_with_that_number_too(
    digits: list[LabelledFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    real = reading.log_probs

    def noted(*arguments: Any) -> torch.Tensor:
        counts.append(torch.get_num_threads())
        return real(*arguments)

    monkeypatch.setattr(reading, "log_probs", noted)
    some: Tuned = untrained(digits[:30], [])

    reading.read_with(some, digits[:2])
    reading.read_with(replace(some, threads=2), digits[:2])

    assert counts == [4, 2]
