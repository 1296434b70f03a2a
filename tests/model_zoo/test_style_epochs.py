"""What an epoch of a style's training goes over."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from model_zoo.charset import Charset
from model_zoo.split import LabelledFile
from model_zoo.style.epochs import AS_MANY_GENERATED, LEAST_IMAGES, MOST_IMAGES, Epochs
from model_zoo.style.looked_at import Inputs
from model_zoo.training.data import LabelledImages


def numbered(n: int, first: int = 0) -> LabelledImages:
    """Images of one pixel and labels that say their number."""
    numbers = range(first, first + n)
    return LabelledImages(torch.zeros(n, 1, 1, 1, dtype=torch.uint8), tuple(map(str, numbers)))


def inputs(n: int) -> Inputs:
    """As read from n files."""
    files = tuple(LabelledFile(Path(f"{number}.png"), str(number), f"{number:x}") for number in range(n))
    return Inputs(files, numbered(n), (), None, Charset("0123456789"), 1, 8, (1, 5), 1.0)


BANK = numbered(500, 1_000_000)


@pytest.mark.parametrize("n", [1, 7, 40, 383, 384, 500])
def test_few_images_are_gone_over_as_often_as_fills_an_epoch_each_as_often_as_the_others(n: int) -> None:
    counts = Counter(Epochs(inputs(n), None, (), 0)(3).labels)

    assert set(counts) == {str(number) for number in range(n)}
    assert len(set(counts.values())) == 1
    assert LEAST_IMAGES <= counts.total() < LEAST_IMAGES + max(n, 1)


def test_of_many_images_an_epoch_takes_a_part_that_differs_from_epoch_to_epoch() -> None:
    epochs = Epochs(inputs(MOST_IMAGES + 1_000), None, (), 0)

    first, second = epochs(0).labels, epochs(1).labels

    assert len(first) == len(set(first)) == len(second) == len(epochs) == MOST_IMAGES
    assert set(first) != set(second)
    assert first == Epochs(inputs(MOST_IMAGES + 1_000), None, (), 0)(0).labels


def test_generated_images_are_as_many_as_few_real_ones_and_a_small_share_of_many() -> None:
    few, many = Epochs(inputs(AS_MANY_GENERATED), BANK, (), 0), Epochs(inputs(400), BANK, (), 0)

    def generated(epochs: Epochs) -> int:
        labels = epochs(0).labels
        assert len(labels) == len(epochs)
        return sum(int(label) >= 1_000_000 for label in labels)

    assert generated(few) == few.generated == len(few) / 2
    assert generated(many) == many.generated == 40 == len(many) - 400


def test_what_is_left_out_is_not_gone_over_unless_nothing_else_is_there() -> None:
    kept = Epochs(inputs(3), BANK, ("0", "2"), 0)(0).labels
    every = Epochs(inputs(3), BANK, ("0", "1", "2"), 0)(0).labels

    assert set(kept) - set(BANK.labels) == {"1"}
    assert set(every) - set(BANK.labels) == {"0", "1", "2"}
