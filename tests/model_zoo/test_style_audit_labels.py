"""Which test labels an audit doubts: what several trainings surely read alike, and otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_zoo.split import LabelledFile
from model_zoo.style.audit_journal import Run
from model_zoo.style.audit_labels import doubts, larger

TEST = [
    LabelledFile(Path(f"{label}.png"), label, f"{at:064x}")
    for at, label in enumerate(("ab", "cd", "ef", "gh"))
]


def run(size: int, draw: int, *texts: str, sure: float = 0.95) -> Run:
    return Run(size, draw, 8, 20.0, 20.0, 21.0, 7, "as it says", False, texts, (sure,) * len(texts))


SMALL = [run(10, draw, "xx", "cd", "ef", "gh") for draw in range(3)]


def test_most_of_the_larger_trainings_decide() -> None:
    runs = [
        run(0, 0, "ab", "cd", "ef", "gh"),
        *SMALL,
        run(20, 0, "ab", "cx", "ef", "gh"),
        run(20, 1, "ab", "cx", "ef", "gh"),
        run(40, 0, "ab", "cd", "ey", "gh"),
        run(40, 1, "ab", "cx", "ef", "gh", sure=0.91),
    ]

    assert larger(runs) == runs[4:]
    (found,) = doubts(runs, TEST)
    assert (found.file, found.text, found.trainings, found.of) == (TEST[1], "cx", 3, 4)
    assert found.probability == pytest.approx((0.95 + 0.95 + 0.91) / 3)


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param([run(20, 0, "ab", "cx", "ef", "gh")], id="one training agrees with itself"),
        pytest.param([run(20, d, "ab", "cx", "ef", "gh") for d in range(2)], id="two are too few"),
        pytest.param([run(20, d, "ab", "cx", "ef", "gh", sure=0.8) for d in range(3)], id="none is sure"),
        pytest.param([run(20, d, "ab", f"c{d}", "ef", "gh") for d in range(3)], id="each reads another text"),
        pytest.param([run(20, d, "ab", "cx", "ex", "gh") for d in range(3)], id="readers that miss half"),
    ],
)
def test_no_label_is_doubted(runs: list[Run]) -> None:
    assert doubts(runs, TEST) == ()
