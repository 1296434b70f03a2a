"""What holds for the figures of any job, whatever its lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from model_zoo.figures import Share
from producer.accuracy import measure
from producer.labels import StemLabels
from producer.results import ResultLine
from producer.smallest import Smallest
from worker.contract import AnswerError

BROKEN = AnswerError("truncated", "the image ends before its data does")


def line(number: int, label: str, text: str | None, probability: float | None = None) -> ResultLine:
    """An answer to the image LABEL_NUMBER.png; no text means an error."""
    error = BROKEN if text is None else None
    return ResultLine(number, f"{label}_{number}.png", text, probability, error=error, worker="w", attempt=1)


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 50), (50, 50), (195, 200), (9_999, 10_000)])
def test_the_interval_is_that_of_scipy(right: int, n: int) -> None:
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")

    assert Share(right, n).interval == pytest.approx((expected.low, expected.high), abs=1e-12)


TEXTS = st.text(alphabet="abAB_ \udce9é", max_size=4)
SOME_LINES = st.lists(
    st.tuples(TEXTS, st.none() | TEXTS, st.none() | st.floats(0, 1)),
    max_size=20,
).map(lambda rows: [line(number, *row) for number, row in enumerate(rows)])


@given(lines=SOME_LINES, ignore_case=st.booleans(), data=st.data())
def test_the_order_of_the_lines_changes_no_figure(
    lines: list[ResultLine], ignore_case: bool, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(lines))

    first = measure(lines, StemLabels(), ignore_case=ignore_case, charset="ab")

    assert measure(shuffled, StemLabels(), ignore_case=ignore_case, charset="ab") == first


@given(lines=SOME_LINES)
def test_the_figures_agree_with_each_other(lines: list[ResultLine]) -> None:
    report = measure(lines, StemLabels())

    assert report.answered + sum(report.errors.values()) == report.images
    assert sum(row.exact_match.n for row in report.by_length) == (
        report.exact_match.n if report.exact_match else 0
    )
    assert sum(row.accuracy.right for row in report.by_character) == report.characters_right
    assert sum(row.accuracy.n for row in report.by_character) == report.label_characters
    deleted = sum(len(StemLabels().label_of(line.file) or "") for line in lines if line.error)
    assert report.confusions_total + deleted == report.edits


@given(st.lists(st.integers(-5, 5)), st.integers(1, 6))
def test_the_smallest_of_a_stream_are_those_of_a_sorted_list(numbers: list[int], cap: int) -> None:
    kept: Smallest[tuple[int, int]] = Smallest(cap)
    for position, number in enumerate(numbers):
        kept.offer((number,), (number, position))

    expected = sorted(
        ((number, position) for position, number in enumerate(numbers)), key=lambda pair: pair[0]
    )
    assert list(kept.items()) == expected[:cap]
